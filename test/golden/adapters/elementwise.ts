import type { Adapter } from '../adapter';
import { ops, type Tensor } from '../api';

/** What the set says of all of them. */
const domain = ['log,sqrt,rsqrt: |x|+0.1; log1p: |x|; reciprocal: |x|+0.5; clip: [-0.7,0.9]'];
const unary = (f: (x: Tensor) => Tensor): Adapter => ({ traced: ({ x }) => f(x), only: { domain } });
const binary = (f: (a: Tensor, b: Tensor) => Tensor): Adapter => ({ traced: ({ a, b }) => f(a, b) });
/** The set draws from everywhere and moves the values into the domain of the function. */
const positive = (x: Tensor, offset: number): Tensor => ops.add(ops.abs(x), offset);

export const elementwise: Record<string, Adapter> = {
  add: binary(ops.add),
  subtract: binary(ops.subtract),
  multiply: binary(ops.multiply),
  divide: binary(ops.divide),
  maximum: binary(ops.maximum),
  minimum: binary(ops.minimum),
  power: { ...binary((a, b) => ops.power(positive(a, 0.1), b)), only: { form: ['pow(|a|+0.1, b)'] } },
  squared_difference: binary(ops.squaredDifference),
  exp: unary(ops.exp),
  log: unary((x) => ops.log(positive(x, 0.1))),
  sqrt: unary((x) => ops.sqrt(positive(x, 0.1))),
  rsqrt: unary((x) => ops.rsqrt(positive(x, 0.1))),
  square: unary(ops.square),
  abs: unary(ops.abs),
  neg: unary(ops.negative),
  sin: unary(ops.sin),
  cos: unary(ops.cos),
  erf: unary(ops.erf),
  log1p: unary((x) => ops.log1p(ops.abs(x))),
  expm1: unary(ops.expm1),
  reciprocal: unary((x) => ops.reciprocal(positive(x, 0.5))),
  clip: unary((x) => ops.clip(x, -0.7, 0.9)),
};
