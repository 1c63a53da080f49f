import { asTensor, broadcastShapes, broadcastTo, normalizeAxis, type Operand, opError } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { ravel } from './arrange.js';
import { multiply, subtract } from './elementwise.js';
import { dot, tensordot } from './matrix.js';
import { reshape, roll } from './shape.js';

/**
 * Cross product of vectors with three components, which stand along `axis`. The rest broadcasts.
 *
 * @param axis default: -1
 * @throws Error when that axis is not of size 3
 *
 * @example
 * ops.cross(tensor([1, 0, 0]), tensor([0, 1, 0])); // 0, 0, 1
 */
export function cross(a: Operand, b: Operand, axis = -1): Tensor {
  const [p, q] = [asTensor('cross', 'a', a), asTensor('cross', 'b', b)];
  const shape = broadcastShapes('cross', p.shape, q.shape);
  const along = normalizeAxis('cross', axis, shape.length);
  for (const t of [p, q]) {
    if (t.shape[along - shape.length + t.rank] !== 3) {
      throw opError('cross', `expected 3 components along axis ${axis}, got ${formatType(t)}`);
    }
  }
  const [x, y] = [broadcastTo(p, shape), broadcastTo(q, shape)];
  const product = (i: number, j: number): Tensor => multiply(roll(x, -i, along), roll(y, -j, along));
  return subtract(product(1, 2), product(2, 1));
}

/**
 * Kronecker product: every element of `a`, times all of `b`. Along each axis the sizes multiply; of two ranks the lower
 * one is filled up with leading axes of size 1.
 *
 * @example
 * ops.kron(tensor([1, 10]), tensor([1, 2, 3])); // 1, 2, 3, 10, 20, 30
 */
export function kron(a: Operand, b: Operand): Tensor {
  const [x, y] = [asTensor('kron', 'a', a), asTensor('kron', 'b', b)];
  const rank = Math.max(x.rank, y.rank);
  // each axis is two for a while
  if (rank > 4) throw opError('kron', `at most 4 dimensions are supported, got ${formatType(x)} and ${formatType(y)}`);
  const sizes = (t: Tensor): number[] => [...Array<number>(rank - t.rank).fill(1), ...t.shape];
  const [p, q] = [sizes(x), sizes(y)];
  const wide = multiply(
    reshape(
      x,
      p.flatMap((n) => [n, 1]),
    ),
    reshape(
      y,
      q.flatMap((n) => [1, n]),
    ),
  );
  return reshape(
    wide,
    p.map((n, i) => n * (q[i] as number)),
  );
}

/**
 * Sum of the products of corresponding elements, both tensors taken as vectors.
 *
 * @throws Error when they differ in size
 */
export function vdot(a: Operand, b: Operand): Tensor {
  const [x, y] = [asTensor('vdot', 'a', a), asTensor('vdot', 'b', b)];
  if (x.size !== y.size) throw opError('vdot', `a and b differ in size: ${formatType(x)} and ${formatType(y)}`);
  return dot(ravel(x), ravel(y));
}

/**
 * NumPy's inner product: the sum of products over the last axes of both; scalars multiply. The result has the other
 * axes of `a`, then those of `b`.
 *
 * @throws Error when the last axes differ in size
 */
export function inner(a: Operand, b: Operand): Tensor {
  const [x, y] = [asTensor('inner', 'a', a), asTensor('inner', 'b', b)];
  if (x.rank > 0 && y.rank > 0 && x.shape.at(-1) !== y.shape.at(-1)) {
    throw opError('inner', `the last axes of ${formatType(x)} and ${formatType(y)} differ in size`);
  }
  return x.rank === 0 || y.rank === 0 ? multiply(x, y) : tensordot(x, y, [[-1], [-1]]);
}
