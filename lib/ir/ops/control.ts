import { checkFunction, checkTensor, opError, scalar, show } from '../build.js';
import { formatType, sameShape, Tensor } from '../graph.js';
import { add, where } from './elementwise.js';
import { scan } from './loop.js';
import { iota } from './random.js';
import { checkLike, checkTree, lengthOf, type TensorTree } from './tree.js';

/**
 * Applies a function to every element along the leading axis, one after the other, and stacks what it returns: a `scan`
 * without a state. What can be written for all elements at once is faster that way.
 *
 * @param body a pure function of element i of every sequence, without the leading axis
 * @param sequence tensors [n, ...] with one n
 * @returns what body returns, with a leading axis of size n
 * @throws Error when the sequences differ in length or have rank 0
 *
 * @example
 * ops.map((row: Tensor) => ops.cumsum(row), ops.ones([2, 3])); // 1, 2, 3 twice
 */
export const map = <X extends TensorTree, Y extends TensorTree>(body: (x: X) => Y, sequence: X): Y => {
  checkFunction('map', 'body', body);
  lengthOf('map', sequence);
  const checked = (x: X): Y => {
    const output = body(x);
    checkTree('map', 'the output of body', output);
    return output;
  };
  return scan<Tensor, X, Y>((carry, x) => ({ carry, output: checked(x) }), scalar(0), sequence).output;
};

/**
 * Repeats a step with a counter: for i in lower .. upper - 1: value = body(i, value). The number of steps is fixed; the
 * body is traced once, and gradients flow through, as in `scan`.
 *
 * @param body a pure function of the counter, an int32 scalar, and the value before
 * @returns the value after the last step; `initial` where there is none
 * @throws Error when lower or upper is not a whole number, or the value changes its structure, shape or dtype
 *
 * @example
 * ops.foriLoop(1, 5, (i, product: Tensor) => ops.multiply(product, i), ops.scalar(1)); // 24
 */
export function foriLoop<C extends TensorTree>(
  lower: number,
  upper: number,
  body: (i: Tensor, value: C) => C,
  initial: C,
): C {
  if (!Number.isInteger(lower) || !Number.isInteger(upper)) {
    throw opError('foriLoop', `lower and upper must be whole numbers, got ${show(lower)} and ${show(upper)}`);
  }
  checkFunction('foriLoop', 'body', body);
  checkTree('foriLoop', 'initial', initial);
  const counts = add(iota([Math.max(0, upper - lower)], 0), lower);
  const checked = (i: Tensor, value: C): C => {
    const next = body(i, value);
    checkLike('foriLoop', 'the value of body', initial, next);
    return next;
  };
  return scan<C, Tensor, readonly Tensor[]>((value, i) => ({ carry: checked(i, value), output: [] }), initial, counts)
    .carry;
}

/**
 * The value of one of two functions. BOTH are computed, and one is chosen: it saves no time, and an undefined gradient
 * (NaN) of the branch not taken spoils the other's, so keep both defined.
 *
 * @param predicate a bool scalar
 * @throws Error when the predicate is no bool scalar, or the branches differ in shape or dtype
 *
 * @example
 * const x = ops.scalar(3);
 * ops.cond(ops.greater(x, 1), () => ops.sqrt(x), () => ops.square(x)); // sqrt(3)
 */
export function cond(predicate: Tensor, whenTrue: () => Tensor, whenFalse: () => Tensor): Tensor {
  if (!(predicate instanceof Tensor) || predicate.dtype !== 'bool' || predicate.rank !== 0) {
    const got = predicate instanceof Tensor ? formatType(predicate) : typeof predicate;
    throw opError('cond', `predicate must be a bool scalar, got ${got}`);
  }
  checkFunction('cond', 'whenTrue', whenTrue);
  checkFunction('cond', 'whenFalse', whenFalse);
  const [a, b] = [whenTrue(), whenFalse()];
  checkTensor('cond', 'what whenTrue returns', a);
  checkTensor('cond', 'what whenFalse returns', b);
  if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype) {
    throw opError('cond', `both branches must return the same type, got ${formatType(a)} and ${formatType(b)}`);
  }
  return where(predicate, a, b);
}
