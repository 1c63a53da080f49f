import { toBfloat16 } from './bfloat16.js';
import type { ScalarOp } from './optable.js';

/**
 * Each scalar operation in float64 (int32 wraps): the definition that constant folding and the reference interpreter use.
 * `random` and `iota` depend on the position and are not here.
 */
const table: Partial<Record<ScalarOp, (a: number, b: number, c: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  log: Math.log,
  log1p: Math.log1p,
  expm1: Math.expm1,
  sqrt: Math.sqrt,
  rsqrt: (a) => 1 / Math.sqrt(a),
  recip: (a) => 1 / a,
  tanh: Math.tanh,
  sigmoid: (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a))),
  softplus: (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
  erf,
  gelu: (a) => a * normalDistribution(a),
  geluGrad: (a) => normalDistribution(a) + (a * Math.exp((-a * a) / 2)) / Math.sqrt(2 * Math.PI),
  sin: Math.sin,
  cos: Math.cos,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  not: (a) => Number(a === 0),
  castFloat: (a) => a,
  // saturates; NaN is 0
  castInt: (a) => Math.min(Math.max(Math.trunc(a) || 0, -(2 ** 31)), 2 ** 31 - 1),
  castBool: (a) => Number(a !== 0),
  widen: (a) => a,
  castBfloat16: toBfloat16,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  // C's pow says 1 for these; JavaScript's says NaN
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b),
  mod: (a, b) => a - Math.floor(a / b) * b,
  atan2: Math.atan2,
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  gt: (a, b) => Number(a > b),
  ge: (a, b) => Number(a >= b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
  select: (a, b, c) => (a !== 0 ? b : c),
  fma: (a, b, c) => a * b + c,
};

const integer: Partial<Record<ScalarOp, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  neg: (a) => -a | 0,
  abs: (a) => Math.abs(a) | 0,
  bitAnd: (a, b) => a & b,
  bitOr: (a, b) => a | b,
  bitXor: (a, b) => a ^ b,
  shiftLeft: (a, b) => (b >>> 0 < 32 ? a << b : 0),
  shiftRight: (a, b) => a >> (b >>> 0 < 32 ? b : 31),
  mod: (a, b) => (b === 0 ? 0 : (((a % b) + b) % b) | 0),
};

/** The function of its operands that an operation on float or int32 lanes is. */
export function scalarFunction(op: ScalarOp, lanes: 'f' | 'i'): (a: number, b: number, c: number) => number {
  const f = (lanes === 'i' ? integer[op] : undefined) ?? table[op];
  if (f === undefined) throw new Error(`scalar operation ${op} depends on the position of the element`);
  return f;
}

export const evaluateScalar = (op: ScalarOp, lanes: 'f' | 'i', [a, b, c]: readonly number[]): number =>
  scalarFunction(op, lanes)(a as number, b as number, c as number);

function roundHalfToEven(a: number): number {
  const r = Math.round(a);
  return Math.abs(a % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** Error function to float64 accuracy: Maclaurin series near 0, continued fraction (Lentz) further out. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return Number.NaN;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 100 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  return Math.sign(x) * (1 - erfcTail(a));
}

/** erfc(a) = exp(-a^2) / sqrt(pi) * 1 / (a + (1/2) / (a + 1 / (a + (3/2) / (a + ...)))) for a >= 2.5. */
function erfcTail(a: number): number {
  let fraction = a;
  for (let k = 60; k >= 1; k--) fraction = a + k / 2 / fraction;
  return Math.exp(-a * a) / (Math.sqrt(Math.PI) * fraction);
}

/** The distribution function of the standard normal distribution. */
function normalDistribution(x: number): number {
  const a = x * Math.SQRT1_2;
  return a < -2.5 ? erfcTail(-a) / 2 : (1 + erf(a)) / 2;
}
