import type { Adapter } from '../adapter';
import { ops, type Tensor } from '../api';
import { slice } from './onnx/arrays';

const swap = (x: Tensor): Tensor =>
  ops.transpose(x, [...Array(x.shape.length - 2).keys(), x.shape.length - 1, x.shape.length - 2]);

/** Products, views, joins and indexing. */
export const arrays: Record<string, Adapter> = {
  dense: {
    traced: ({ x, kernel, bias }) => {
      const product = ops.matmul(x, kernel);
      return bias === undefined ? product : ops.add(product, bias);
    },
    implied: ['use_bias'],
  },
  matmul: {
    traced: ({ a, b }, { transpose_a, transpose_b }) =>
      ops.matmul(transpose_a ? swap(a) : a, transpose_b ? swap(b) : b),
    implied: ['batched', 'expanded', 'overlap'],
  },
  embedding: {
    traced: ({ table, ids }, { padding_idx }) => {
      if (padding_idx === undefined) return ops.take(table, ids);
      const learned = ops.notEqual(ops.iota(table.shape, 0), padding_idx);
      return ops.take(ops.where(learned, table, ops.stopGradient(table)), ids);
    },
  },

  flip: { traced: ({ x }, { axis }) => ops.flip(x, axis) },
  roll: { traced: ({ x }, { shift, axis }) => ops.roll(x, shift, axis) },
  transpose: { traced: ({ x }, { perm }) => ops.transpose(x, perm) },
  reshape: { traced: ({ x }, { shape }) => ops.reshape(x, shape) },
  slice: {
    traced: ({ x }, { slices }) => {
      const steps = slices.map(([, , step = 1]: number[]) => step ?? 1);
      const starts = slices.map(([start]: number[], i: number) => start ?? (steps[i] > 0 ? 0 : -1));
      const ends = slices.map(([, end]: number[], i: number) => end ?? Math.sign(steps[i]) * Number.MAX_SAFE_INTEGER);
      return slice(x, { starts, ends, steps });
    },
  },
  pad_constant: { traced: ({ x }, { pads, value }) => ops.pad(x, pads, value) },
  pad_reflect: { traced: ({ x }, { pads }) => ops.pad(x, pads, 'reflect') },
  cumsum: { traced: ({ x }, { axis }) => ops.cumsum(x, axis) },
  tile: { traced: ({ x }, { repeats }) => ops.tile(x, repeats) },
  repeat: { traced: ({ x }, { repeats, axis }) => ops.repeat(x, repeats, axis) },
  tril: { traced: ({ x }, { k }) => ops.tril(x, k) },
  concat: { traced: (parts, { axis }) => ops.concatenate(Object.values(parts), axis) },
  stack: { traced: (parts, { axis }) => ops.stack(Object.values(parts), axis) },
  gather: { traced: ({ x, ids }, { axis }) => ops.take(x, ids, axis) },
  where: { traced: ({ cond, a, b }) => ops.where(cond, a, b) },
  one_hot: { traced: ({ ids }, { depth }) => ops.oneHot(ids, depth) },
};
