// Rows added up by index, in parts and with an update behind them, and rows taken: around the sizes at which the kernels change.
import {
  input,
  jit,
  layers,
  type Model,
  model,
  ops,
  optimizers,
  type SymbolicTensor,
  setThreads,
  type Tensor,
  tensor,
} from '../../lib/index';
import { cpuInfo } from '../../lib/runtime/native';
import { Random } from '../helpers/random';

const { threads: threadsBefore } = cpuInfo();
afterAll(() => setThreads(threadsBefore));

const draws: [string, (random: Random, i: number, rows: number) => number][] = [
  ['at random', (random, _, rows) => random.int(0, rows - 1)],
  ['in order', (_, i, rows) => Math.min(rows - 1, i >> 2)],
  ['all in one', (_, __, rows) => Math.min(rows - 1, 7)],
  ['half of them in the last', (random, i, rows) => (i % 2 === 0 ? rows - 1 : random.int(0, rows - 1))],
];
const sizes: readonly (readonly [count: number, inner: readonly number[], rows: number])[] = [
  [255, [], 40],
  [257, [3], 9000],
  [60_000, [], 20_000],
  [20_000, [5], 3001],
  [1, [16], 1],
  [300, [15], 700],
  [300, [16], 700],
  [3000, [200], 90],
  [40, [64], 9000],
  [2000, [8, 40], 300],
  [20, [5000], 9],
  [600, [256], 4000],
];

/** Indices, what is added to their rows, and the sums in float32, in the order of the indices. */
function problem(
  [count, inner, rows]: (typeof sizes)[number],
  draw: (typeof draws)[number][1],
): { indices: Int32Array; updates: Float32Array; sums: Float32Array; width: number } {
  const random = new Random(count);
  const width = inner.reduce((a, b) => a * b, 1);
  const indices = Int32Array.from({ length: count }, (_, i) => draw(random, i, rows));
  const updates = Float32Array.from({ length: count * width }, () => random.normal());
  const sums = new Float32Array(rows * width);
  indices.forEach((row, i) => {
    for (let j = 0; j < width; j++) sums[row * width + j] += updates[i * width + j] as number;
  });
  return { indices, updates, sums, width };
}

/** The largest distance between two arrays of one length. */
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < b.length; i++) most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
  return a.length === b.length ? most : Number.POSITIVE_INFINITY;
};

describe.each(draws)('rows added up, %s', (_, draw) => {
  test.each(sizes)('%i of %j into %i: the same bits with one and two threads', (count, inner, rows) => {
    const { indices, updates, sums } = problem([count, inner, rows], draw);
    for (const threads of [2, 1]) {
      setThreads(threads);
      const { data } = ops.scatterAdd(tensor(indices, [count]), tensor(updates, [count, ...inner]), rows);
      expect(distance(data, sums)).toBe(0);
    }
  });

  test.each(sizes)('%i of %j into %i, and what is computed from all rows', (count, inner, rows) => {
    const { indices, updates, sums } = problem([count, inner, rows], draw);
    const random = new Random(rows);
    const shape = [rows, ...inner];
    const w = Float32Array.from(sums, () => random.normal());
    const m = Float32Array.from(sums, () => random.normal());
    const moved = jit((i: Tensor, u: Tensor, weights: Tensor, momentum: Tensor) => {
      const next = ops.add(ops.multiply(momentum, 0.5), ops.scatterAdd(i, u, rows));
      return [ops.subtract(weights, ops.multiply(next, 0.25)), next];
    });
    const next = sums.map((g, i) => 0.5 * (m[i] as number) + g);
    const want = next.map((v, i) => (w[i] as number) - 0.25 * v);
    for (const threads of [2, 1]) {
      setThreads(threads);
      const [weights, momentum] = moved(
        ...[tensor(indices, [count]), tensor(updates, [count, ...inner])],
        ...[tensor(w, shape), tensor(m, shape)],
      ) as [Tensor, Tensor];
      // one rounding each where there are two: of products added to, which are of the size of the sums
      const size = sums.reduce((most, v) => Math.max(most, Math.abs(v)), 4);
      expect(distance(momentum.data, next)).toBeLessThan(size * 2 ** -23);
      expect(distance(weights.data, want)).toBeLessThan(size * 2 ** -22);
    }
  });
});

describe('rows taken', () => {
  test.each([1, 2, 3, 4, 5, 16])('of %i numbers, of a whole table and of a part of one', (inner) => {
    const [rows, count] = [50, 3000];
    const random = new Random(inner);
    const table = Float32Array.from({ length: rows * inner * 2 }, () => random.normal());
    const indices = Int32Array.from({ length: count }, () => random.int(0, rows - 1));
    const whole = tensor(table, [2 * rows, inner]);
    const part = ops.slice(tensor(table, [rows, 2 * inner]), [0, inner], [rows, inner]);
    const at = tensor(indices, [count]);
    const [taken, ofPart] = [ops.take(whole, at, 0).data, ops.take(part, at, 0).data];
    const want = (base: number, stride: number) =>
      Float32Array.from({ length: count * inner }, (_, i) => {
        return table[base + (indices[Math.floor(i / inner)] as number) * stride + (i % inner)] as number;
      });
    expect(distance(taken, want(0, inner))).toBe(0);
    expect(distance(ofPart, want(inner, 2 * inner))).toBe(0);
    const beyond = tensor(Int32Array.of(0, rows), [2]);
    expect(() => ops.take(part, beyond, 0).data).toThrow(/index/);
  });
});

test('an index outside, in any block, is an error', () => {
  for (const inner of [1, 64]) {
    for (const [at, value] of [
      [0, -1],
      [599, 50],
      [300, 2 ** 30],
    ] as const) {
      const indices = new Int32Array(600).fill(3);
      indices[at] = value;
      const updates = tensor(new Float32Array(600 * inner), [600, inner]);
      expect(() => ops.scatterAdd(tensor(indices, [600]), updates, 50).data).toThrow(/index/);
    }
  }
});

describe('a table that is learned', () => {
  const [vocabulary, width, time] = [3000, 32, 6];
  const ids = Int32Array.from([5, 9, 5, 2999, 0, 5, 17, 17, 2998, 9, 0, 1]);

  /** The mean of each sample's vectors, to be 0. */
  function learner(optimizer: optimizers.Optimizer): { net: Model; table: () => Float32Array } {
    const x = input({ shape: [time], dtype: 'int32' });
    const vectors = layers.embedding({ inputDim: vocabulary, outputDim: width }).apply(x) as SymbolicTensor;
    const net = model({ inputs: x, outputs: layers.lambda((v) => ops.sum(v, 1)).apply(vectors) as SymbolicTensor });
    net.compile({ optimizer, loss: 'mse' });
    return { net, table: () => Float32Array.from(net.getWeights()[0]?.data as Float32Array) };
  }

  /** Of the loss, with respect to the table. */
  function gradientOf(table: Float32Array, targets: Float32Array): Float64Array {
    const gradient = new Float64Array(table.length);
    for (let sample = 0; sample < 2; sample++) {
      const own = ids.subarray(sample * time, (sample + 1) * time);
      for (let j = 0; j < width; j++) {
        const sum = own.reduce((s, id) => s + (table[id * width + j] as number), 0);
        const slope = (sum - (targets[sample * width + j] as number)) / width;
        for (const id of own) gradient[id * width + j] += slope;
      }
    }
    return gradient;
  }

  const random = new Random(3);
  const targets = Float32Array.from({ length: 2 * width }, () => random.normal());

  test.each([
    ['SGD', () => optimizers.sgd({ learningRate: 0.5 }), 0, 0],
    ['SGD, decay', () => optimizers.sgd({ learningRate: 0.5, weightDecay: 0.1 }), 0, 0.1],
    ['SGD, momentum', () => optimizers.sgd({ learningRate: 0.5, momentum: 0.9 }), 0.9, 0],
  ])('by %s', async (_, make, momentum, decay) => {
    const { net, table } = learner(make());
    let want = table();
    const before = want;
    let velocity = new Float64Array(want.length);
    for (let step = 0; step < 3; step++) {
      await net.trainOnBatch(ids, targets);
      const gradient = gradientOf(want, targets);
      velocity = velocity.map((v, i) => momentum * v - 0.5 * (gradient[i] as number));
      want = want.map((w, i) => w * (1 - 0.5 * decay) + (velocity[i] as number));
    }
    const after = table();
    expect(distance(after, want)).toBeLessThan(2e-6);
    const untouched = before.findIndex((_, i) => Math.floor(i / width) === 100);
    if (decay === 0) expect(after[untouched]).toBe(before[untouched]);
    expect(distance(after, before)).toBeGreaterThan(0.01);
    net.dispose();
  });

  test('by Adam', async () => {
    const { net, table } = learner(optimizers.adam({ learningRate: 0.01 }));
    const before = table();
    await net.trainOnBatch(ids, targets);
    const gradient = gradientOf(before, targets);
    // the first step: both moments are of one gradient
    const direction = gradient.map((g) => g / (Math.abs(g) + 1e-7 / Math.sqrt(0.001)));
    const want = before.map((w, i) => w - 0.01 * (direction[i] as number));
    expect(distance(table(), want)).toBeLessThan(1e-5);
    net.dispose();
  });
});
