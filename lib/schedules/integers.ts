import { scalar, tensor } from '../ir/build.js';
import type { Tensor } from '../ir/graph.js';
import { add, cast, floor, greaterEqual, less, logicalAnd, multiply, subtract, where } from '../ir/ops/elementwise.js';
import { sum } from '../ir/ops/reduce.js';

/** Largest step number. */
const last = 0x7fffffff;

/** floor(a / n) for an int32 scalar >= 0, exact where float32 is not: for steps beyond 2^24. */
export function floorDivide(a: Tensor, n: number): Tensor {
  if (n === 1) return a;
  const estimate = (x: Tensor): Tensor => cast(floor(multiply(cast(x, 'float32'), 1 / n)), 'int32');
  const rough = estimate(a);
  // the rest is small, so that its float is exact; rounding can still have crossed a whole number
  const rest = subtract(a, multiply(rough, n));
  const fine = add(rough, estimate(rest));
  const left = subtract(a, multiply(fine, n));
  return add(fine, subtract(cast(greaterEqual(left, n), 'int32'), cast(less(left, 0), 'int32')));
}

/** a / n in float32, rounded once as long as a < 2^24. */
export const fraction = (a: Tensor, n: number): Tensor => multiply(cast(a, 'float32'), 1 / n);

/** A table over the steps: values[i] from starts[i] on (whole numbers that grow, the first 0), until the next start. */
export function pick(
  step: Tensor,
  starts: readonly number[],
  values: readonly number[],
  dtype: 'float32' | 'int32' = 'float32',
): Tensor {
  if (values.length === 1) return scalar(values[0] as number, dtype);
  const from = tensor(Int32Array.from(starts, (s) => Math.min(s, last)));
  const to = tensor(Int32Array.from(starts, (_, i) => Math.min(starts[i + 1] ?? last, last)));
  const inside = logicalAnd(greaterEqual(step, from), less(step, to));
  // exact: one of the terms is not 0
  return sum(where(inside, tensor([...values], undefined, dtype), 0));
}
