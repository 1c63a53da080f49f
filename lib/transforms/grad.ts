import { gradients } from '../compile/autodiff.js';
import { formatType, type Tensor } from '../ir/graph.js';
import { flatten, unflatten } from './pytree.js';

export interface ValueAndGradient<P> {
  readonly value: Tensor;
  /** dvalue/dargument, in the structure of the first argument. */
  readonly gradient: P;
}

/**
 * A function that returns the value of `fn` and its gradient with respect to the first argument.
 *
 * Works on lazy tensors as they are; inside `jit` value and gradient become one compiled step. Apply it again for higher
 * derivatives.
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
  return (parameters, ...rest) => {
    const { leaves } = flatten(parameters, 'first argument');
    const value = fn(unflatten(parameters, leaves), ...rest);
    if (value.rank !== 0 || value.dtype !== 'float32') {
      throw new Error(`grad: the function must return a float32 scalar, got ${formatType(value)}`);
    }
    return { value, gradient: unflatten(parameters, gradients(value, leaves)) };
  };
}

/** Like `valueAndGrad`, but returns the gradient only. */
export function grad<P, A extends readonly unknown[]>(
  fn: (parameters: P, ...rest: A) => Tensor,
): (parameters: P, ...rest: A) => P {
  const both = valueAndGrad<P, A>(fn);
  return (parameters, ...rest) => both(parameters, ...rest).gradient;
}
