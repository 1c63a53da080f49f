import { gradients } from '../compile/autodiff.js';
import { make } from '../ir/build.js';
import { formatType, Tensor } from '../ir/graph.js';
import { flatten, unflatten } from './pytree.js';
import { trace } from './tracing.js';

export interface ValueAndGradient<P> {
  readonly value: Tensor;
  /** dvalue/dargument, in the structure of the first argument. */
  readonly gradient: P;
}

/**
 * A function that returns the value of `fn` and its gradient with respect to the first argument.
 *
 * Works on lazy tensors as they are; inside `jit` value and gradient become one compiled step. Apply it again for higher
 * derivatives. What `fn` uses besides its first argument is constant, even if it is the same tensor.
 *
 * @param fn returns a rank-0 float32 tensor
 * @throws Error when it returns anything else
 *
 * @example
 * const { value, gradient } = valueAndGrad((w: Tensor) => ops.sum(ops.square(w)))(tensor([1, 2, 3]));
 * gradient.data; // Float32Array [2, 4, 6]
 */
export function valueAndGrad<P, A extends readonly unknown[]>(
  fn: (parameters: P, ...rest: A) => Tensor,
): (parameters: P, ...rest: A) => ValueAndGradient<P> {
  if (typeof fn !== 'function') throw new Error(`grad: fn must be a function, got ${typeof fn}`);
  return (parameters, ...rest) => {
    // a node of its own for each: a tensor that is passed twice, or also captured, has several roles
    const leaves = flatten(parameters, 'grad argument 0').leaves.map((t) => make('reshape', [t], {}, t.shape, t.dtype));
    const value: unknown = trace(() => fn(unflatten(parameters, leaves), ...rest));
    if (!(value instanceof Tensor) || value.rank !== 0 || value.dtype !== 'float32') {
      const got = value instanceof Tensor ? formatType(value) : value === null ? 'null' : typeof value;
      throw new Error(`grad: the function must return a float32 scalar, got ${got}`);
    }
    return { value, gradient: unflatten(parameters, gradients(value, leaves)) };
  };
}

/**
 * Like `valueAndGrad`, but returns the gradient only.
 *
 * @throws Error when the function returns anything but a float32 scalar
 *
 * @example
 * grad((w: Tensor) => ops.sum(ops.square(w)))(tensor([1, 2, 3])).data; // 2, 4, 6
 */
export function grad<P, A extends readonly unknown[]>(
  fn: (parameters: P, ...rest: A) => Tensor,
): (parameters: P, ...rest: A) => P {
  const both = valueAndGrad<P, A>(fn);
  return (parameters, ...rest) => both(parameters, ...rest).gradient;
}
