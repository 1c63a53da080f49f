import { make } from '../ir/build.js';
import { formatType, type HostData, type Tensor } from '../ir/graph.js';
import { type Precision, withPrecision } from '../ir/precision.js';
import { Cache } from './cache.js';
import { evaluate } from './evaluate.js';
import { Executable } from './executable.js';
import { flatten, type Loose, unflatten } from './pytree.js';
import { isTracing, trace } from './tracing.js';

export interface JitOptions {
  /** false: one kernel per operation, for finding out whether fusion is at fault. */
  readonly fuse?: boolean;
  /**
   * Of the products in the function and of their gradients, see `compile` of a model. Default: 'float32'. A function has neither
   * weights nor layers that 'bfloat16' could be about: `ops.cast(x, 'bfloat16')` says which of its values are kept so.
   */
  readonly precision?: Exclude<Precision, 'bfloat16'>;
}

/**
 * Compiles a pure function over tensors: traced once per combination of argument shapes and dtypes, differentiated and
 * fused as a whole, and run natively from then on.
 *
 * The function must not have side effects and must not look at values (`data`) of its arguments; numbers among the
 * arguments are runtime scalars. Called inside another `jit` or `grad` it becomes a part of that.
 *
 * @param fn takes and returns tensors, or arrays and records of tensors
 * @throws Error when an argument is not a tensor, a number, or arrays and records of those, or when the precision is unknown
 *
 * @example
 * const step = jit((w: Tensor, x: Tensor, y: Tensor, rate: Tensor) => {
 *   const { value, gradient } = valueAndGrad((w: Tensor) => ops.mean(ops.square(ops.subtract(ops.matmul(x, w), y))))(w);
 *   return { w: ops.subtract(w, ops.multiply(gradient, rate)), loss: value };
 * });
 */
export function jit<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options: JitOptions = {},
): (...args: { [K in keyof A]: Loose<A[K]> }) => R {
  if (typeof fn !== 'function') throw new Error(`jit: fn must be a function, got ${typeof fn}`);
  const compiled = new Cache<{ executable: Executable; result: R; outputs: readonly Tensor[] }>(64);
  const { precision } = options;
  if ((precision as unknown) === 'bfloat16') {
    throw new Error(
      "jit: precision 'bfloat16' is for models, as it is about weights and layers; 'mixedBfloat16' has products of " +
        "bfloat16 operands, and ops.cast(x, 'bfloat16') keeps values in two bytes",
    );
  }
  const call = (args: A): R => (precision === undefined ? fn(...args) : withPrecision(precision, () => fn(...args)));
  return (...args) => {
    const { leaves, structure } = flatten(args, 'jit argument');
    if (isTracing()) return call(unflatten(args, leaves) as unknown as A);
    const key = structure + leaves.map(formatType).join();
    const { executable, result, outputs } = compiled.get(key, () => {
      const inputs = leaves.map((t, slot) => make('input', [], { slot }, t.shape, t.dtype));
      const traced = trace(() => call(unflatten(args, inputs) as unknown as A));
      const flat = flatten(traced, 'jit result').leaves;
      return {
        executable: new Executable({ inputs, outputs: flat, writes: [] }, options),
        result: traced,
        outputs: flat,
      };
    });
    evaluate(leaves);
    const values = executable.run(leaves.map((t) => t.known as HostData));
    return unflatten(
      result,
      values.map((data, i) => concrete(data, outputs[i] as Tensor)),
    );
  };
}

const concrete = (data: HostData, { shape, dtype }: Tensor): Tensor => make('constant', [], { data }, shape, dtype);
