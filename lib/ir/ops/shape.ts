import {
  asTensor,
  broadcastTo,
  checkList,
  checkShape,
  checkTensor,
  checkTensors,
  checkWhole,
  make,
  normalizeAxes,
  normalizeAxis,
  type Operand,
  opError,
  show,
} from '../build.js';
import { formatType, type Shape, sameShape, sizeOf, Tensor } from '../graph.js';
import { cast } from './elementwise.js';

export { broadcastTo } from '../build.js';

/**
 * The same values in row-major order under another shape. One dimension may be -1: whatever is left.
 *
 * @throws Error when the sizes differ
 */
export function reshape(x: Operand, shape: Shape): Tensor {
  const t = asTensor('reshape', 'x', x);
  checkList('reshape', 'a shape must be a list of sizes', shape);
  if (!shape.every((n) => Number.isInteger(n)))
    throw opError('reshape', `a shape holds whole numbers, got ${show(shape)}`);
  const known = shape.reduce((p, n) => (n === -1 ? p : p * n), 1);
  const holes = shape.filter((n) => n === -1).length;
  if (holes > 1) throw opError('reshape', `only one dimension can be -1, got ${show(shape)}`);
  const target = shape.map((n) => (n === -1 ? (known === 0 ? 0 : t.size / known) : n));
  if (target.some((n) => !Number.isInteger(n)) || sizeOf(target) !== t.size) {
    throw opError('reshape', `cannot reshape ${formatType(t)} (${t.size} values) to [${shape.join(', ')}]`);
  }
  checkShape('reshape', target);
  return sameShape(target, t.shape) ? t : make('reshape', [t], {}, target, t.dtype);
}

/** Axes in a new order; without `axes`, reversed. */
export function transpose(x: Operand, axes?: readonly number[]): Tensor {
  const t = asTensor('transpose', 'x', x);
  if (axes !== undefined) checkList('transpose', 'axes must be a list of numbers', axes);
  const order = (axes ?? t.shape.map((_, i) => t.rank - 1 - i)).map((a) => normalizeAxis('transpose', a, t.rank));
  if (order.length !== t.rank || new Set(order).size !== t.rank) {
    throw opError('transpose', `axes must name each of the ${t.rank} axes once, got [${order.join(', ')}]`);
  }
  if (order.every((a, i) => a === i)) return t;
  return make(
    'permute',
    [t],
    { axes: order },
    order.map((a) => t.shape[a] as number),
    t.dtype,
  );
}

/** Swaps the last two axes. */
export function swapLastAxes(x: Tensor): Tensor {
  checkTensor('swapLastAxes', 'x', x);
  const order = x.shape.map((_, i) => i);
  order.push(...order.splice(-2).reverse());
  return transpose(x, order);
}

/** Inserts an axis of size 1. */
export function expandDims(x: Operand, axis: number): Tensor {
  const t = asTensor('expandDims', 'x', x);
  const at = normalizeAxis('expandDims', axis, t.rank + 1);
  return reshape(t, [...t.shape.slice(0, at), 1, ...t.shape.slice(at)]);
}

/** Removes axes of size 1 (all of them, or those named). */
export function squeeze(x: Operand, axes?: number | readonly number[]): Tensor {
  const t = asTensor('squeeze', 'x', x);
  const drop =
    axes === undefined ? t.shape.flatMap((n, i) => (n === 1 ? [i] : [])) : normalizeAxes('squeeze', axes, t.rank);
  for (const a of drop)
    if (t.shape[a] !== 1) throw opError('squeeze', `axis ${a} of ${formatType(t)} is not of size 1`);
  return reshape(
    t,
    t.shape.filter((_, i) => !drop.includes(i)),
  );
}

/**
 * A box out of a tensor: `size[i]` elements from `start[i]` on, every `step[i]`-th.
 *
 * @throws Error when the box does not lie inside
 */
export function slice(x: Operand, start: readonly number[], size: readonly number[], step?: readonly number[]): Tensor {
  const t = asTensor('slice', 'x', x);
  const stride = step ?? t.shape.map(() => 1);
  for (const [name, list] of Object.entries({ start, size, step: stride })) {
    checkList('slice', `${name} must be a list of numbers`, list);
  }
  if (start.length !== t.rank || size.length !== t.rank || stride.length !== t.rank) {
    throw opError('slice', `start, size and step need ${t.rank} numbers each for ${formatType(t)}`);
  }
  t.shape.forEach((n, i) => {
    const [a, s, k] = [start[i], size[i], stride[i]] as [number, number, number];
    const inside = Number.isInteger(a) && Number.isInteger(s) && Number.isInteger(k) && a >= 0 && s >= 0 && k >= 1;
    if (!inside || (s > 0 ? a + (s - 1) * k >= n : a > n)) {
      throw opError(
        'slice',
        `axis ${i} of size ${n}: start ${show(a)}, size ${show(s)}, step ${show(k)} does not lie inside`,
      );
    }
  });
  if (sameShape(size, t.shape) && stride.every((k) => k === 1)) return t;
  return make('slice', [t], { start: [...start], step: [...stride] }, [...size], t.dtype);
}

/** The elements `from` to `to` (exclusive) along one axis; negative numbers count from the end. */
export function sliceAxis(x: Operand, axis: number, from: number, to?: number): Tensor {
  const t = asTensor('sliceAxis', 'x', x);
  const a = normalizeAxis('sliceAxis', axis, t.rank);
  const n = t.shape[a] as number;
  checkWhole('sliceAxis', 'from', from);
  if (to !== undefined) checkWhole('sliceAxis', 'to', to);
  const begin = from < 0 ? from + n : from;
  const end = to === undefined ? n : to < 0 ? to + n : to;
  if (end < begin) throw opError('sliceAxis', `from ${from} to ${to} is empty backwards on axis ${a} of size ${n}`);
  if (begin < 0 || end > n) throw opError('sliceAxis', `from ${from} to ${to} does not lie on axis ${a} of size ${n}`);
  const start = t.shape.map((_, i) => (i === a ? begin : 0));
  return slice(
    t,
    start,
    t.shape.map((m, i) => (i === a ? end - begin : m)),
  );
}

/** Reverses the order along axes (default: all). */
export function flip(x: Operand, axes?: number | readonly number[]): Tensor {
  const t = asTensor('flip', 'x', x);
  const list = normalizeAxes('flip', axes, t.rank);
  return list.length === 0 ? t : make('flip', [t], { axes: list }, t.shape, t.dtype);
}

/** Joins tensors along an existing axis. All other dimensions must agree. */
export function concatenate(tensors: readonly Tensor[], axis = -1): Tensor {
  if (!Array.isArray(tensors) || tensors.length === 0 || !tensors.every((t) => t instanceof Tensor)) {
    throw opError('concatenate', 'tensors must be a list of at least one tensor');
  }
  const first = tensors[0] as Tensor;
  const a = normalizeAxis('concatenate', axis, first.rank);
  const dtype = tensors.every((t) => t.dtype === first.dtype) ? first.dtype : 'float32';
  for (const t of tensors) {
    if (t.rank !== first.rank || t.shape.some((n, i) => i !== a && n !== first.shape[i])) {
      throw opError(
        'concatenate',
        `${formatType(t)} does not fit ${formatType(first)} along axis ${a}: the other dimensions must agree`,
      );
    }
  }
  if (tensors.length === 1) return first;
  const total = tensors.reduce((sum, t) => sum + (t.shape[a] as number), 0);
  const shape = first.shape.map((n, i) => (i === a ? total : n));
  return make(
    'concat',
    tensors.map((t) => cast(t, dtype)),
    { axis: a },
    shape,
    dtype,
  );
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensors('stack', 'tensors', tensors, true);
  const shapes = tensors.map((t) => asTensor('stack', 'a tensor', t).shape);
  const first = shapes[0];
  if (first === undefined || !shapes.every((s) => sameShape(s, first))) {
    throw opError(
      'stack',
      `expected tensors of one shape, got ${shapes.map((s) => `[${s.join(', ')}]`).join(', ') || 'none'}`,
    );
  }
  normalizeAxis('stack', axis, first.length + 1);
  return concatenate(
    tensors.map((t) => expandDims(t, axis)),
    axis,
  );
}

/** Cuts a tensor into equal parts, or at the given indices, along an axis. */
export function split(x: Operand, parts: number | readonly number[], axis = -1): Tensor[] {
  const t = asTensor('split', 'x', x);
  const a = normalizeAxis('split', axis, t.rank);
  const n = t.shape[a] as number;
  if (typeof parts === 'number' && (!Number.isInteger(parts) || parts < 1 || n % parts !== 0)) {
    throw opError('split', `axis ${a} of size ${n} cannot be cut into ${parts} equal parts`);
  }
  const cuts =
    typeof parts === 'number'
      ? Array.from({ length: parts - 1 }, (_, i) => ((i + 1) * n) / parts)
      : positions(parts, n);
  return [0, ...cuts].map((from, i) => sliceAxis(t, a, from, cuts[i] ?? n));
}

/** Where to cut an axis of size n, counted from its start. */
function positions(parts: readonly number[], n: number): number[] {
  checkList('split', 'parts must be a number or a list of positions', parts);
  const cuts = parts.map((p) => {
    checkWhole('split', 'a position', p);
    return p < 0 ? p + n : p;
  });
  if ([0, ...cuts].some((from, i) => from > (cuts[i] ?? n))) {
    throw opError('split', `positions [${parts.join(', ')}] do not rise from 0 to ${n}`);
  }
  return cuts;
}

/** Repeats the whole tensor `repeats[i]` times along axis i. */
export function tile(x: Operand, repeats: readonly number[]): Tensor {
  const t = asTensor('tile', 'x', x);
  checkList('tile', 'repeats must be a list of numbers', repeats);
  for (const n of repeats) checkWhole('tile', 'a number of repeats', n, 0);
  if (repeats.length !== t.rank)
    throw opError('tile', `repeats needs ${t.rank} numbers for ${formatType(t)}, got ${repeats.length}`);
  const wide = broadcastTo(
    reshape(
      t,
      t.shape.flatMap((n) => [1, n]),
    ),
    t.shape.flatMap((n, i) => [repeats[i] as number, n]),
  );
  return reshape(
    wide,
    t.shape.map((n, i) => n * (repeats[i] as number)),
  );
}

/** Repeats each element `times` times along an axis. */
export function repeat(x: Operand, times: number, axis: number): Tensor {
  const t = asTensor('repeat', 'x', x);
  const a = normalizeAxis('repeat', axis, t.rank);
  checkWhole('repeat', 'times', times, 0);
  const wide = broadcastTo(expandDims(t, a + 1), [...t.shape.slice(0, a + 1), times, ...t.shape.slice(a + 1)]);
  return reshape(
    wide,
    t.shape.map((n, i) => (i === a ? n * times : n)),
  );
}

/**
 * How a border is made where it is not one constant: 'edge' repeats the last element, 'reflect' mirrors without it
 * (dcb|abcd), 'symmetric' mirrors with it (cba|abcd).
 */
export type PadMode = 'edge' | 'reflect' | 'symmetric';

/**
 * Adds a border: `padding[i]` = [before, after] on axis i.
 *
 * @param border the value that it is filled with, or a mode that takes it from the tensor. Default: 0
 * @throws Error when an axis is too short to mirror
 *
 * @example
 * ops.pad(tensor([1, 2, 3]), [[1, 2]]); // 0 1 2 3 0 0
 * ops.pad(tensor([1, 2, 3]), [[1, 2]], 'reflect'); // 2 1 2 3 2 1
 */
export function pad(x: Operand, padding: readonly (readonly [number, number])[], border: number | PadMode = 0): Tensor {
  let t = asTensor('pad', 'x', x);
  checkList('pad', 'padding must be a list of pairs [before, after]', padding);
  for (const pair of padding) checkList('pad', 'padding must be a list of pairs [before, after]', pair);
  if (padding.length !== t.rank)
    throw opError('pad', `padding needs ${t.rank} pairs for ${formatType(t)}, got ${padding.length}`);
  if (typeof border !== 'number' && border !== 'edge' && border !== 'reflect' && border !== 'symmetric') {
    throw opError('pad', `border must be a number, 'edge', 'reflect' or 'symmetric', got ${show(border)}`);
  }
  padding.forEach(([before, after], axis) => {
    for (const n of [before, after]) {
      if (!Number.isInteger(n) || n < 0)
        throw opError('pad', `axis ${axis}: padding must be a whole number >= 0, got ${show(n)}`);
    }
    t = concatenate(
      [...borderOf(t, axis, before, 'before', border), t, ...borderOf(t, axis, after, 'after', border)],
      axis,
    );
  });
  return t;
}

/** `n` elements to put before or after a tensor along an axis. */
function borderOf(t: Tensor, axis: number, n: number, side: 'before' | 'after', border: number | PadMode): Tensor[] {
  if (n === 0) return [];
  const shape = t.shape.map((m, i) => (i === axis ? n : m));
  if (typeof border === 'number') return [cast(broadcastTo(border, shape), t.dtype)];
  const size = t.shape[axis] as number;
  if (border === 'edge' ? size === 0 : n > size - (border === 'reflect' ? 1 : 0)) {
    throw opError('pad', `axis ${axis} of size ${size} is too short for ${n} elements of mode '${border}'`);
  }
  if (border === 'edge') {
    const last = side === 'before' ? 0 : size - 1;
    return [broadcastTo(sliceAxis(t, axis, last, last + 1), shape)];
  }
  const skip = border === 'reflect' ? 1 : 0;
  const from = side === 'before' ? skip : size - skip - n;
  return [flip(sliceAxis(t, axis, from, from + n), axis)];
}

/** Moves elements cyclically along an axis: element i goes to (i + shift) mod n. */
export function roll(x: Operand, shift: number, axis: number): Tensor {
  const t = asTensor('roll', 'x', x);
  const n = t.shape[normalizeAxis('roll', axis, t.rank)] as number;
  checkWhole('roll', 'shift', shift);
  const k = n === 0 ? 0 : ((shift % n) + n) % n;
  return k === 0 ? t : concatenate([sliceAxis(t, axis, n - k), sliceAxis(t, axis, 0, n - k)], axis);
}
