import { type Adapter, type Loaded, type Numbers, unsupported } from '../adapter';
import { cpuInfo, grad, initializers, jit, layers, ops, setThreads, type Tensor, tensor, trainTestSplit } from '../api';
import { camel } from '../names';
import type { Check } from '../set';
import { runLayer } from './normalizations';

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Compares a number with what a check expects of it. */
function verify(checks: readonly Check[], what: string, got: number): void {
  const check = checks.find((c) => c.what === what);
  if (check === undefined) return;
  const expected = check.expect ?? 0;
  const limit = (check.abs_tol ?? 0) + (check.rel_tol ?? 0) * Math.abs(expected);
  const fits = what.endsWith('<=') ? got <= expected + 1e-7 : Math.abs(got - expected) <= limit;
  must(fits, `${what}: got ${got}, expected ${expected} within ${limit}`);
}

function moments(values: Numbers) {
  const n = values.length;
  let [sum, largest] = [0, 0];
  for (let i = 0; i < n; i++) {
    sum += values[i];
    largest = Math.max(largest, Math.abs(values[i]));
  }
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - mean) ** 2;
  return { mean, std: Math.sqrt(squares / n), largest };
}

const same = (a: Numbers, b: Numbers): boolean => a.length === b.length && Array.from(a).every((v, i) => v === b[i]);

function dropout({ attrs, checks = [] }: Loaded): void {
  const { rate, n } = attrs;
  const drop = (seed: number) => jit((x: typeof ones) => ops.dropout(x, rate, { seed }));
  const ones = ops.ones([n]);
  const out = drop(1)(ones).data;
  const kept = Math.fround(1 / (1 - rate));
  let zeros = 0;
  for (const v of out) {
    if (v === 0) zeros++;
    else must(v === kept, `kept values are x/(1-rate): got ${v}, expected ${kept}`);
  }
  verify(checks, 'fraction of zeros', zeros / n);
  must(same(out, drop(1)(ones).data), 'same seed, same mask');
  if (rate > 0 && rate < 1) must(!same(out, drop(2)(ones).data), 'another seed, another mask');
  const layer = layers.dropout({ rate, seed: 1 });
  must(same(ones.data, runLayer(layer, [ones], {}).y.data), 'inference returns the input bit for bit');
  const slope = jit(grad((x: typeof ones) => ops.sum(ops.dropout(x, rate, { seed: 1 }))))(ones).data;
  must(same(out, slope), 'backward uses the same mask');
}

function initializer({ attrs, checks = [] }: Loaded): void {
  const make = (initializers as unknown as Record<string, () => (shape: number[], random: object) => Float32Array>)[
    camel(attrs.name)
  ];
  if (make === undefined) unsupported(attrs.name);
  const values = make()(attrs.shape, { seed: 1, stream: 1 });
  const { mean, std, largest } = moments(values);
  verify(checks, 'mean', mean);
  verify(checks, 'std', std);
  verify(checks, 'max |w| <=', largest);
  const orthogonal = checks.find((c) => c.what.startsWith('W^T W = I'));
  if (orthogonal === undefined) return;
  const w = tensor(values, attrs.shape);
  const product = ops.matmul(ops.transpose(w), w).data;
  const columns = attrs.shape[1];
  product.forEach((v, i) => {
    const expected = Number(Math.floor(i / columns) === i % columns);
    must(Math.abs(v - expected) <= (orthogonal.abs_tol ?? 0), `W^T W: element ${i} is ${v}, expected ${expected}`);
  });
}

/** Moments within 5 sigma, and the same numbers for the same seed. */
const generator =
  (draw: (n: number, seed: number) => Numbers, mean: number, std: number, kurtosis: number) =>
  ({ attrs: { n } }: Loaded): void => {
    const values = draw(n, 7);
    const got = moments(values);
    const [meanError, stdError] = [(5 * std) / Math.sqrt(n), 5 * std * Math.sqrt((kurtosis - 1) / 4 / n)];
    must(Math.abs(got.mean - mean) <= meanError, `mean ${got.mean}, expected ${mean} within ${meanError}`);
    must(Math.abs(got.std - std) <= stdError, `std ${got.std}, expected ${std} within ${stdError}`);
    const { threads } = cpuInfo();
    for (const count of [1, threads]) {
      setThreads(count);
      must(same(values, draw(n, 7)), `same seed, same stream with ${count} threads`);
    }
    must(!same(values, draw(n, 8)), 'another seed, another stream');
  };

/** The values of a layer in training: moments, the same bits for the same seed, and in inference the input itself. */
const layerNoise = (
  make: (seed: number) => layers.Layer,
  input: (n: number) => Tensor,
  [mean, std, kurtosis]: readonly [number, number, number],
) => {
  const run = (n: number, seed: number, training = true): Numbers => {
    const apply = (x: Tensor): Tensor => runLayer(make(seed), [x], {}, training).y;
    return jit(apply)(input(n)).data;
  };
  return (golden: Loaded): void => {
    generator(run, mean, std, kurtosis)(golden);
    const { n } = golden.attrs;
    must(same(run(n, 7, false), input(n).data), 'inference returns the input bit for bit');
  };
};

/** One channel of sequences of length 2 for each value; both time steps must agree. */
function spatialDropout(golden: Loaded): void {
  const draw = (n: number, seed: number): Numbers => {
    const layer = layers.spatialDropout1d({ rate: 0.2, seed });
    const apply = (x: Tensor): Tensor => runLayer(layer, [x], {}, true).y;
    const values = jit(apply)(ops.ones([10, 2, n / 10]));
    const [first, second] = [0, 1].map((step) => ops.sliceAxis(values, 1, step, step + 1).data);
    must(same(first, second), 'all time steps of a channel are dropped together');
    return first;
  };
  generator(draw, 1, 0.5, 3.25)(golden);
}

/**
 * The order of shuffled rows. Every row comes once; neighbours of the original order are as far apart as chance has it: the
 * correlation of position and row is normal with deviation 1 / sqrt(n).
 */
function shuffle({ attrs: { n } }: Loaded): void {
  const draw = (seed: number): Int32Array => {
    const rows = Int32Array.from({ length: n }, (_, i) => i);
    const { train, test } = trainTestSplit([rows], n, { seed });
    return Int32Array.from([...train[0], ...test[0]]);
  };
  const order = draw(7);
  must(new Set(order).size === n, 'every row comes once');
  const middle = (n - 1) / 2;
  let correlation = 0;
  for (let i = 0; i < n; i++) correlation += (i - middle) * (order[i] - middle);
  correlation /= (n * (n * n - 1)) / 12;
  must(Math.abs(correlation) <= 5 / Math.sqrt(n), `correlation with the old order is ${correlation}`);
  const threads = cpuInfo().threads;
  setThreads(1);
  must(same(order, draw(7)), 'same seed, same order, for any number of threads');
  setThreads(threads);
  must(!same(order, draw(8)), 'another seed, another order');
}

const streamChecks = [
  'moments within 5 sigma',
  'same seed, same stream on every thread count, batch split and platform',
];
const dropoutChecks = [
  'fraction of zeros',
  'kept values are x/(1-rate) exactly in float32',
  'inference returns the input bit for bit',
  'backward uses the same mask: dx = dy*mask/(1-rate)',
  'same seed, same mask; another seed, another mask',
  'rate 1.0 gives all zeros, never NaN',
];
const initializerChecks = ['mean', 'std', 'max |w| <=', 'W^T W = I (columns, fo<=fi)'];

export const statistics: Record<string, Adapter> = {
  'stats/dropout': { checked: dropout, checks: dropoutChecks },
  'stats/gaussian_noise': {
    checked: layerNoise(
      (seed) => layers.gaussianNoise({ stddev: 1, seed }),
      (n) => ops.zeros([10, n / 10]),
      [0, 1, 3],
    ),
    checks: streamChecks,
  },
  'stats/gaussian_dropout': {
    checked: layerNoise(
      (seed) => layers.gaussianDropout({ rate: 0.2, seed }),
      (n) => ops.ones([10, n / 10]),
      [1, 0.5, 3],
    ),
    checks: streamChecks,
  },
  'stats/alpha_dropout': {
    checked: layerNoise(
      (seed) => layers.alphaDropout({ rate: 0.1, seed }),
      (n) => ops.randomNormal([10, n / 10], 0, 1, { seed: 1 }),
      [0, 1, 5],
    ),
    checks: streamChecks,
  },
  'stats/spatial_dropout': { checked: spatialDropout, checks: streamChecks },
  'stats/initializer': { checked: initializer, checks: initializerChecks, implied: ['fan_in', 'fan_out'] },
  'stats/shuffle': { checked: shuffle, checks: streamChecks },
  'stats/random_uniform': {
    checked: generator((n, seed) => ops.randomUniform([n], 0, 1, { seed }).data, 0.5, 1 / Math.sqrt(12), 1.8),
    checks: streamChecks,
  },
  'stats/random_normal': {
    checked: generator((n, seed) => ops.randomNormal([n], 0, 1, { seed }).data, 0, 1, 3),
    checks: streamChecks,
  },
};
