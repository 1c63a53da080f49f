import {
  asTensor,
  broadcastShapes,
  broadcastTo,
  checkDType,
  checkFunction,
  checkOperands,
  checkTensor,
  checkTensors,
  make,
  type Operand,
  opError,
  scalar,
} from '../build.js';
import { type DType, formatType, Tensor } from '../graph.js';
import { opInfo, type ScalarOp } from '../optable.js';

/**
 * The dtype that operands meet in: float32 over int32 over bool, where int8 and bfloat16 count as float32; a plain number
 * fits in, a fraction makes float32.
 */
function commonDType(operands: readonly Operand[]): DType {
  let dtype: keyof typeof rank = 'bool';
  for (const o of operands) {
    if (!(o instanceof Tensor)) continue;
    const own = o.dtype === 'int8' || o.dtype === 'bfloat16' ? 'float32' : o.dtype;
    if (rank[own] > rank[dtype]) dtype = own;
  }
  for (const o of operands) {
    if (typeof o === 'number' && (dtype === 'bool' || !Number.isInteger(o))) dtype = 'float32';
  }
  return dtype;
}
const rank = { bool: 0, int32: 1, float32: 2 };

/**
 * Converts between dtypes. float32 -> int32 truncates toward zero; anything -> bool is `x != 0`; bool -> number is 0 or 1.
 * To bfloat16, numbers are rounded to 8 bits of mantissa, to nearest and to even, and those below 2^-126 in magnitude to zero;
 * it is for keeping them in half of the memory, and wherever they are computed with they are float32 again. Nothing becomes
 * int8, which is for kept weights and needs a scale: `model.quantize` makes them.
 *
 * @throws Error when the dtype is int8 and x is not
 */
export function cast(x: Operand, dtype: DType): Tensor {
  const t = asTensor('cast', 'x', x);
  checkDType('cast', dtype);
  if (t.dtype === dtype) return t;
  if (dtype === 'int8') {
    throw opError('cast', `${formatType(t)} cannot become int8, which is for the weights of quantized models`);
  }
  const isNarrow = t.dtype === 'bool' || t.dtype === 'int8' || t.dtype === 'bfloat16';
  const one = (op: ScalarOp, v: Tensor, to: DType) => make(op, [v], {}, v.shape, to);
  if (dtype === 'bool') return one('castBool', t, 'bool');
  if (dtype === 'float32') return one(isNarrow ? 'widen' : 'castFloat', t, 'float32');
  if (dtype === 'bfloat16') return one('castBfloat16', cast(t, 'float32'), 'bfloat16');
  return one('castInt', isNarrow ? one('widen', t, 'float32') : t, 'int32');
}

/** Builds a scalar operation: operands are brought to one dtype that the operation supports, and to one shape. */
function elementwise(op: ScalarOp, name: string, operands: readonly Operand[], as?: DType): Tensor {
  const info = opInfo(op);
  let dtype = as ?? commonDType(operands);
  if (as === undefined && (dtype === 'bool' || (dtype === 'int32' && info.lanes === 'f'))) dtype = 'float32';
  const tensors = operands.map((o, i) => {
    if (typeof o === 'number') return scalar(o, dtype === 'bool' ? 'float32' : dtype);
    return cast(asTensor(name, String.fromCharCode(97 + i), o), dtype);
  });
  const shape = broadcastShapes(name, ...tensors.map((t) => t.shape));
  return make(
    op,
    tensors.map((t) => broadcastTo(t, shape)),
    {},
    shape,
    info.predicate === true ? 'bool' : dtype,
  );
}

const unary =
  (op: ScalarOp, name: string = op) =>
  (x: Operand): Tensor =>
    elementwise(op, name, [x]);
const binary =
  (op: ScalarOp, name: string) =>
  (a: Operand, b: Operand): Tensor =>
    elementwise(op, name, [a, b]);

/** -x */
export const negative = unary('neg', 'negative');
/** |x| */
export const abs = unary('abs');
/** -1, 0 or 1 */
export const sign = unary('sign');
/** e^x */
export const exp = unary('exp');
/** Natural logarithm. */
export const log = unary('log');
/** log(1 + x), accurate near 0 */
export const log1p = unary('log1p');
/** e^x - 1, accurate near 0 */
export const expm1 = unary('expm1');
/** Square root. */
export const sqrt = unary('sqrt');
/** 1 / sqrt(x) */
export const rsqrt = unary('rsqrt');
/** 1 / x */
export const reciprocal = unary('recip', 'reciprocal');
/** Hyperbolic tangent. */
export const tanh = unary('tanh');
/** 1 / (1 + e^-x) */
export const sigmoid = unary('sigmoid');
/** log(1 + e^x), without overflow. */
export const softplus = unary('softplus');
/** Error function. */
export const erf = unary('erf');
/** Sine of radians. */
export const sin = unary('sin');
/** Cosine of radians. */
export const cos = unary('cos');
/** Largest whole number not above x. */
export const floor = unary('floor');
/** Smallest whole number not below x. */
export const ceil = unary('ceil');
/** Nearest whole number, halves to even. */
export const round = unary('round');

/** a + b */
export const add = binary('add', 'add');
/** a - b */
export const subtract = binary('sub', 'subtract');
/** a * b */
export const multiply = binary('mul', 'multiply');
/** a / b, in float32 */
export const divide = binary('div', 'divide');
/** The smaller of each pair; NaN if either is NaN. */
export const minimum = binary('min', 'minimum');
/** The larger of each pair; NaN if either is NaN. */
export const maximum = binary('max', 'maximum');
/** a^b, with the special cases of C's `pow` */
export const power = binary('pow', 'power');
/** a - floor(a / b) * b: the sign of b */
export const mod = binary('mod', 'mod');
/** Angle of the point (b, a) in radians. */
export const arctan2 = binary('atan2', 'arctan2');
/** a < b */
export const less = binary('lt', 'less');
/** a <= b */
export const lessEqual = binary('le', 'lessEqual');
/** a == b */
export const equal = binary('eq', 'equal');
/** a != b */
export const notEqual = binary('ne', 'notEqual');
/** a > b */
export const greater = binary('gt', 'greater');
/** a >= b */
export const greaterEqual = binary('ge', 'greaterEqual');
/** Both. */
export const logicalAnd = (a: Operand, b: Operand): Tensor => {
  checkOperands('logicalAnd', { a, b });
  return elementwise('and', 'logicalAnd', [cast(a, 'bool'), cast(b, 'bool')], 'bool');
};
/** At least one. */
export const logicalOr = (a: Operand, b: Operand): Tensor => {
  checkOperands('logicalOr', { a, b });
  return elementwise('or', 'logicalOr', [cast(a, 'bool'), cast(b, 'bool')], 'bool');
};
/** Not. */
export const logicalNot = (x: Operand): Tensor =>
  elementwise('not', 'logicalNot', [cast(asTensor('logicalNot', 'x', x), 'bool')], 'bool');

/**
 * Elements of `a` where the condition holds, of `b` elsewhere. All three broadcast together.
 *
 * @throws Error when `condition` is not bool
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (!(condition instanceof Tensor) || condition.dtype !== 'bool') {
    throw opError(
      'where',
      `condition must be a bool tensor, got ${condition instanceof Tensor ? formatType(condition) : typeof condition}`,
    );
  }
  checkOperands('where', { condition, a, b });
  let dtype = commonDType([a, b]);
  const wantsBool = dtype === 'bool';
  if (wantsBool) dtype = 'float32';
  const [x, y] = [a, b].map((o) => (typeof o === 'number' ? scalar(o, dtype) : cast(o, dtype))) as [Tensor, Tensor];
  const shape = broadcastShapes('where', condition.shape, x.shape, y.shape);
  const picked = make(
    'select',
    [broadcastTo(condition, shape), broadcastTo(x, shape), broadcastTo(y, shape)],
    {},
    shape,
    dtype,
  );
  return wantsBool ? cast(picked, 'bool') : picked;
}

/** x * x */
export const square = (x: Operand): Tensor => {
  const t = asTensor('square', 'x', x);
  return multiply(t, t);
};
/** (a - b)^2 */
export const squaredDifference = (a: Operand, b: Operand): Tensor => {
  checkOperands('squaredDifference', { a, b });
  return square(subtract(a, b));
};
/** x limited to [low, high]; the gradient passes where x is inside or at a limit. */
export function clip(x: Operand, low: number, high: number): Tensor {
  checkOperands('clip', { x, low, high });
  const t = asTensor('clip', 'x', x);
  return customGradient(
    [t],
    (v) => minimum(maximum(v, low), high),
    (dy) => [where(logicalAnd(greaterEqual(t, low), lessEqual(t, high)), dy, 0)],
  );
}
/** true where x is NaN */
export const isNaN = (x: Operand): Tensor => {
  const t = asTensor('isNaN', 'x', x);
  return notEqual(t, t);
};

/** The value unchanged; gradients do not flow back through it. */
export function stopGradient(x: Operand): Tensor {
  const t = asTensor('stopGradient', 'x', x);
  return make('stopGradient', [t], {}, t.shape, t.dtype);
}

/**
 * A value with a gradient rule of your own.
 *
 * @param inputs what the gradient is taken with respect to
 * @param value computes the result from the inputs
 * @param gradient from dL/dvalue, one dL/dinput for each input (undefined: none)
 *
 * @example
 * // a straight-through estimator: rounds forward, passes the gradient on unchanged
 * const ste = (x: Tensor) => ops.customGradient([x], ops.round, (dy) => [dy]);
 */
export function customGradient(
  inputs: readonly Tensor[],
  value: (...inputs: Tensor[]) => Tensor,
  gradient: (upstream: Tensor) => readonly (Tensor | undefined)[],
): Tensor {
  const op = 'customGradient';
  checkTensors(op, 'inputs', inputs);
  checkFunction(op, 'value', value);
  checkFunction(op, 'gradient', gradient);
  const result = value(...inputs.map(stopGradient));
  checkTensor(op, 'what value returns', result);
  return make('customGradient', [result, ...inputs], { gradient }, result.shape, result.dtype);
}
