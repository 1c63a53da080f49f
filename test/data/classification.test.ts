import { type ClassificationOptions, makeClassification } from '../../lib/data/classification';

/** Mean of each feature over the samples of one class, and how many there are. */
function clusterOf({ x, y, features }: ReturnType<typeof makeClassification>, label: number) {
  const mean = new Float64Array(features);
  const rows = [...y.keys()].filter((i) => y[i] === label);
  for (const i of rows) for (let f = 0; f < features; f++) mean[f] += x[i * features + f] / rows.length;
  let squares = 0;
  for (const i of rows) for (let f = 0; f < features; f++) squares += (x[i * features + f] - mean[f]) ** 2;
  return { mean, count: rows.length, variance: squares / (rows.length * features) };
}

test('has the defaults that it says', () => {
  const { x, y, features } = makeClassification();
  expect([x.length, y.length, features]).toEqual([2000, 1000, 2]);
  expect(new Set(y)).toEqual(new Set([0, 1]));
});

test('more features than a call has arguments', () => {
  const features = 130_000;
  const { x } = makeClassification({ samples: 2, features, separation: 1e6 });
  expect(Math.sqrt(x.subarray(0, features).reduce((sum, v) => sum + v * v, 0)) / 1e6).toBeCloseTo(1, 3);
});

test('same seed, same data; another seed, other data', () => {
  const a = makeClassification({ samples: 50, features: 3, classes: 4, noise: 0.2, seed: 5 });
  const b = makeClassification({ samples: 50, features: 3, classes: 4, noise: 0.2, seed: 5 });
  const c = makeClassification({ samples: 50, features: 3, classes: 4, noise: 0.2, seed: 6 });
  expect(a).toEqual(b);
  expect([...a.x]).not.toEqual([...c.x]);
  expect([...a.y]).not.toEqual([...c.y]);
});

test('two classes are unit normal clusters on opposite sides of the origin', () => {
  const data = makeClassification({ samples: 20000, features: 5, separation: 3, seed: 1 });
  const [a, b] = [clusterOf(data, 0), clusterOf(data, 1)];
  // 10,000 samples: the standard error of a mean is 0.01, of a share 0.0035
  expect(Math.abs(a.count / 20000 - 0.5)).toBeLessThan(0.015);
  expect(Math.hypot(...a.mean)).toBeCloseTo(3, 1);
  for (let f = 0; f < 5; f++) expect(Math.abs(a.mean[f] + b.mean[f])).toBeLessThan(0.06);
  expect(Math.abs(a.variance - 1)).toBeLessThan(0.03);
  expect(Math.abs(b.variance - 1)).toBeLessThan(0.03);
});

test('many classes are equally frequent, each at its distance from the origin', () => {
  const data = makeClassification({ samples: 20000, features: 8, classes: 5, separation: 2, seed: 2 });
  for (let label = 0; label < 5; label++) {
    const { mean, count, variance } = clusterOf(data, label);
    expect(Math.abs(count / 20000 - 0.2)).toBeLessThan(0.015);
    expect(Math.abs(Math.hypot(...mean) - 2)).toBeLessThan(0.1);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  }
});

test('noise replaces its share of the labels by random ones, and leaves the points', () => {
  const options = { samples: 20000, features: 2, classes: 4, seed: 3 };
  const clean = makeClassification(options);
  const noisy = makeClassification({ ...options, noise: 0.4 });
  expect(noisy.x).toEqual(clean.x);
  const changed = noisy.y.filter((label, i) => label !== clean.y[i]).length / 20000;
  expect(Math.abs(changed - 0.4 * (3 / 4))).toBeLessThan(0.015); // one random label in four is the old one
});

test.each<[ClassificationOptions, string]>([
  [{ samples: 0 }, 'makeClassification: samples must be a positive whole number, got 0'],
  [{ features: 1.5 }, 'makeClassification: features must be a positive whole number, got 1.5'],
  [{ classes: -2 }, 'makeClassification: classes must be a positive whole number, got -2'],
  [{ separation: Number.NaN }, 'makeClassification: separation must be a number of at least 0, got NaN'],
  [{ noise: 1.1 }, 'makeClassification: noise must be between 0 and 1, got 1.1'],
  [null as never, 'makeClassification: the options must be an object, got null'],
  [{ seed: 0.5 }, 'makeClassification: seed must be a whole number, got 0.5'],
])('%j is rejected', (options, message) => {
  expect(() => makeClassification(options)).toThrow(message);
});
