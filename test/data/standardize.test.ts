import { applyScaling, fitScaling } from '../../lib/data/standardize';

test('mean and deviation of each column', () => {
  const { mean, deviation } = fitScaling(Float32Array.of(1, 10, 2, 20, 3, 60), 2);
  expect([...mean]).toEqual([2, 30]);
  expect(deviation[0]).toBeCloseTo(Math.sqrt(2 / 3), 6);
  expect(deviation[1]).toBeCloseTo(Math.sqrt(1400 / 3), 5);
});

test('scaled columns have mean 0 and deviation 1, also far from the origin', () => {
  const rows = 1000;
  const x = Float32Array.from({ length: 3 * rows }, (_, i) => {
    const row = Math.floor(i / 3);
    return [Math.sin(row), 1e6 + (row % 7), 1e-6 * row][i % 3];
  });
  const scaled = fitScaling(applyScaling(x, fitScaling(x, 3)), 3);
  for (let f = 0; f < 3; f++) {
    // the second column is 1e6 with a deviation of 2: float32 rounds its mean by up to 1/32
    expect(Math.abs(scaled.mean[f])).toBeLessThan(f === 1 ? 0.02 : 1e-5);
    expect(scaled.deviation[f]).toBeCloseTo(1, 5);
  }
});

test('a constant column becomes 0, and other values in it later are not blown up', () => {
  const constant = new Float32Array(999).fill(0.1); // its mean is not exact in floating point
  const scaling = fitScaling(constant, 1);
  expect(scaling.deviation[0]).toBe(1);
  expect(applyScaling(constant, scaling).every((v) => v === 0)).toBe(true);
  expect(applyScaling(Float32Array.of(0.35), scaling)[0]).toBeCloseTo(0.25, 6);
});

test('other data is scaled with the statistics of the training set, into a new array', () => {
  const x = Float32Array.of(5, 5);
  const scaled = applyScaling(x, { mean: Float32Array.of(1, 3), deviation: Float32Array.of(2, 4) });
  expect([...scaled]).toEqual([2, 0.5]);
  expect([...x]).toEqual([5, 5]);
});

test('data that are not whole rows are rejected', () => {
  expect(() => fitScaling(new Float32Array(5), 2)).toThrow('fitScaling: 5 values are not rows of 2 features');
  expect(() => fitScaling(new Float32Array(0), 2)).toThrow('fitScaling: 0 values are not rows of 2 features');
  expect(() => fitScaling(new Float32Array(4), 0)).toThrow('features must be a positive whole number, got 0');
  expect(() => fitScaling(new Float32Array(4), 0.5)).toThrow('features must be a positive whole number, got 0.5');
  const scaling = fitScaling(new Float32Array(4), 2);
  expect(() => applyScaling(new Float32Array(5), scaling)).toThrow('applyScaling: 5 values are not rows of 2 features');
});

test('what are no numbers and no scaling is rejected', () => {
  const x = new Float32Array(4);
  const wrong = (value: unknown) => value as never;
  expect(() => fitScaling(wrong(null), 2)).toThrow('fitScaling: x must be a Float32Array, got null');
  expect(() => fitScaling(wrong([1, 2]), 2)).toThrow('fitScaling: x must be a Float32Array, got object');
  expect(() => applyScaling(wrong('x'), fitScaling(x, 2))).toThrow(
    'applyScaling: x must be a Float32Array, got string',
  );
  for (const scaling of [{}, null, undefined]) {
    const message = 'applyScaling: scaling.mean must be a Float32Array, got undefined';
    expect(() => applyScaling(x, wrong(scaling))).toThrow(message);
  }
  const uneven = { mean: new Float32Array(2), deviation: new Float32Array(1) };
  expect(() => applyScaling(x, uneven)).toThrow('as many means as deviations, got 2 and 1');
});
