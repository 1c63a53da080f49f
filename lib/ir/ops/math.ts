import { asTensor, checkOperands, checkOptions, type Operand, scalar } from '../build.js';
import { Tensor } from '../graph.js';
import {
  abs,
  add,
  arctan2,
  cast,
  ceil,
  cos,
  divide,
  equal,
  exp,
  expm1,
  floor,
  greater,
  less,
  lessEqual,
  log,
  log1p,
  logicalAnd,
  logicalOr,
  maximum,
  minimum,
  mod,
  multiply,
  negative,
  notEqual,
  power,
  round,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  stopGradient,
  subtract,
  where,
} from './elementwise.js';

/** Functions made of other scalar operations: fusion turns each into a few instructions of one loop. */
const float = (op: string, x: Operand): Tensor => cast(asTensor(op, 'x', x), 'float32');

/** Logarithm to base 2. */
export const log2 = (x: Operand): Tensor => multiply(log(asTensor('log2', 'x', x)), Math.LOG2E);
/** Logarithm to base 10. */
export const log10 = (x: Operand): Tensor => multiply(log(asTensor('log10', 'x', x)), Math.LOG10E);
/** 2^x */
export const exp2 = (x: Operand): Tensor => exp(multiply(asTensor('exp2', 'x', x), Math.LN2));

/** Cube root, of negative numbers too. Its gradient at 0 is not defined. */
export const cbrt = (x: Operand): Tensor => {
  const t = float('cbrt', x);
  return multiply(sign(t), power(abs(t), 1 / 3));
};
/** sqrt(a^2 + b^2), without overflow. Its gradient at (0, 0) is not defined. */
export const hypot = (a: Operand, b: Operand): Tensor => {
  checkOperands('hypot', { a, b });
  const [p, q] = [float('hypot', a), float('hypot', b)];
  const top = stopGradient(maximum(abs(p), abs(q)));
  // whatever it is divided by, it is the same: so the divisor needs no gradient
  const unit = where(logicalAnd(greater(top, 0), isFinite(top)), top, 1);
  return multiply(sqrt(add(square(divide(p, unit)), square(divide(q, unit)))), unit);
};
/** Degrees to radians. */
export const deg2rad = (x: Operand): Tensor => multiply(float('deg2rad', x), Math.PI / 180);
/** Radians to degrees. */
export const rad2deg = (x: Operand): Tensor => multiply(float('rad2deg', x), 180 / Math.PI);

/** sin(x) / cos(x) */
export const tan = (x: Operand): Tensor => {
  const t = float('tan', x);
  return divide(sin(t), cos(t));
};
/** Angle in [-pi/2, pi/2] with the given sine; NaN outside [-1, 1]. */
export const arcsin = (x: Operand): Tensor => {
  const t = float('arcsin', x);
  return arctan2(t, cosineOf(t));
};
/** Angle in [0, pi] with the given cosine; NaN outside [-1, 1]. */
export const arccos = (x: Operand): Tensor => {
  const t = float('arccos', x);
  return arctan2(cosineOf(t), t);
};
/** Angle in (-pi/2, pi/2) with the given tangent. */
export const arctan = (x: Operand): Tensor => arctan2(float('arctan', x), 1);
/** sqrt(1 - x^2), accurate near 1 too. */
const cosineOf = (t: Tensor): Tensor => sqrt(multiply(subtract(1, t), add(t, 1)));

/** (e^x - e^-x) / 2, accurate near 0. */
export const sinh = (x: Operand): Tensor => {
  const t = float('sinh', x);
  return multiply(subtract(expm1(t), expm1(negative(t))), 0.5);
};
/** (e^x + e^-x) / 2 */
export const cosh = (x: Operand): Tensor => {
  const t = float('cosh', x);
  return multiply(add(exp(t), exp(negative(t))), 0.5);
};
/** Inverse of sinh. */
export const arcsinh = (x: Operand): Tensor => {
  const t = float('arcsinh', x);
  const size = abs(t);
  // of s + sqrt(s^2 + 1) the logarithm, with its 1 split off; s^2 / (1 + sqrt(s^2 + 1)) as a product that cannot overflow
  const over = divide(size, add(sqrt(add(square(minimum(size, 1e18)), 1)), 1));
  return multiply(sign(t), log1p(add(size, multiply(size, over))));
};
/** Inverse of cosh; NaN below 1. */
export const arccosh = (x: Operand): Tensor => {
  const t = float('arccosh', x);
  return log(add(t, multiply(sqrt(subtract(t, 1)), sqrt(add(t, 1)))));
};
/** Inverse of tanh; NaN outside [-1, 1]. */
export const arctanh = (x: Operand): Tensor => {
  const t = float('arctanh', x);
  return multiply(subtract(log1p(t), log1p(negative(t))), 0.5);
};

/** x without its fraction: rounded toward 0. */
export const trunc = (x: Operand): Tensor => {
  const t = asTensor('trunc', 'x', x);
  return t.dtype === 'float32' ? where(less(t, 0), ceil(t), floor(t)) : t;
};

/**
 * floor(a / b): how many times b fits into a, so that a = b * floorDivide(a, b) + mod(a, b). int32 operands give int32.
 * Computed in float32: exact for int32 operands up to 2^24.
 */
export const floorDivide = (a: Operand, b: Operand): Tensor => {
  checkOperands('floorDivide', { a, b });
  // a - mod is a multiple of b: rounding takes away what the division is off by
  const quotient = round(divide(subtract(a, mod(a, b)), b));
  const whole = (o: Operand): boolean => (o instanceof Tensor ? o.dtype === 'int32' : Number.isInteger(o));
  const anyTensor = a instanceof Tensor || b instanceof Tensor;
  return anyTensor && whole(a) && whole(b) ? cast(quotient, 'int32') : quotient;
};

/** log(e^a + e^b), without overflow. */
export const logAddExp = (a: Operand, b: Operand): Tensor => {
  checkOperands('logAddExp', { a, b });
  const [p, q] = [float('logAddExp', a), float('logAddExp', b)];
  const top = maximum(p, q);
  const far = abs(subtract(p, q));
  // equal infinities would give inf - inf
  return add(top, softplus(negative(where(equal(p, q), 0, far))));
};

/** log2(2^a + 2^b), without overflow. */
export const logAddExp2 = (a: Operand, b: Operand): Tensor => {
  checkOperands('logAddExp2', { a, b });
  return multiply(logAddExp(multiply(a, Math.LN2), multiply(b, Math.LN2)), Math.LOG2E);
};

/** 0 below 0, 1 above, and `middle` at 0. */
export const heaviside = (x: Operand, middle: Operand): Tensor => {
  checkOperands('heaviside', { x, middle });
  const t = float('heaviside', x);
  return where(equal(t, 0), float('heaviside', middle), where(notEqual(t, t), t, cast(greater(t, 0), 'float32')));
};

/** sin(pi x) / (pi x), and 1 at 0. */
export const sinc = (x: Operand): Tensor => {
  const angle = multiply(float('sinc', x), Math.PI);
  const isZero = equal(angle, 0);
  return where(isZero, 1, divide(sin(angle), where(isZero, 1, angle)));
};

/** a / b, and 0 where b is 0, with a gradient of 0 there. */
export const divideNoNaN = (a: Operand, b: Operand): Tensor => {
  checkOperands('divideNoNaN', { a, b });
  const divisor = float('divideNoNaN', b);
  const isZero = equal(divisor, 0);
  return where(isZero, 0, divide(a, where(isZero, 1, divisor)));
};

/** x * 2^exponent */
export const ldexp = (x: Operand, exponent: Operand): Tensor => {
  checkOperands('ldexp', { x, exponent });
  return multiply(x, power(2, exponent));
};

/** Exactly one of both. */
export const logicalXor = (a: Operand, b: Operand): Tensor => {
  checkOperands('logicalXor', { a, b });
  return notEqual(cast(cast(a, 'bool'), 'float32'), cast(cast(b, 'bool'), 'float32'));
};

/** True where x is neither NaN nor infinite. */
export const isFinite = (x: Operand): Tensor => less(abs(float('isFinite', x)), scalar(Number.POSITIVE_INFINITY));
/** True where x is infinite, of either sign. */
export const isInf = (x: Operand): Tensor => equal(abs(float('isInf', x)), scalar(Number.POSITIVE_INFINITY));

/** True where x is infinity. */
export const isPosInf = (x: Operand): Tensor => equal(float('isPosInf', x), scalar(Number.POSITIVE_INFINITY));
/** True where x is minus infinity. */
export const isNegInf = (x: Operand): Tensor => equal(float('isNegInf', x), scalar(Number.NEGATIVE_INFINITY));

export interface IsCloseOptions {
  /** Difference allowed for each unit of |b|. Default: 1e-5. */
  readonly rtol?: number;
  /** Difference allowed in any case. Default: 1e-8. */
  readonly atol?: number;
  /** Whether NaN is close to NaN. Default: false. */
  readonly equalNaN?: boolean;
}

/** True where |a - b| <= atol + rtol |b|, and where both are the same infinity. */
export function isClose(a: Operand, b: Operand, options: IsCloseOptions = {}): Tensor {
  checkOptions('isClose', options);
  const { rtol = 1e-5, atol = 1e-8, equalNaN = false } = options;
  checkOperands('isClose', { a, b, rtol, atol });
  const [p, q] = [float('isClose', a), float('isClose', b)];
  const near = lessEqual(abs(subtract(p, q)), add(multiply(abs(q), rtol), atol));
  const close = logicalOr(equal(p, q), logicalAnd(isFinite(q), near));
  return equalNaN ? logicalOr(close, logicalAnd(notEqual(p, p), notEqual(q, q))) : close;
}

export interface NanToNumOptions {
  /** What replaces NaN. Default: 0. */
  readonly nan?: number;
  /** What replaces infinity. Default: the largest float32. */
  readonly posinf?: number;
  /** What replaces minus infinity. Default: the smallest float32. */
  readonly neginf?: number;
}
const largest = (2 - 2 ** -23) * 2 ** 127;

/** Finite numbers in place of NaN and infinities, through which no gradient flows. */
export function nanToNum(x: Operand, options: NanToNumOptions = {}): Tensor {
  const t = float('nanToNum', x);
  checkOptions('nanToNum', options);
  const { nan = 0, posinf = largest, neginf = -largest } = options;
  checkOperands('nanToNum', { x, nan, posinf, neginf });
  const infinite = where(equal(t, scalar(Number.POSITIVE_INFINITY)), posinf, neginf);
  return where(isFinite(t), t, where(notEqual(t, t), nan, infinite));
}
