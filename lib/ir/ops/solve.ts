/** Systems of linear equations and what belongs to them, for small matrices: loops over rows or columns. */
import { asTensor, broadcastShapes, broadcastTo, checkOptions, type Operand, opError } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import {
  abs,
  cast,
  customGradient,
  divide,
  equal,
  greaterEqual,
  log,
  multiply,
  negative,
  notEqual,
  sign,
  sqrt,
  subtract,
  where,
} from './elementwise.js';
import { matmul } from './linalg.js';
import { scan } from './loop.js';
import { eye, tril, triu } from './matrix.js';
import { iota, ones, zerosLike } from './random.js';
import { any, argmax, prod, sum } from './reduce.js';
import { concatenate, expandDims, sliceAxis, squeeze, swapLastAxes, transpose } from './shape.js';

/** Square matrices [..., n, n] as float32, of one row at least. */
function square(op: string, a: Operand): Tensor {
  const t = cast(asTensor(op, 'a', a), 'float32');
  if (t.rank >= 2 && t.shape.at(-1) === t.shape.at(-2) && t.shape.at(-1) !== 0) return t;
  throw opError(op, `a must hold square matrices [..., n, n], n >= 1, got ${formatType(t)}`);
}

/** Matrices and right-hand sides with the same leading axes; a vector b [n] beside a matrix is a column. */
function system(op: string, a: Operand, b: Operand): { a: Tensor; b: Tensor; isVector: boolean } {
  const matrix = square(op, a);
  const t = cast(asTensor(op, 'b', b), 'float32');
  const isVector = t.rank === 1;
  const right = isVector ? expandDims(t, 1) : t;
  const n = matrix.shape.at(-1);
  if (right.rank < 2 || right.shape.at(-2) !== n) {
    throw opError(op, `b must be [${n}] or [..., ${n}, k] for a ${formatType(matrix)}, got ${formatType(t)}`);
  }
  const outer = broadcastShapes(op, matrix.shape.slice(0, -2), right.shape.slice(0, -2));
  const whole = (m: Tensor): Tensor => broadcastTo(m, [...outer, ...m.shape.slice(-2)]);
  return { a: whole(matrix), b: whole(right), isVector };
}

/** [..., n, m] -> [n, ..., m] and back: the rows as a sequence. */
const rowsOf = (t: Tensor): Tensor => transpose(t, [t.rank - 2, ...[...t.shape.keys()].slice(0, -2), t.rank - 1]);
const fromRows = (t: Tensor): Tensor => transpose(t, [...[...t.shape.keys()].slice(1, -1), 0, t.rank - 1]);

/**
 * The lower triangular matrix L with L Lᵀ = A, for symmetric positive definite A: [..., n, n] -> [..., n, n]. Reads the lower
 * triangle only; NaN where a matrix is not positive definite. A loop of n steps, for matrices up to some hundreds of rows.
 *
 * @throws Error when a does not hold square matrices
 *
 * @example
 * ops.cholesky(tensor([[4, 2], [2, 5]])); // [[2, 0], [1, 2]]
 *
 * Source: Golub and Van Loan, "Matrix computations", 4th edition, 4.2.
 */
export function cholesky(a: Operand): Tensor {
  const t = square('cholesky', a);
  const n = t.shape.at(-1) as number;
  // column j: what is left of A's after the columns before it, over the root of its diagonal element
  const columns = rowsOf(swapLastAxes(tril(t)));
  const step = (l: Tensor, [column, j]: readonly Tensor[]) => {
    const isPivot = equal(iota([n], 0), j as Tensor);
    const row = sum(where(expandDims(isPivot, -1), l, 0), -2, { keepDims: true }); // [..., 1, n]
    const left = subtract(column as Tensor, sum(multiply(l, row), -1)); // [..., n]
    const pivot = sqrt(sum(where(isPivot, left, 0), -1, { keepDims: true }));
    const found = where(greaterEqual(iota([n], 0), j as Tensor), divide(left, pivot), 0);
    return { carry: where(isPivot, expandDims(found, -1), l), output: found };
  };
  return swapLastAxes(fromRows(scan(step, zerosLike(t), [columns, iota([n], 0)]).output));
}

/**
 * The x with A x = b for triangular A, by substitution: A [..., n, n] and b [..., n, k] -> [..., n, k]; for a vector b [n]
 * -> [..., n]. Leading axes broadcast. Reads one triangle of A only. A loop of n steps, whose gradients flow to both.
 *
 * @param options `lower`: which triangle. Default: false
 * @returns infinite or NaN where a diagonal element is 0
 * @throws Error when the shapes do not fit
 *
 * @example
 * ops.solveTriangular(tensor([[2, 0], [1, 2]]), tensor([2, 5]), { lower: true }); // 1, 2
 */
export function solveTriangular(a: Operand, b: Operand, options: { readonly lower?: boolean } = {}): Tensor {
  checkOptions('solveTriangular', options);
  const { lower = false } = options;
  const given = system('solveTriangular', a, b);
  const n = given.b.shape.at(-2) as number;
  const step = (x: Tensor, [row, right, j]: readonly Tensor[]) => {
    const isPivot = equal(iota([n], 0), j as Tensor);
    const known = sum(multiply(expandDims(row as Tensor, -1), x), -2); // [..., k]
    const pivot = sum(where(isPivot, row as Tensor, 0), -1, { keepDims: true });
    const found = divide(subtract(right as Tensor, known), pivot);
    return { carry: where(expandDims(isPivot, -1), expandDims(found, -2), x), output: found };
  };
  const sequence = [rowsOf(lower ? tril(given.a) : triu(given.a)), rowsOf(given.b), iota([n], 0)];
  const { output } = scan(step, zerosLike(given.b), sequence, { reverse: !lower });
  return given.isVector ? squeeze(fromRows(output), [-1]) : fromRows(output);
}

/**
 * Gauss and Jordan's elimination, with partial pivoting, of matrices [..., n, m], m >= n: in n steps, the first n columns
 * become the identity. A step without a pivot other than 0 leaves its row as it is.
 *
 * @returns the matrices after it, and the pivots of the steps [n, ...] with their signs: negative for an exchange of rows
 */
function eliminate(matrices: Tensor): { readonly reduced: Tensor; readonly pivots: Tensor; readonly signs: Tensor } {
  const [n, m] = matrices.shape.slice(-2) as [number, number];
  const rows = iota([n], 0);
  const step = (now: Tensor, j: Tensor) => {
    const isTop = equal(rows, j);
    /** Column j of some rows. */
    const columnOf = (t: Tensor): Tensor => sum(where(equal(iota([m], 0), j), t, 0), -1, { keepDims: true });
    const candidates = where(greaterEqual(rows, j), abs(squeeze(columnOf(now), [-1])), -1); // [..., n]
    const best = argmax(candidates, -1); // [...]
    const isBest = equal(rows, expandDims(best, -1));
    const rowOf = (which: Tensor): Tensor => sum(where(expandDims(which, -1), now, 0), -2, { keepDims: true });
    const [top, chosen] = [rowOf(isTop), rowOf(isBest)]; // [..., 1, m]
    const exchanged = where(expandDims(isTop, -1), chosen, where(expandDims(isBest, -1), top, now));
    const pivot = columnOf(chosen); // [..., 1, 1]
    const scaled = divide(chosen, where(equal(pivot, 0), 1, pivot));
    const others = subtract(exchanged, multiply(columnOf(exchanged), scaled));
    return {
      carry: where(expandDims(isTop, -1), scaled, others),
      output: [squeeze(pivot, [-2, -1]), where(notEqual(best, j), -1, ones(best.shape))],
    };
  };
  const { carry, output } = scan(step, matrices, rows);
  return { reduced: carry, pivots: output[0] as Tensor, signs: output[1] as Tensor };
}

/**
 * The x with A x = b: A [..., n, n] and b [..., n, k] -> [..., n, k]; for a vector b [n] -> [..., n]. Leading axes broadcast.
 * Elimination with partial pivoting in a loop of n steps; gradients are two more systems, db = A⁻ᵀ dx and dA = -db xᵀ.
 *
 * @returns NaN where a matrix is singular
 * @throws Error when the shapes do not fit
 *
 * @example
 * ops.solve(tensor([[2, 1], [1, 3]]), tensor([3, 5])); // 0.8, 1.4
 *
 * Source: Golub and Van Loan, "Matrix computations", 4th edition, 3.4.
 */
export function solve(a: Operand, b: Operand): Tensor {
  const given = system('solve', a, b);
  const n = given.b.shape.at(-2) as number;
  const x: Tensor = customGradient(
    [given.a, given.b],
    (matrix, right) => {
      const { reduced, pivots } = eliminate(concatenate([matrix, right], -1));
      const singular = expandDims(expandDims(any(equal(pivots, 0), 0), -1), -1);
      return where(singular, Number.NaN, sliceAxis(reduced, -1, n));
    },
    (dx) => {
      const db = solve(swapLastAxes(given.a), dx);
      return [negative(matmul(db, swapLastAxes(x))), db];
    },
  );
  return given.isVector ? squeeze(x, [-1]) : x;
}

/**
 * The inverse of matrices, [..., n, n] -> [..., n, n]: `solve` with the identity on the right. To solve one system, `solve` is
 * faster and more accurate.
 *
 * @returns NaN where a matrix is singular
 * @throws Error when a does not hold square matrices
 *
 * @example
 * ops.inv(tensor([[2, 0], [1, 4]])); // [[0.5, 0], [-0.125, 0.25]]
 */
export function inv(a: Operand): Tensor {
  const t = square('inv', a);
  return solve(t, eye(t.shape.at(-1) as number));
}

/**
 * Determinants, [..., n, n] -> [...]: the product of the pivots of an elimination with partial pivoting.
 *
 * @throws Error when a does not hold square matrices
 *
 * @example
 * ops.det(tensor([[1, 2], [3, 4]])); // -2
 */
export function det(a: Operand): Tensor {
  const { pivots, signs } = eliminate(square('det', a));
  return prod(multiply(pivots, signs), 0);
}

/**
 * Sign and logarithm of the absolute value of determinants, [..., n, n] -> [...] twice: det = sign * exp(logAbsDet), without
 * overflow. A singular matrix has 0 and -Infinity.
 *
 * @throws Error when a does not hold square matrices
 *
 * @example
 * ops.slogdet(tensor([[1, 2], [3, 4]])); // { sign: -1, logAbsDet: 0.693 }
 */
export function slogdet(a: Operand): { readonly sign: Tensor; readonly logAbsDet: Tensor } {
  const { pivots, signs } = eliminate(square('slogdet', a));
  return { sign: prod(multiply(sign(pivots), signs), 0), logAbsDet: sum(log(abs(pivots)), 0) };
}
