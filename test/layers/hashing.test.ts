import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { murmur3 } from '../../lib/layers/preprocessing/murmur';
import '../../lib/transforms/index'; // evaluates natively
import { evaluate } from '../helpers/evaluate';
import { type LayerInput, runLayer } from '../helpers/layers';

/** MurmurHash3_x86_32 of bytes, in exact numbers. */
function murmur(bytes: readonly number[], seed: number): number {
  const u32 = (v: bigint) => BigInt.asUintN(32, v);
  const rotate = (v: bigint, by: bigint) => u32((v << by) | (v >> (32n - by)));
  let h = u32(BigInt(seed));
  for (let i = 0; i < bytes.length; i += 4) {
    const word = bytes.slice(i, i + 4).reduce((sum, b, j) => sum | (BigInt(b) << BigInt(8 * j)), 0n);
    h ^= u32(rotate(u32(word * 0xcc9e2d51n), 15n) * 0x1b873593n);
    h = u32(rotate(h, 13n) * 5n + 0xe6546b64n);
  }
  h ^= BigInt(bytes.length);
  h = u32((h ^ (h >> 16n)) * 0x85ebca6bn);
  h = u32((h ^ (h >> 13n)) * 0xc2b2ae35n);
  return Number(BigInt.asIntN(32, h ^ (h >> 16n)));
}
const bytesOf = (...numbers: readonly number[]): number[] => [...new Uint8Array(Int32Array.from(numbers).buffer)];
const bin = (numbers: readonly number[], seed: number, bins: number): number =>
  (murmur(bytesOf(...numbers), seed) & 0x7fffffff) % bins;
const ints = (values: readonly number[], shape = [values.length, 1]): LayerInput => ({ shape, values, dtype: 'int32' });
const run = (layer: layers.Layer, ...inputs: LayerInput[]): number[] => [...runLayer(layer, inputs).values[0]];
const many = Array.from({ length: 500 }, (_, i) => (i < 100 ? i - 50 : Math.imul(i, 0x9e3779b9)));

test('the hash has the values that other implementations have', () => {
  const of = (value: number, seed: number): number =>
    evaluate([murmur3([tensor(Int32Array.of(value))], seed)]).outputs[0][0];
  // scikit-learn's murmurhash3_32(3) and murmurhash3_32(3, seed=42)
  expect([of(3, 0), of(3, 42)]).toEqual([847579505, -1823081949]);
  // of a string of four bytes, 'test'
  expect(of(0x74736574, 0)).toBe(0xba6bd213 | 0);
});

test('the same on the reference and natively', () => {
  const words: Tensor[] = [many, many.map((v) => v ^ 0x55aa)].map((v) => tensor(Int32Array.from(v)));
  const expected = many.map((v) => murmur(bytesOf(v, v ^ 0x55aa), -5));
  expect([...evaluate([murmur3(words, -5)]).outputs[0]]).toEqual(expected);
  expect([...ops.add(murmur3(words, -5), 0).data]).toEqual(expected);
});

test('hashing', () => {
  expect(run(layers.hashing({ numBins: 7 }), ints(many))).toEqual(many.map((v) => bin([v], 0, 7)));
  expect(run(layers.hashing({ numBins: 1000, salt: -3 }), ints(many))).toEqual(many.map((v) => bin([v], -3, 1000)));
  expect(run(layers.hashing({ numBins: 5, maskValue: -1 }), ints(many))).toEqual(
    many.map((v) => (v === -1 ? 0 : 1 + bin([v], 0, 4))),
  );
  const hot = run(layers.hashing({ numBins: 4, outputMode: 'count' }), ints([3, 3, 8], [1, 3]));
  const expected = [0, 0, 0, 0];
  for (const v of [3, 3, 8]) expected[bin([v], 0, 4)]++;
  expect(hot).toEqual(expected);
  // fractions are cut off, as everywhere
  expect(run(layers.hashing({ numBins: 9 }), { shape: [2, 1], values: [3.7, 3] })).toEqual(
    Array(2).fill(bin([3], 0, 9)),
  );
});

test('bins are about as full as each other', () => {
  const bins = run(layers.hashing({ numBins: 10 }), ints(Array.from({ length: 4000 }, (_, i) => i)));
  const counts = Array.from({ length: 10 }, (_, b) => bins.filter((v) => v === b).length);
  for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(5 * Math.sqrt(4000 * 0.1 * 0.9));
});

test('hashedCrossing', () => {
  const [a, b] = [many, many.map((_, i) => i % 7)];
  const layer = layers.hashedCrossing({ numBins: 11, salt: 2 });
  expect(run(layer, ints(a), ints(b))).toEqual(a.map((v, i) => bin([v, b[i]], 2, 11)));
  const { shapes } = runLayer(layers.hashedCrossing({ numBins: 3, outputMode: 'oneHot' }), [
    ints([1, 2]),
    ints([3, 4]),
  ]);
  expect(shapes).toEqual([[2, 3]]);
});

test('says what is wrong', () => {
  expect(() => layers.hashing({ numBins: 0 })).toThrow('layers.hashing: numBins must be a positive integer, got 0');
  expect(() => layers.hashing({ numBins: 2 ** 31 })).toThrow('numBins must be below 2^31');
  expect(() => layers.hashing({ numBins: 1, maskValue: 0 })).toThrow('numBins must be at least 2 with maskValue');
  expect(() => layers.hashing({ numBins: 3, salt: 2 ** 31 })).toThrow('salt must be a 32-bit integer');
  expect(() => layers.hashing({ numBins: 3, salt: 3n as never })).toThrow('salt must be a 32-bit integer, got 3');
  expect(() => layers.hashing({ numBins: 3, outputMode: 'tfIdf' as never })).toThrow('outputMode must be one of');
  expect(() => layers.hashedCrossing({ numBins: 3, maskValue: 1 } as never)).toThrow("unknown option 'maskValue'");
  const one = layers.input({ shape: [1], dtype: 'int32' });
  expect(() => layers.hashedCrossing({ numBins: 3 }).apply(one)).toThrow('takes two or more inputs of one shape');
  expect(() => layers.hashedCrossing({ numBins: 3 }).apply([one, layers.input({ shape: [2] })])).toThrow(
    'got int32[2, 1], float32[2, 2]',
  );
});
