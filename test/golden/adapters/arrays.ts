import { type Adapter, unsupported } from '../adapter';
import { ops, type Tensor } from '../api';

const swap = (x: Tensor): Tensor =>
  ops.transpose(x, [...Array(x.shape.length - 2).keys(), x.shape.length - 1, x.shape.length - 2]);

/** Products, views, joins and indexing. */
export const arrays: Record<string, Adapter> = {
  dense: {
    traced: ({ x, kernel, bias }) => {
      const product = ops.matmul(x, kernel);
      return bias === undefined ? product : ops.add(product, bias);
    },
  },
  matmul: {
    traced: ({ a, b }, { transpose_a, transpose_b }) =>
      ops.matmul(transpose_a ? swap(a) : a, transpose_b ? swap(b) : b),
  },
  embedding: {
    traced: ({ table, ids }, { padding_idx }) =>
      padding_idx === undefined ? ops.take(table, ids) : unsupported('a row without gradient (padding_idx)'),
  },

  flip: { traced: ({ x }, { axis }) => ops.flip(x, axis) },
  roll: { traced: ({ x }, { shift, axis }) => ops.roll(x, shift, axis) },
  transpose: { traced: ({ x }, { perm }) => ops.transpose(x, perm) },
  reshape: { traced: ({ x }, { shape }) => ops.reshape(x, shape) },
  slice: {
    traced: ({ x }, { slices }, shape) =>
      ops.slice(
        x,
        slices.map(([start]: number[]) => start),
        shape,
        slices.map(([, , step]: number[]) => step),
      ),
  },
  pad_constant: { traced: ({ x }, { pads, value }) => ops.pad(x, pads, value) },
  tile: { traced: ({ x }, { repeats }) => ops.tile(x, repeats) },
  repeat: { traced: ({ x }, { repeats, axis }) => ops.repeat(x, repeats, axis) },
  tril: {
    traced: ({ x }, { k }) => {
      const [rows, columns] = [x.shape.length - 2, x.shape.length - 1];
      const below = ops.lessEqual(ops.iota(x.shape, columns), ops.add(ops.iota(x.shape, rows), k));
      return ops.where(below, x, 0);
    },
  },
  concat: { traced: (parts, { axis }) => ops.concatenate(Object.values(parts), axis) },
  stack: { traced: (parts, { axis }) => ops.stack(Object.values(parts), axis) },
  gather: { traced: ({ x, ids }, { axis }) => ops.take(x, ids, axis) },
  where: { traced: ({ cond, a, b }) => ops.where(cond, a, b) },
  one_hot: { traced: ({ ids }, { depth }) => ops.oneHot(ids, depth) },
};
