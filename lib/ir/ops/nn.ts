import {
  asTensor,
  checkNumber,
  checkOperands,
  checkTensor,
  make,
  normalizeAxis,
  type Operand,
  opError,
} from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import {
  abs,
  add,
  cast,
  customGradient,
  divide,
  expm1,
  greater,
  lessEqual,
  maximum,
  minimum,
  multiply,
  negative,
  sigmoid,
  sign,
  softplus,
  sqrt,
  square,
  stopGradient,
  subtract,
  tanh,
  where,
} from './elementwise.js';
import { sort } from './order.js';
import { iota } from './random.js';
import { max, sum } from './reduce.js';
import { cumsum } from './scan.js';
import { split, transpose } from './shape.js';

export { sigmoid, softplus, tanh } from './elementwise.js';

/** max(0, x) */
export const relu = (x: Operand): Tensor => maximum(asTensor('relu', 'x', x), 0);
/** x between limits; unlike that of `clip` the gradient is 0 at them. */
const saturated = (x: Operand, low: number, high: number): Tensor => minimum(maximum(x, low), high);
/** min(max(0, x), 6) */
export const relu6 = (x: Operand): Tensor => saturated(asTensor('relu6', 'x', x), 0, 6);
/** x where positive, slope * x elsewhere (default slope 0.2 as in Keras 3; PyTorch's is 0.01). */
export const leakyRelu = (x: Operand, slope = 0.2): Tensor => {
  checkOperands('leakyRelu', { x, slope });
  const t = asTensor('leakyRelu', 'x', x);
  return where(greater(t, 0), t, multiply(t, slope));
};
/** x where positive, alpha * x elsewhere, with a learned alpha that broadcasts against x (He et al., 2015). */
export const prelu = (x: Operand, alpha: Operand): Tensor => {
  checkOperands('prelu', { x, alpha });
  const t = asTensor('prelu', 'x', x);
  return where(greater(t, 0), t, multiply(t, alpha));
};
/** x where positive, alpha * (e^x - 1) elsewhere (Clevert et al., 2016). */
export const elu = (x: Operand, alpha = 1): Tensor => {
  checkOperands('elu', { x, alpha });
  const t = asTensor('elu', 'x', x);
  const positive = greater(t, 0);
  // without the inner choice a large x would make e^x infinite, and its gradient 0 * inf
  return where(positive, t, multiply(expm1(where(positive, 0, t)), alpha));
};
/** Scaled ELU with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017). */
export const selu = (x: Operand): Tensor =>
  multiply(elu(asTensor('selu', 'x', x), 1.6732632423543772), 1.0507009873554805);
/** x where positive, alpha * (e^(x / alpha) - 1) elsewhere: an ELU with a continuous slope (Barron, 2017). */
export const celu = (x: Operand, alpha = 1): Tensor => {
  checkNumber('celu', 'alpha', alpha);
  return multiply(elu(multiply(asTensor('celu', 'x', x), 1 / alpha)), alpha);
};
/** x / (1 + |x|) */
export const softsign = (x: Operand): Tensor => {
  const t = asTensor('softsign', 'x', x);
  return divide(t, add(abs(t), 1));
};
/** x * sigmoid(x), also called swish. */
export const silu = (x: Operand): Tensor => {
  const t = cast(asTensor('silu', 'x', x), 'float32');
  return customGradient(
    [t],
    (v) => multiply(v, sigmoid(v)),
    // sigmoid(x) (1 - sigmoid(x)) first: x times anything else may overflow where the slope is 0 or 1
    (dy) => {
      const s = sigmoid(t);
      return [multiply(dy, add(s, multiply(t, multiply(s, subtract(1, s)))))];
    },
  );
};
/** x * tanh(softplus(x)) */
export const mish = (x: Operand): Tensor => {
  const t = asTensor('mish', 'x', x);
  return multiply(t, tanh(softplus(t)));
};
/** x * Phi(x); with `approximate` the tanh form (Hendrycks and Gimpel, 2016). */
export const gelu = (x: Operand, approximate = false): Tensor => {
  const t = asTensor('gelu', 'x', x);
  if (!approximate) {
    const x = cast(t, 'float32');
    return make('gelu', [x], {}, x.shape, 'float32');
  }
  // tanh is 1 long before |x| = 10; further out x^3 and its derivative would overflow
  const near = saturated(t, -10, 10);
  const cubic = multiply(add(near, multiply(multiply(multiply(near, near), near), 0.044715)), Math.sqrt(2 / Math.PI));
  return multiply(multiply(t, 0.5), add(tanh(cubic), 1));
};
/** clip(x / 6 + 0.5, 0, 1) */
export const hardSigmoid = (x: Operand): Tensor =>
  saturated(add(multiply(asTensor('hardSigmoid', 'x', x), 1 / 6), 0.5), 0, 1);
/** x * hardSigmoid(x) */
export const hardSilu = (x: Operand): Tensor => {
  const t = asTensor('hardSilu', 'x', x);
  return multiply(t, hardSigmoid(t));
};
/** x limited to [-1, 1] */
export const hardTanh = (x: Operand): Tensor => saturated(asTensor('hardTanh', 'x', x), -1, 1);
/** x - tanh(x) */
export const tanhShrink = (x: Operand): Tensor => {
  const t = asTensor('tanhShrink', 'x', x);
  return subtract(t, tanh(t));
};
/** x moved toward 0 by the threshold: 0 where |x| <= threshold, x - threshold * sign(x) elsewhere. */
export const softShrink = (x: Operand, threshold = 0.5): Tensor => {
  checkOperands('softShrink', { x, threshold });
  const t = asTensor('softShrink', 'x', x);
  return where(lessEqual(abs(t), threshold), 0, subtract(t, multiply(sign(t), threshold)));
};
/** 0 where |x| <= threshold, x elsewhere. */
export const hardShrink = (x: Operand, threshold = 0.5): Tensor => {
  checkOperands('hardShrink', { x, threshold });
  const t = asTensor('hardShrink', 'x', x);
  return where(lessEqual(abs(t), threshold), 0, t);
};
/** 0 below -1, x above 1, (x + 1)^2 / 4 between: a softplus with exact zeros. */
export const sparsePlus = (x: Operand): Tensor => {
  const t = asTensor('sparsePlus', 'x', x);
  const between = multiply(square(add(saturated(t, -1, 1), 1)), 0.25);
  return add(between, relu(subtract(t, 1)));
};
/** 0 below -1, 1 above 1, (x + 1) / 2 between: the slope of `sparsePlus`. */
export const sparseSigmoid = (x: Operand): Tensor =>
  saturated(multiply(add(asTensor('sparseSigmoid', 'x', x), 1), 0.5), 0, 1);
/** (x + sqrt(x^2 + b)) / 2 */
export const squareplus = (x: Operand, b = 4): Tensor => {
  checkOperands('squareplus', { x, b });
  const t = asTensor('squareplus', 'x', x);
  return multiply(add(t, sqrt(add(multiply(t, t), b))), 0.5);
};
/** x where x > threshold, `value` elsewhere. */
export const threshold = (x: Operand, threshold: number, value: number): Tensor => {
  checkOperands('threshold', { x, threshold, value });
  const t = asTensor('threshold', 'x', x);
  return where(lessEqual(t, threshold), value, t);
};
/**
 * Gated linear unit: the first half along an axis times the sigmoid of the second half (Dauphin et al., 2017).
 *
 * @throws Error when the axis has an odd size
 */
export const glu = (x: Operand, axis = -1): Tensor => {
  const t = asTensor('glu', 'x', x);
  const a = normalizeAxis('glu', axis, t.rank);
  if ((t.shape[a] as number) % 2 !== 0) throw opError('glu', `axis ${a} of ${formatType(t)} must have an even size`);
  const [value, gate] = split(t, 2, a) as [Tensor, Tensor];
  return multiply(value, sigmoid(gate));
};
/** log(sigmoid(x)), without overflow. */
export const logSigmoid = (x: Operand): Tensor => negative(softplus(negative(asTensor('logSigmoid', 'x', x))));

function lastAxis(op: string, x: Operand, axis: number, apply: (t: Tensor) => Tensor): Tensor {
  const t = cast(asTensor(op, 'x', x), 'float32');
  const a = normalizeAxis(op, axis, t.rank);
  if (a === t.rank - 1) return apply(t);
  const order = t.shape.map((_, i) => (i === a ? t.rank - 1 : i === t.rank - 1 ? a : i));
  return transpose(apply(transpose(t, order)), order);
}

/** e^x / sum(e^x) along an axis. */
export const softmax = (x: Operand, axis = -1): Tensor =>
  lastAxis('softmax', x, axis, (t) => make('softmax', [t], { log: false }, t.shape, 'float32'));
/** x - log(sum(e^x)) along an axis. */
export const logSoftmax = (x: Operand, axis = -1): Tensor =>
  lastAxis('logSoftmax', x, axis, (t) => make('softmax', [t], { log: true }, t.shape, 'float32'));

/**
 * The distribution nearest to x along an axis, as softmax with exact zeros: max(x - t, 0), with t such that the sum is 1.
 *
 * @returns float32, the shape of x
 * @throws Error when x has no such axis
 *
 * @example
 * ops.sparsemax(tensor([1, 0.8, -1])); // 0.6, 0.4, 0
 *
 * Source: Martins and Astudillo, "From softmax to sparsemax", ICML 2016.
 */
export const sparsemax = (x: Operand, axis = -1): Tensor =>
  lastAxis('sparsemax', x, axis, (t) => {
    // it is the same for x + c, and the sums below are short of digits where x is large
    const z = subtract(t, stopGradient(max(t, -1, { keepDims: true })));
    const falling = sort(z, -1, { descending: true });
    const rank = add(iota(z.shape, z.rank - 1, 'float32'), 1);
    // those among which the excess of the sum over 1 is shared
    const inside = greater(add(multiply(rank, falling), 1), cumsum(falling));
    const count = sum(cast(inside, 'float32'), -1, { keepDims: true });
    const excess = subtract(sum(where(inside, falling, 0), -1, { keepDims: true }), 1);
    return maximum(subtract(z, divide(excess, count)), 0);
  });

/**
 * Cross-entropy of a softmax, without forming the probabilities: logSumExp(logits) - logits[label].
 *
 * @param logits float32 [..., C]
 * @param labels int32 [...], each in 0 .. C-1
 * @returns float32 [...]
 */
export function sparseSoftmaxCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  checkTensor('sparseSoftmaxCrossEntropy', 'logits', logits);
  checkTensor('sparseSoftmaxCrossEntropy', 'labels', labels, 'int32');
  const outer = logits.shape.slice(0, -1);
  if (logits.rank < 1 || outer.length !== labels.rank || outer.some((n, i) => n !== labels.shape[i])) {
    throw opError('sparseSoftmaxCrossEntropy', `labels ${formatType(labels)} do not fit logits ${formatType(logits)}`);
  }
  const classes = logits.shape[logits.rank - 1] as number;
  const flatLogits = make('reshape', [cast(logits, 'float32')], {}, [labels.size, classes], 'float32');
  const flatLabels = make('reshape', [labels], {}, [labels.size], 'int32');
  const loss = make('softmaxCrossEntropy', [flatLogits, flatLabels], {}, [labels.size], 'float32');
  return make('reshape', [loss], {}, [...labels.shape], 'float32');
}

/**
 * Binary cross-entropy of a sigmoid, from its input z: max(z, 0) - z * target + log(1 + e^-|z|).
 */
export function sigmoidCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  checkTensor('sigmoidCrossEntropy', 'logits', logits);
  checkTensor('sigmoidCrossEntropy', 'targets', targets);
  checkOperands('sigmoidCrossEntropy', { logits, targets });
  return customGradient(
    [logits, targets],
    // in this order: max(z, 0) - z is exactly 0 where a large logit is right, and the logarithm is what remains
    (z, target) =>
      add(
        subtract(maximum(z as Tensor, 0), multiply(z as Tensor, target as Tensor)),
        softplus(negative(abs(z as Tensor))),
      ),
    (dy) => [multiply(dy, subtract(sigmoid(logits), targets)), multiply(dy, negative(logits))],
  );
}
