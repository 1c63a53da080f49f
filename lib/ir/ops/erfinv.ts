import { asTensor, type Operand } from '../build.js';
import type { Tensor } from '../graph.js';
import {
  abs,
  add,
  cast,
  customGradient,
  equal,
  exp,
  less,
  log,
  maximum,
  minimum,
  multiply,
  negative,
  sqrt,
  square,
  subtract,
  where,
} from './elementwise.js';

/** Coefficients of polynomials in w - 2.5 and sqrt(w) - 3, highest power first, with w = -log(1 - x^2). */
const central = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
];
const tail = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
];
const horner = (coefficients: readonly number[], w: Tensor): Tensor =>
  coefficients.slice(1).reduce<Tensor>((p, c, i) => add(multiply(i === 0 ? (coefficients[0] as number) : p, w), c), w);

function approximate(x: Tensor): Tensor {
  const w = negative(log(multiply(subtract(1, x), add(x, 1))));
  const near = horner(central, subtract(minimum(w, 5), 2.5));
  const far = horner(tail, subtract(sqrt(maximum(w, 5)), 3));
  const value = multiply(where(less(w, 5), near, far), x);
  return where(equal(abs(x), 1), multiply(x, Number.POSITIVE_INFINITY), value);
}

/**
 * Inverse of the error function: erf(erfinv(x)) = x. Infinite at -1 and 1, NaN beyond. Accurate to a few units in the
 * last place of float32; its gradient is sqrt(pi) / 2 * e^(erfinv(x)^2).
 *
 * @example
 * // the normal distribution's quantile at p is sqrt(2) erfinv(2 p - 1)
 * ops.multiply(Math.SQRT2, ops.erfinv(tensor([-0.9, 0.9]))); // at 0.05 and 0.95: -1.645, 1.645
 *
 * Source: Giles, "Approximating the erfinv function", GPU Computing Gems Jade Edition, 2011, chapter 10.
 */
export function erfinv(x: Operand): Tensor {
  const t = cast(asTensor('erfinv', 'x', x), 'float32');
  // the inverse again, not a value of its approximation: so it has a gradient in turn
  return customGradient([t], approximate, (dy) => [
    multiply(dy, multiply(exp(square(erfinv(t))), Math.sqrt(Math.PI) / 2)),
  ]);
}
