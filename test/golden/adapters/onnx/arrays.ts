import type { Adapter, Tensors } from '../../adapter';
import { ops, type Tensor } from '../../api';
import type { Attributes } from '../../set';
import { lastTo } from './axes';

/** ONNX's slices, which are Python's, may begin and end outside, and run backwards. */
export function slice(
  x: Tensor,
  { starts, ends, axes = starts.map((_: number, i: number) => i), steps }: Attributes,
): Tensor {
  return axes.reduce((t: Tensor, axis: number, i: number) => {
    const n = t.shape.at(axis) as number;
    const step = steps?.[i] ?? 1;
    const inside = (at: number, low: number, high: number): number =>
      Math.min(Math.max(at < 0 ? at + n : at, low), high);
    const [from, to] =
      step > 0
        ? [inside(starts[i], 0, n), inside(ends[i], 0, n)]
        : [n - 1 - inside(starts[i], 0, n - 1), n - 1 - inside(ends[i], -1, n - 1)];
    const forward = step > 0 ? t : ops.flip(t, axis);
    const at = axis < 0 ? axis + t.rank : axis;
    const start = t.shape.map((_, a) => (a === at ? from : 0));
    const size = t.shape.map((m, a) => (a === at ? Math.max(0, Math.ceil((to - from) / Math.abs(step))) : m));
    const every = t.shape.map((_, a) => (a === at ? Math.abs(step) : 1));
    return ops.slice(forward, start, size, every);
  }, x);
}

function pad(x: Tensor, { pads, mode, axes = [...x.shape.keys()], constant_value: value = 0 }: Attributes): Tensor {
  const pairs = x.shape.map((): [number, number] => [0, 0]);
  axes.forEach((axis: number, i: number) => {
    pairs[axis < 0 ? axis + x.rank : axis] = [pads[i], pads[i + axes.length]];
  });
  return ops.pad(x, pairs, mode === 'constant' ? value : mode);
}

/** Sizes are listed, or equal ones up to the last. */
function split(x: Tensor, { axis, split: sizes, num_outputs }: Attributes, [first]: readonly number[][]): Tensors {
  const n = x.shape.at(axis) as number;
  const part = first.at(axis) as number;
  const lengths = sizes ?? Array.from({ length: num_outputs ?? n / part }, () => part);
  let from = 0;
  const cuts = lengths.slice(0, -1).map((length: number) => {
    from += length;
    return from;
  });
  return Object.fromEntries(ops.split(x, cuts, axis).map((t, i) => [`outputs${i}`, t]));
}

/** Blocks of `size` x `size` cells to channels, or back: [N, C, H, W], where the channels of a block come first or last. */
function depthToSpace(x: Tensor, { blocksize: b, mode }: Attributes): Tensor {
  const [n, c, h, w] = x.shape;
  const depth = c / (b * b);
  const blocks =
    mode === 'DCR'
      ? ops.transpose(ops.reshape(x, [n, b, b, depth, h, w]), [0, 3, 4, 1, 5, 2])
      : ops.transpose(ops.reshape(x, [n, depth, b, b, h, w]), [0, 1, 4, 2, 5, 3]);
  return ops.reshape(blocks, [n, depth, h * b, w * b]);
}
function spaceToDepth(x: Tensor, { blocksize: b, mode }: Attributes): Tensor {
  const [n, c, h, w] = x.shape;
  const cells = ops.reshape(x, [n, c, h / b, b, w / b, b]);
  const order = mode === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  return ops.reshape(ops.transpose(cells, order), [n, c * b * b, h / b, w / b]);
}

const swapped = (x: Tensor, swap: unknown): Tensor => (swap ? ops.transpose(x) : x);

/** Products, shapes, joins and indexing. */
export const arrays: Record<string, Adapter> = {
  Einsum: { traced: (inputs, { equation }) => ops.einsum(equation, ...Object.values(inputs)) },
  Gemm: {
    traced: ({ A, B, C }, { alpha, beta, transA, transB }) => {
      const product = ops.multiply(ops.matmul(swapped(A, transA), swapped(B, transB)), alpha);
      return C === undefined ? product : ops.add(product, ops.multiply(C, beta));
    },
  },
  MatMul: { traced: ({ A, B }) => ops.matmul(A, B) },

  Concat: { traced: (inputs, { axis }) => ops.concatenate(Object.values(inputs), axis) },
  ConstantOfShape: { traced: (_, { input, value }) => ops.full(input, value[0]) },
  DepthToSpace: { traced: ({ input }, attrs) => depthToSpace(input, attrs) },
  SpaceToDepth: { traced: ({ input }, attrs) => spaceToDepth(input, attrs) },
  Expand: { traced: ({ input }, _, shape) => ops.broadcastTo(input, shape), implied: ['shape'] },
  EyeLike: { traced: ({ input }, { k }) => ops.eye(input.shape[0], input.shape[1], k), implied: ['dtype'] },
  Flatten: {
    traced: ({ input }, { axis }) => {
      const rows = input.shape.slice(0, axis).reduce((p, n) => p * n, 1);
      return ops.reshape(input, [rows, -1]);
    },
  },
  Pad: { traced: ({ data }, attrs) => pad(data, attrs) },
  Range: { traced: (_, { start, limit, delta }) => ops.arange(start, limit, delta), implied: ['stash_type'] },
  Reshape: {
    traced: ({ data }, { shape, allowzero }) =>
      ops.reshape(
        data,
        shape.map((n: number, i: number) => (n === 0 && !allowzero ? data.shape[i] : n)),
      ),
  },
  Slice: { traced: ({ data }, attrs) => slice(data, attrs) },
  Split: { traced: ({ input }, attrs, shape) => split(input, attrs, [[...shape]]) },
  Squeeze: { traced: ({ data }, { axes }) => ops.squeeze(data, axes) },
  Tile: { traced: ({ input }, { repeats }) => ops.tile(input, repeats) },
  Transpose: { traced: ({ data }, { perm }) => ops.transpose(data, perm) },
  Trilu: { traced: ({ input }, { upper, k = 0 }) => (upper ? ops.triu(input, k) : ops.tril(input, k)) },
  Unsqueeze: {
    traced: ({ data }, { axes }) => {
      const rank = data.rank + axes.length;
      const inOrder = axes.map((a: number) => (a < 0 ? a + rank : a)).sort((a: number, b: number) => a - b);
      return inOrder.reduce((t: Tensor, a: number) => ops.expandDims(t, a), data);
    },
  },

  Gather: { traced: ({ data, indices }, { axis }) => ops.take(data, indices, axis) },
  GatherElements: { traced: ({ data, indices }, { axis }) => ops.takeAlongAxis(data, indices, axis) },
  OneHot: {
    traced: ({ indices }, { depth, axis, values: [off, on] }) => {
      const hot = ops.oneHot(ops.cast(indices, 'int32'), Array.isArray(depth) ? depth[0] : depth);
      return lastTo(ops.add(ops.multiply(hot, on - off), off), axis);
    },
  },
  ScatterND: {
    only: { reduction: ['add'] },
    // whole rows: the last axis of the indices has size 1
    traced: ({ data, indices, updates }) =>
      ops.add(data, ops.scatterAdd(ops.squeeze(indices, -1), updates, data.shape[0])),
  },
};
