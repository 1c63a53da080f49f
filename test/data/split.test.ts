import { trainTestSplit } from '../../lib/data/split';

// Sample i is [10 i, 10 i + 1] with label i.
const samples = 100;
const x = Float32Array.from({ length: 2 * samples }, (_, i) => 10 * Math.floor(i / 2) + (i % 2));
const y = Int32Array.from({ length: samples }, (_, i) => i);

test('every sample goes to one part, whole and with its label', () => {
  const { train, test } = trainTestSplit([x, y], samples, { testSize: 0.2 });
  expect([train[0].length, train[1].length, test[0].length, test[1].length]).toEqual([160, 80, 40, 20]);
  for (const [xPart, yPart] of [train, test]) {
    expect(xPart).toBeInstanceOf(Float32Array);
    expect(yPart).toBeInstanceOf(Int32Array);
    yPart.forEach((label, i) => {
      expect([...xPart.subarray(2 * i, 2 * i + 2)]).toEqual([10 * label, 10 * label + 1]);
    });
  }
  expect([...train[1], ...test[1]].sort((a, b) => a - b)).toEqual([...y]);
});

test('a quarter is for testing unless told otherwise', () => {
  expect(trainTestSplit([y], samples).test[0].length).toBe(25);
});

test('the seed decides the order', () => {
  const order = (seed: number) => [...trainTestSplit([y], samples, { seed }).train[0]];
  expect(order(1)).toEqual(order(1));
  expect(order(1)).not.toEqual(order(2));
  expect(order(1)).not.toEqual([...y.subarray(0, 75)]);
});

test('shuffling is uniform: every sample is tested on equally often', () => {
  const times = new Float64Array(20);
  const numbers = Int32Array.from(times.keys());
  for (let seed = 0; seed < 2000; seed++) {
    for (const i of trainTestSplit([numbers], 20, { testSize: 0.25, seed }).test[0]) times[i]++;
  }
  // binomial with mean 500 and standard deviation 19.4
  for (const n of times) expect(Math.abs(n - 500)).toBeLessThan(97);
});

test('shuffle: false keeps the order and tests on the end', () => {
  const { train, test } = trainTestSplit([y], samples, { shuffle: false, testSize: 0.1 });
  expect([...train[0], ...test[0]]).toEqual([...y]);
  expect(test[0].length).toBe(10);
});

test('neither part is ever empty, and the arrays passed in stay as they are', () => {
  const two = Uint8Array.of(7, 8);
  for (const testSize of [0.01, 0.99]) {
    const { train, test } = trainTestSplit([two], 2, { testSize });
    expect([train[0].length, test[0].length]).toEqual([1, 1]);
  }
  expect([...two]).toEqual([7, 8]);
});

test.each([
  [[new Float32Array(7)], 3, {}, 'array 0 has 7 values, which is not a multiple of 3 samples'],
  [[new Float32Array(6), new Int32Array(0)], 3, {}, 'array 1 has 0 values'],
  [[new Float32Array(6)], 1, {}, 'samples must be a whole number of at least 2, got 1'],
  [[new Float32Array(6)], 3, { testSize: 1 }, 'testSize must be between 0 and 1, got 1'],
  [[new Float32Array(6)], 3, { testSize: Number.NaN }, 'testSize must be between 0 and 1, got NaN'],
  [[new Float32Array(6)], 3, { seed: 0.5 }, 'seed must be a whole number, got 0.5'],
  [[[1, 2, 3] as unknown as Float32Array], 3, {}, 'array 0 must be a Float32Array, Int32Array or Uint8Array'],
])('arguments that do not fit are rejected (%#)', (arrays, count, options, message) => {
  expect(() => trainTestSplit(arrays, count, options)).toThrow(`trainTestSplit: ${message}`);
});

test('options that are none are rejected', () => {
  expect(() => trainTestSplit([new Float32Array(4)], 4, null as never)).toThrow(
    'trainTestSplit: the options must be an object, got null',
  );
});
