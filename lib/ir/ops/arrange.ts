import { asTensor, checkList, checkTensors, normalizeAxis, type Operand, opError, show } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { concatenate, flip, reshape, sliceAxis, split, transpose } from './shape.js';

/**
 * Exchanges two axes.
 *
 * @throws Error when x has no such axis
 *
 * @example
 * ops.swapAxes(ops.zeros([2, 3, 4]), 0, -1); // [4, 3, 2]
 */
export function swapAxes(x: Operand, axis1: number, axis2: number): Tensor {
  const t = asTensor('swapAxes', 'x', x);
  const [a, b] = [normalizeAxis('swapAxes', axis1, t.rank), normalizeAxis('swapAxes', axis2, t.rank)];
  return transpose(
    t,
    t.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  );
}

/**
 * Moves axes to other positions; the rest keep their order.
 *
 * @param source an axis, or several
 * @param destination where each of them goes
 * @throws Error when the lists differ in length, or name an axis twice or one that x lacks
 *
 * @example
 * ops.moveAxis(ops.zeros([2, 3, 4]), 0, -1); // [3, 4, 2]
 */
export function moveAxis(
  x: Operand,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const t = asTensor('moveAxis', 'x', x);
  const [from, to] = [source, destination].map((axes) =>
    [axes].flat().map((a) => normalizeAxis('moveAxis', a as number, t.rank)),
  ) as [number[], number[]];
  const distinct = (list: readonly number[]): boolean => new Set(list).size === list.length;
  if (from.length !== to.length || !distinct(from) || !distinct(to)) {
    throw opError('moveAxis', `source and destination must be pairs of axes, each once, got [${from}] and [${to}]`);
  }
  const rest = [...t.shape.keys()].filter((a) => !from.includes(a));
  const order = [...t.shape.keys()].map((i) => (to.includes(i) ? from[to.indexOf(i)] : rest.shift()) as number);
  return transpose(t, order);
}

/** All elements in row-major order, as a vector. */
export const ravel = (x: Operand): Tensor => reshape(asTensor('ravel', 'x', x), [-1]);

/** Tensors to be joined, numbers as vectors, of which all but one axis must agree. */
function joined(op: string, tensors: readonly Operand[], axisOf: (first: Tensor) => number, vectorsAreRows: boolean) {
  checkTensors(op, 'tensors', tensors, true);
  const all = tensors.map((x) => {
    const t = asTensor(op, 'a tensor', x);
    if (vectorsAreRows && t.rank < 2) return reshape(t, [1, t.size]);
    return t.rank === 0 ? reshape(t, [1]) : t;
  });
  return joinAlong(op, all, axisOf);
}

function joinAlong(op: string, all: readonly Tensor[], axisOf: (first: Tensor) => number): Tensor {
  const first = all[0];
  if (first === undefined) throw opError(op, 'tensors must be a list of at least one tensor');
  const axis = axisOf(first);
  const other = all.find((t) => t.rank !== first.rank || t.shape.some((n, i) => i !== axis && n !== first.shape[i]));
  if (other !== undefined) {
    throw opError(
      op,
      `${formatType(other)} does not fit ${formatType(first)} along axis ${axis}: the other dimensions must agree`,
    );
  }
  return concatenate(all, axis);
}

/**
 * Joins tensors side by side: along axis 1, vectors and numbers along axis 0.
 *
 * @throws Error when their other dimensions differ
 *
 * @example
 * ops.hstack([ops.zeros([2, 3]), ops.ones([2, 1])]); // [2, 4]
 */
export const hstack = (tensors: readonly Operand[]): Tensor =>
  joined('hstack', tensors, (first) => (first.rank === 1 ? 0 : 1), false);

/**
 * Joins tensors one below the other, along axis 0; vectors and numbers are rows.
 *
 * @throws Error when their other dimensions differ
 *
 * @example
 * ops.vstack([tensor([1, 2]), tensor([3, 4])]); // [2, 2]
 */
export const vstack = (tensors: readonly Operand[]): Tensor => joined('vstack', tensors, () => 0, true);

/**
 * The elements of `a`, then those of `b`: along an axis, or without one both as vectors.
 *
 * @throws Error when their other dimensions differ
 *
 * @example
 * ops.append(tensor([[1, 2]]), 3); // 1, 2, 3
 */
export function append(a: Operand, b: Operand, axis?: number): Tensor {
  const [x, y] = [asTensor('append', 'a', a), asTensor('append', 'b', b)];
  if (axis === undefined) return concatenate([ravel(x), ravel(y)], 0);
  return joinAlong('append', [x, y], () => normalizeAxis('append', axis, x.rank));
}

/**
 * The slices of a tensor along an axis, without it: what `stack` joins.
 *
 * @throws Error when x has no such axis
 *
 * @example
 * const [r, g, b] = ops.unstack(ops.zeros([8, 8, 3]), -1); // [8, 8] each
 */
export function unstack(x: Operand, axis = 0): Tensor[] {
  const t = asTensor('unstack', 'x', x);
  const a = normalizeAxis('unstack', axis, t.rank);
  const n = t.shape[a] as number;
  const rest = t.shape.filter((_, i) => i !== a);
  return n === 0 ? [] : split(t, n, a).map((part) => reshape(part, rest));
}

function checkBlock(op: string, x: Operand, block: number): Tensor {
  const t = asTensor(op, 'x', x);
  if (t.rank !== 4) throw opError(op, `expected images [N, H, W, C], got ${formatType(t)}`);
  if (!Number.isInteger(block) || block < 1) throw opError(op, `block must be a whole number >= 1, got ${show(block)}`);
  return t;
}

/**
 * Turns channels into pixels: [N, H, W, C * block^2] -> [N, H * block, W * block, C] with
 * y[n, h * block + i, w * block + j, c] = x[n, h, w, (i * block + j) * C + c], as TensorFlow's `depth_to_space`.
 *
 * @throws Error when x is not of rank 4 or its channels cannot be divided by block^2
 *
 * @example
 * ops.depthToSpace(ops.zeros([1, 8, 8, 12]), 2); // [1, 16, 16, 3]
 *
 * Source: Shi et al., "Real-Time Single Image and Video Super-Resolution ...", CVPR 2016.
 */
export function depthToSpace(x: Operand, block: number): Tensor {
  const t = checkBlock('depthToSpace', x, block);
  const [n, h, w, channels] = t.shape as [number, number, number, number];
  const c = channels / (block * block);
  if (!Number.isInteger(c)) {
    throw opError('depthToSpace', `${channels} channels cannot be divided by block^2 = ${block * block}`);
  }
  const cells = reshape(t, [n, h, w, block, block, c]);
  return reshape(transpose(cells, [0, 1, 3, 2, 4, 5]), [n, h * block, w * block, c]);
}

/**
 * Turns pixels into channels, the inverse of `depthToSpace`: [N, H, W, C] -> [N, H / block, W / block, C * block^2].
 *
 * @throws Error when x is not of rank 4 or its height and width cannot be divided by block
 *
 * @example
 * ops.spaceToDepth(ops.zeros([1, 16, 16, 3]), 2); // [1, 8, 8, 12]
 */
export function spaceToDepth(x: Operand, block: number): Tensor {
  const t = checkBlock('spaceToDepth', x, block);
  const [n, height, width, c] = t.shape as [number, number, number, number];
  const [h, w] = [height / block, width / block];
  if (!Number.isInteger(h) || !Number.isInteger(w)) {
    throw opError('spaceToDepth', `height and width of ${formatType(t)} cannot be divided by ${block}`);
  }
  const cells = transpose(reshape(t, [n, h, block, w, block, c]), [0, 1, 3, 2, 4, 5]);
  return reshape(cells, [n, h, w, block * block * c]);
}

/**
 * Turns the plane of two axes by quarters of a turn, from the first axis towards the second.
 *
 * @param times how many quarters; negative: the other way. Default: 1
 * @param axes default: the first two
 * @throws Error when x lacks an axis, both are the same, or `times` is not a whole number
 *
 * @example
 * ops.rot90(tensor([[1, 2], [3, 4]])); // [[2, 4], [1, 3]]
 */
export function rot90(x: Operand, times = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  const t = asTensor('rot90', 'x', x);
  checkList('rot90', 'axes must be a list of two axes', axes);
  const [p, q] = axes.map((axis) => normalizeAxis('rot90', axis, t.rank)) as [number, number];
  if (axes.length !== 2 || p === q || !Number.isInteger(times)) {
    throw opError('rot90', `expected two axes and a whole number of times, got ${show(axes)} and ${show(times)}`);
  }
  const quarters = ((times % 4) + 4) % 4;
  if (quarters === 0) return t;
  if (quarters === 2) return flip(t, [p, q]);
  return quarters === 1 ? swapAxes(flip(t, q), p, q) : flip(swapAxes(t, p, q), q);
}

const mostEmpty = 2 ** 16;

/**
 * Cuts a tensor into parts along an axis that are equal, or, where the size cannot be divided, of which the first ones have one
 * element more.
 *
 * @param axis default: 0
 * @throws Error when `parts` is not a positive whole number, or more than 65536 parts would be empty
 *
 * @example
 * ops.arraySplit(tensor([1, 2, 3, 4, 5]), 2); // [1, 2, 3] and [4, 5]
 */
export function arraySplit(x: Operand, parts: number, axis = 0): Tensor[] {
  const t = asTensor('arraySplit', 'x', x);
  const a = normalizeAxis('arraySplit', axis, t.rank);
  if (!Number.isInteger(parts) || parts < 1) {
    throw opError('arraySplit', `parts must be a whole number >= 1, got ${show(parts)}`);
  }
  const n = t.shape[a] as number;
  if (parts - n > mostEmpty) {
    throw opError('arraySplit', `parts must be at most ${n + mostEmpty} for axis ${a} of size ${n}, got ${parts}`);
  }
  const at = (i: number): number => i * Math.floor(n / parts) + Math.min(i, n % parts);
  return Array.from({ length: parts }, (_, i) => sliceAxis(t, a, at(i), at(i + 1)));
}
