/**
 * `take` and `takeAlongAxis` for positions that are never negative: what is below 0 makes the step fail like what is too
 * large. For ids and labels, where a negative number is a mistake, and for positions that were computed.
 */
import { asTensor, make, normalizeAxis, type Operand, opError } from '../build.js';
import { formatType, sizeOf, type Tensor } from '../graph.js';
import { add, greaterEqual, less, logicalAnd, multiply, where } from './elementwise.js';
import { iota } from './random.js';
import { reshape, transpose } from './shape.js';

/** Slices of `x` along an axis, which is replaced by the shape of the indices. */
export function gather(x: Operand, indices: Tensor, axis = 0): Tensor {
  const t = asTensor('gather', 'x', x);
  const a = normalizeAxis('gather', axis, t.rank);
  const order = [a, ...t.shape.map((_, i) => i).filter((i) => i !== a)];
  const rows = transpose(t, order);
  const inner = rows.shape.slice(1);
  const taken = make('gather', [rows, indices], {}, [...indices.shape, ...inner], t.dtype);
  if (a === 0) return taken;
  // the indexed axes stand in front: move the first `a` inner axes before them
  const k = indices.rank;
  const axes = [...Array(a).keys()]
    .map((i) => k + i)
    .concat(
      [...Array(k).keys()],
      [...Array(inner.length - a).keys()].map((i) => k + a + i),
    );
  return transpose(taken, axes);
}

/** One element of `x` for each index, along an axis. */
export function gatherAlongAxis(x: Operand, indices: Tensor, axis = -1): Tensor {
  const op = 'takeAlongAxis';
  const t = asTensor(op, 'x', x);
  const a = normalizeAxis(op, axis, t.rank);
  if (indices.rank !== t.rank || indices.shape.some((n, i) => i !== a && n !== t.shape[i])) {
    throw opError(
      op,
      `indices ${formatType(indices)} must have the shape of x ${formatType(t)} except along axis ${a}`,
    );
  }
  if (t.size > 0x7fffffff) throw opError(op, `${formatType(t)} has too many elements for int32 positions`);
  const n = t.shape[a] as number;
  const inner = sizeOf(t.shape.slice(a + 1));
  // the position in row-major order; -1, which is an error in the kernel, where an index would reach into another row
  const outer = sizeOf(t.shape.slice(0, a));
  const counted = [outer, indices.shape[a] as number, inner];
  const along = (i: number): Tensor => reshape(iota(counted, i), indices.shape);
  const position = add(multiply(along(0), n * inner), add(multiply(indices, inner), along(2)));
  return gather(reshape(t, [-1]), where(logicalAnd(greaterEqual(indices, 0), less(indices, n)), position, -1));
}
