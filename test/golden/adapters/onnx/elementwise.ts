import type { Adapter, Tensors } from '../../adapter';
import { ops, type Tensor } from '../../api';
import type { Attributes } from '../../set';

/** The operator's inputs in order: their names differ from operator to operator. */
const all = (inputs: Tensors): Tensor[] => Object.values(inputs);
const unary = (f: (x: Tensor, attrs: Attributes) => Tensor): Adapter => ({
  traced: (inputs, attrs) => f(all(inputs)[0], attrs),
});
const binary = (f: (a: Tensor, b: Tensor, attrs: Attributes) => Tensor): Adapter => ({
  traced: (inputs, attrs) => {
    const [a, b] = all(inputs);
    return f(a, b, attrs);
  },
});
const any = (f: (parts: Tensor[]) => Tensor): Adapter => ({ traced: (inputs) => f(all(inputs)) });

function isInf(x: Tensor, { detect_negative, detect_positive }: Attributes): Tensor {
  const wanted = detect_positive ? (detect_negative ? ops.isInf(x) : ops.greater(x, 0)) : ops.less(x, 0);
  return ops.logicalAnd(ops.isInf(x), wanted);
}

export const elementwise: Record<string, Adapter> = {
  Abs: unary(ops.abs),
  Acos: unary(ops.arccos),
  Acosh: unary(ops.arccosh),
  Asin: unary(ops.arcsin),
  Asinh: unary(ops.arcsinh),
  Atan: unary(ops.arctan),
  Atanh: unary(ops.arctanh),
  Ceil: unary(ops.ceil),
  Clip: unary((x, { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }) => ops.clip(x, min, max)),
  Cos: unary(ops.cos),
  Cosh: unary(ops.cosh),
  Erf: unary(ops.erf),
  Exp: unary(ops.exp),
  Floor: unary(ops.floor),
  Identity: unary((x) => x),
  IsInf: unary(isInf),
  IsNaN: unary(ops.isNaN),
  Log: unary(ops.log),
  Neg: unary(ops.negative),
  Not: unary(ops.logicalNot),
  Reciprocal: unary(ops.reciprocal),
  Round: unary(ops.round),
  Sign: unary(ops.sign),
  Sin: unary(ops.sin),
  Sinh: unary(ops.sinh),
  Sqrt: unary(ops.sqrt),
  Tan: unary(ops.tan),

  Add: binary(ops.add),
  And: binary(ops.logicalAnd),
  Div: binary(ops.divide),
  Equal: binary(ops.equal),
  Greater: binary(ops.greater),
  GreaterOrEqual: binary(ops.greaterEqual),
  Less: binary(ops.less),
  LessOrEqual: binary(ops.lessEqual),
  Mod: { ...binary(ops.mod), only: { fmod: [0] } },
  Mul: binary(ops.multiply),
  Or: binary(ops.logicalOr),
  Pow: binary(ops.power),
  Sub: binary(ops.subtract),
  Where: { traced: ({ condition, X, Y }) => ops.where(condition, X, Y) },
  Xor: binary(ops.logicalXor),

  Max: any((parts) => parts.reduce(ops.maximum)),
  Mean: any((parts) => ops.mean(ops.stack(parts), 0)),
  Min: any((parts) => parts.reduce(ops.minimum)),
  Sum: any((parts) => parts.reduce(ops.add)),

  Celu: unary((x, { alpha }) => ops.celu(x, alpha)),
  Elu: unary((x, { alpha }) => ops.elu(x, alpha)),
  Gelu: unary((x, { approximate }) => ops.gelu(x, approximate === 'tanh')),
  HardSwish: unary(ops.hardSilu),
  LeakyRelu: unary((x, { alpha }) => ops.leakyRelu(x, alpha)),
  LogSoftmax: unary((x, { axis }) => ops.logSoftmax(x, axis)),
  Mish: unary(ops.mish),
  PRelu: binary(ops.prelu),
  Relu: unary(ops.relu),
  // only the defaults are what the name means here
  Selu: unary((x, { alpha, gamma }) => (gamma < 1.1 ? ops.selu(x) : ops.multiply(ops.elu(x, alpha), gamma))),
  Shrink: unary((x, { lambd, bias }) => (bias === 0 ? ops.hardShrink(x, lambd) : ops.softShrink(x, lambd))),
  Sigmoid: unary(ops.sigmoid),
  Softmax: unary((x, { axis }) => ops.softmax(x, axis)),
  Softplus: unary(ops.softplus),
  Softsign: unary(ops.softsign),
  Swish: { ...unary(ops.silu), only: { alpha: [1] } },
  Tanh: unary(ops.tanh),
  ThresholdedRelu: unary((x, { alpha }) => ops.threshold(x, alpha, 0)),
};
