import { formatType, Tensor } from '../ir/graph.js';
import { argumentError } from '../layers/arguments.js';
import { remember } from '../layers/recipe.js';

/**
 * A learning rate that changes with the updates: from the number of updates done before this one (int32 scalar: 0, 1, ...)
 * to the rate (float32 scalar). It is traced with the step, so it runs natively and costs no return to JavaScript. Any
 * function of `ops` will do.
 *
 * @example
 * // linear warm-up, then 1 / sqrt(step)
 * const rate: schedules.Schedule = (step) => {
 *   const t = ops.add(ops.cast(step, 'float32'), 1);
 *   return ops.multiply(ops.minimum(ops.rsqrt(t), ops.multiply(t, 1e-3)), 0.1);
 * };
 * optimizers.adam({ learningRate: rate });
 */
export type Schedule = (step: Tensor) => Tensor;

/** A schedule of this library: a function that also knows the arguments it was made with. */
export interface NamedSchedule extends Schedule {
  /** 'cosineDecay'. */
  readonly name: string;
  getConfig(): Record<string, unknown>;
}

export function defineSchedule(name: string, options: object, schedule: Schedule): NamedSchedule {
  Object.defineProperty(schedule, 'name', { value: name });
  const named = Object.assign(schedule, { getConfig: () => ({ ...options }) }) as NamedSchedule;
  return remember(named, `schedules.${name}`, options);
}

/**
 * The rate for an update while it is traced.
 *
 * @throws Error when the schedule does not return a float32 scalar
 */
export function traceSchedule(where: string, schedule: Schedule, step: Tensor): Tensor {
  const rate: unknown = schedule(step);
  if (rate instanceof Tensor && rate.rank === 0 && rate.dtype === 'float32') return rate;
  const got = rate instanceof Tensor ? formatType(rate) : rate;
  throw argumentError(where, 'the result of the learning rate schedule', 'a float32 scalar tensor', got);
}
