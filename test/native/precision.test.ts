// Values whose digits are lost when the same formula is computed in another order: what is left of a cancellation, the ends of
// the range, long sums. Compared with float64.

import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { cosineSimilarity } from '../../lib/losses/index';
import { grad, jit } from '../../lib/transforms/index';
import { noise } from '../training/support';

const eps = 2 ** -24; // half a unit in the last place of 1
const run = (f: (...x: Tensor[]) => Tensor, ...x: Tensor[]): number[] => [
  ...(jit(f)(...x) as { data: Float32Array }).data,
];
const slope = (f: (...x: Tensor[]) => Tensor, ...x: Tensor[]): number[] =>
  run(grad(f as (x: Tensor) => Tensor) as (...x: Tensor[]) => Tensor, ...x);
const vector = (...values: number[]): Tensor => tensor(Float32Array.from(values), [values.length]);
const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

test('the slope of silu is 0 and 1 at the ends of the range', () => {
  const upstream = vector(3, 3, 3, 3);
  const f = (x: Tensor, dy: Tensor) => ops.sum(ops.multiply(ops.silu(x), dy));
  expect(slope(f as never, vector(3e38, -3e38, 1e4, -1e4), upstream)).toEqual([3, -0, 3, -0].map((v) => v + 0));
});

test('the cross-entropy of a logit that is right keeps its digits', () => {
  const [loss] = run((z) => ops.sigmoidCrossEntropy(z, ops.ones([1])), vector(12.102272));
  expect(Math.abs((loss as number) / Math.log1p(Math.exp(-Math.fround(12.102272))) - 1)).toBeLessThan(4 * eps);
});

test('a sum of a few numbers that cancel is rounded once', () => {
  const terms = [1.2897063, -2.1018856, 1.543326, -0.7254671].map(Math.fround);
  const expected = total(terms);
  expect(run((x) => ops.sum(x), vector(...terms))).toEqual([Math.fround(expected)]);
  const rows = tensor(Float32Array.from([...terms, ...terms.map((v) => 2 * v)]), [2, 4]);
  expect(run((x) => ops.sum(x, 1), rows)).toEqual([Math.fround(expected), Math.fround(2 * expected)]);
});

describe('normalization', () => {
  const f = (x: Tensor, scale: Tensor, dy: Tensor) =>
    ops.sum(ops.multiply(ops.layerNormalization(x, -1, { scale, epsilon: 1e-3 }), dy));

  test('of one element has no gradient', () => {
    const one = (v: number): Tensor => tensor(Float32Array.of(v), [1, 1]);
    expect(Math.abs(slope(f as never, one(1.5723059), vector(-0.6247859), one(1.7718141))[0] as number)).toBe(0);
  });

  test('of a row that equals its mean has none either, however it is scaled', () => {
    const x = tensor(new Float32Array(40).fill(0.7), [1, 40]);
    const [scale, dy] = [new Float32Array(40).fill(0.3), new Float32Array(40).fill(1.1)];
    for (const d of slope(f as never, x, tensor(scale, [40]), tensor(dy, [1, 40]))) expect(Math.abs(d)).toBe(0);
  });

  test('subtracts a mean that is much larger than the deviations exactly', () => {
    const values = noise(64, 3).map((v) => 1000 + v);
    const mean = total([...values]) / 64;
    const variance = total([...values].map((v) => (v - mean) ** 2)) / 64;
    const y = run((x) => ops.layerNormalization(x, -1, { epsilon: 1e-5 }), tensor(values, [1, 64]));
    y.forEach((v, i) => {
      const expected = ((values[i] as number) - mean) / Math.sqrt(variance + 1e-5);
      expect(Math.abs(v - expected)).toBeLessThan(8 * eps * Math.max(1, Math.abs(expected)));
    });
  });

  test('of two values leaves what epsilon leaves', () => {
    // y = +-d / sqrt(d^2 + epsilon), whose slope is epsilon / (d^2 + epsilon)^(3/2)
    const [low, high] = [Math.fround(1.1090562), Math.fround(2.811395)];
    const d = (high - low) / 2;
    const g = (x: Tensor, dy: Tensor) => ops.sum(ops.multiply(ops.groupNormalization(x, 1, { epsilon: 1e-5 }), dy));
    const x = tensor(Float32Array.of(low, high), [1, 2, 1]);
    const [first] = slope(g as never, x, tensor(Float32Array.of(1, 0), [1, 2, 1]));
    expect(Math.abs((first as number) / (1e-5 / (d * d + 1e-5) ** 1.5 / 2) - 1)).toBeLessThan(4 * eps);
  });
});

test('the gradient of a kernel over many positions is a sum of sums', () => {
  const x = tensor(new Float32Array(16 * 32 * 32).fill(0.1), [16, 32, 32, 1]);
  const kernel = tensor(new Float32Array(2), [1, 1, 1, 2]);
  const f = (k: Tensor, v: Tensor) => ops.sum(ops.conv(v, k));
  const expected = 16 * 32 * 32 * Math.fround(0.1);
  for (const value of slope(f as never, kernel, x)) expect(Math.abs(value / expected - 1)).toBeLessThan(544 * eps);
});

test('the gradients of keys add up to nothing for queries that are alike', () => {
  const [time, depth] = [20, 8];
  const key = tensor(noise(time * depth, 1), [1, time, depth]);
  const value = tensor(noise(time * depth, 2), [1, time, depth]);
  const query = tensor(new Float32Array(time * depth).fill(1), [1, time, depth]);
  const dy = tensor(noise(time * depth, 4), [1, time, depth]);
  const f = (k: Tensor, q: Tensor, v: Tensor, d: Tensor) =>
    ops.sum(ops.multiply(ops.scaledDotProductAttention(q, k, v), d));
  const dkey = slope(f as never, key, query, value, dy);
  const column = dkey.filter((_, i) => i % depth === 0);
  expect(Math.abs(total(column))).toBeLessThan(2 * eps * total(column.map(Math.abs)) * Math.sqrt(time));
});

test('cosine similarity of one value has no gradient', () => {
  const one = (v: number): Tensor => tensor(Float32Array.of(v), [1, 1]);
  const f = (p: Tensor, y: Tensor) => ops.sum(cosineSimilarity()(y, p));
  expect(Math.abs(slope(f as never, one(-0.6995664), one(0.01075933))[0] as number)).toBe(0);
});

test('a product with one column sums in lanes', () => {
  const k = 4096;
  const a = tensor(new Float32Array(k).fill(0.1), [1, k]);
  const b = tensor(new Float32Array(k).fill(1), [1, k]);
  const [value] = run((x, y) => ops.matmul(x, ops.transpose(y)), a, b);
  // chains of k / 4 at most, with the narrowest vectors; one chain of k is 40 times as far off
  expect(Math.abs((value as number) / (k * Math.fround(0.1)) - 1)).toBeLessThan((k / 4) * eps);
});
