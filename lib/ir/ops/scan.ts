import { asTensor, make, normalizeAxis, type Operand } from '../build.js';
import type { Tensor } from '../graph.js';
import { cast, multiply } from './elementwise.js';
import { numbers } from './numbers.js';
import { ones } from './random.js';
import { concatenate, sliceAxis } from './shape.js';

/**
 * Running sum along an axis: y[i] = x[0] + ... + x[i], in that order. int32 stays int32, bool counts in int32.
 *
 * @param axis default: -1
 *
 * @example
 * ops.cumsum(tensor([1, 2, 3])); // 1, 3, 6
 */
export function cumsum(x: Operand, axis = -1): Tensor {
  const input = asTensor('cumsum', 'x', x);
  const t = numbers(input, 'int32');
  return make('cumsum', [t], { axis: normalizeAxis('cumsum', axis, t.rank), reverse: false }, t.shape, t.dtype);
}

/**
 * Running product along an axis: y[i] = x[0] * ... * x[i], in float32. Exact gradients where factors are 0, too.
 *
 * @param axis default: -1
 *
 * @example
 * ops.cumprod(tensor([1, 2, 3])); // 1, 2, 6
 */
export function cumprod(x: Operand, axis = -1): Tensor {
  let t = cast(asTensor('cumprod', 'x', x), 'float32');
  const a = normalizeAxis('cumprod', axis, t.rank);
  const n = t.shape[a] as number;
  // Hillis and Steele (1986): after the step with shift s, an element is the product of the last 2 s
  for (let shift = 1; shift < n; shift *= 2) {
    const before = ones(t.shape.map((m, i) => (i === a ? shift : m)));
    t = multiply(t, concatenate([before, sliceAxis(t, a, 0, n - shift)], a));
  }
  return t;
}
