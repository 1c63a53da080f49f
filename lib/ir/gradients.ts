import { type Box, sumBoxes } from './boxes.js';
import { broadcastTo, constantValue, currentScope, make, opError } from './build.js';
import {
  type AttributesOf,
  formatType,
  Node,
  type PoolAttributes,
  sameShape,
  sizeOf,
  Tensor,
  type TensorType,
} from './graph.js';
import {
  add,
  cast,
  cos,
  divide,
  equal,
  exp,
  floor,
  greater,
  greaterEqual,
  less,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  multiply,
  negative,
  power,
  sigmoid,
  sign,
  sin,
  square,
  subtract,
  where,
} from './ops/elementwise.js';
import { gather } from './ops/gather.js';
import { oneHot, scatterAdd } from './ops/indexing.js';
import { matmul } from './ops/linalg.js';
import { softmax } from './ops/nn.js';
import { onesLike, zerosLike } from './ops/random.js';
import { sum } from './ops/reduce.js';
import { concatenate, expandDims, flip, pad, reshape, slice, sliceAxis, swapLastAxes, transpose } from './ops/shape.js';
import type { OpName } from './optable.js';
import { withProductPrecision } from './precision.js';
import { type Product, sumProducts } from './products.js';

/**
 * What flows back to an input: nothing, a tensor of the input's shape, a box in it that is 0 elsewhere, or a product that
 * may be joined with others before it is computed.
 */
export type Gradient = Flowing | undefined;
export type Flowing = Tensor | Box | Product;

/** Of what gradients are taken. */
export const hasGradient = ({ dtype }: TensorType): boolean => dtype === 'float32' || dtype === 'bfloat16';

/** The sum of everything that flowed back to one tensor, in float32, then rounded where the tensor is bfloat16. */
export function sumGradients({ shape, dtype }: TensorType, parts: readonly Flowing[]): Tensor {
  const whole: Tensor[] = [];
  const boxes: Box[] = [];
  const products: Product[] = [];
  for (const part of parts) {
    if (part instanceof Tensor) whole.push(cast(part, 'float32'));
    else if ('value' in part) boxes.push({ ...part, value: cast(part.value, 'float32') });
    else products.push(part);
  }
  if (boxes.length > 0) whole.push(sumBoxes(shape, boxes));
  if (products.length > 0) whole.push(sumProducts(products));
  return cast(
    whole.reduce((a, b) => add(a, b)),
    dtype,
  );
}

/**
 * The vector-Jacobian product of an operation y = f(x): from dL/dy to one dL/dx per input.
 *
 * Rules are built from operations again, so they can be differentiated too. Where the derivative is a function of the
 * result, it is written that way: a step then keeps y only, and not x.
 */
export type Vjp<O extends OpName = OpName> = (
  dy: Tensor,
  x: readonly Tensor[],
  y: Tensor,
  attrs: AttributesOf<O>,
) => readonly Gradient[];

/** For what only exists in graphs that have been differentiated already. */
const fused = (): never => {
  throw new Error('gradients: the graph has been fused; gradients are taken before fusion');
};

/**
 * Every rule. 'none': piecewise constant, not a function of floats, or an effect - no gradient flows back. 'control': has a
 * body, which has to be differentiated itself. 'parts': the gradient is that of what it is made of (`composites/`).
 */
export const vjps = {
  input: 'none',
  variable: 'none',
  constant: 'none',

  neg: (dy) => [negative(dy)],
  abs: (dy, [x]) => [multiply(dy, sign(x))],
  sign: 'none',
  exp: (dy, _, y) => [multiply(dy, y)],
  log: (dy, [x]) => [divide(dy, x)],
  log1p: (dy, [x]) => [divide(dy, add(x, 1))],
  expm1: (dy, _, y) => [multiply(dy, add(y, 1))],
  sqrt: (dy, _, y) => [divide(multiply(dy, 0.5), y)],
  rsqrt: (dy, _, y) => [multiply(multiply(dy, -0.5), multiply(y, square(y)))],
  recip: (dy, _, y) => [negative(multiply(dy, square(y)))],
  tanh: (dy, _, y) => [multiply(dy, subtract(1, square(y)))],
  sigmoid: (dy, _, y) => [multiply(dy, multiply(y, subtract(1, y)))],
  softplus: (dy, [x]) => [multiply(dy, sigmoid(x))],
  erf: (dy, [x]) => [multiply(dy, multiply(exp(negative(square(x))), 2 / Math.sqrt(Math.PI)))],
  gelu: (dy, [x]) => [multiply(dy, make('geluGrad', [x], {}, x.shape, 'float32'))],
  // phi(x) (2 - x^2)
  geluGrad: (dy, [x]) => {
    const density = multiply(exp(multiply(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [multiply(dy, multiply(density, subtract(2, square(x))))];
  },
  sin: (dy, [x]) => [multiply(dy, cos(x))],
  cos: (dy, [x]) => [negative(multiply(dy, sin(x)))],
  floor: 'none',
  ceil: 'none',
  round: 'none',
  not: 'none',
  castFloat: 'none',
  castInt: 'none',
  castBool: 'none',
  // of bfloat16, the one narrow dtype that gradients have
  widen: (dy) => [cast(dy, 'bfloat16')],
  castBfloat16: (dy) => [cast(dy, 'float32')],

  add: (dy) => [dy, dy],
  sub: (dy) => [dy, negative(dy)],
  mul: (dy, [a, b]) => [multiply(dy, b), multiply(dy, a)],
  div: (dy, [, b], y) => {
    const da = divide(dy, b);
    return [da, negative(multiply(da, y))];
  },
  min: (dy, [a, b], y) => extremum(dy, a, b, y, less),
  max: (dy, [a, b], y) => extremum(dy, a, b, y, greater),
  pow: (dy, [a, b], y) => [powerBase(dy, a, b), powerExponent(dy, a, b, y)],
  mod: (dy, [a, b]) => [dy, negative(multiply(dy, floor(divide(a, b))))],
  atan2: (dy, [a, b]) => {
    const scaled = divide(dy, add(square(a), square(b)));
    return [multiply(scaled, b), negative(multiply(scaled, a))];
  },
  bitAnd: 'none',
  bitOr: 'none',
  bitXor: 'none',
  shiftLeft: 'none',
  shiftRight: 'none',
  lt: 'none',
  le: 'none',
  eq: 'none',
  ne: 'none',
  gt: 'none',
  ge: 'none',
  and: 'none',
  or: 'none',
  select: (dy, [condition]) => [undefined, where(condition, dy, 0), where(condition, 0, dy)],
  fma: (dy, [a, b]) => [multiply(dy, b), multiply(dy, a), dy],
  random: 'none',
  iota: 'none',

  reshape: (dy, [x]) => [reshape(dy, x.shape)],
  permute: (dy, _, __, { axes }) => [
    transpose(
      dy,
      axes.map((_, i) => axes.indexOf(i)),
    ),
  ],
  broadcast: (dy, [x]) => [unbroadcast(dy, x)],
  slice: (dy, _, __, { start, step }) => [{ value: dy, start, step }],
  flip: (dy, _, __, { axes }) => [flip(dy, axes)],
  stopGradient: 'none',
  customGradient: (dy, inputs, _, { gradient }) => [undefined, ...checkedCustom(gradient(dy), inputs.slice(1))],

  feed: fused,
  fetch: fused,
  copy: (dy) => [dy],
  map: 'parts',
  reduce: (dy, [x], y, { kind, axes, program }) => {
    if (program.steps.length > 0) return fused();
    const keep = (t: Tensor) =>
      reshape(
        t,
        x.shape.map((n, i) => (axes.includes(i) ? 1 : n)),
      );
    if (kind === 'sum') return [broadcastTo(keep(dy), x.shape)];
    if (kind === 'prod') return [multiply(keep(dy), productOfOthers(x, axes))];
    // equal extremes share the gradient
    const hit = equal(x, keep(y));
    return [where(hit, divide(keep(dy), keep(sum(hit, axes))), 0)];
  },
  argReduce: 'none',
  matmul: (dy, [a, b], _, { epilogue, precision = 'float32' }) => {
    if (epilogue !== undefined) return fused();
    return withProductPrecision(precision, () => [
      matmul(dy, swapLastAxes(b)),
      dy.rank === 2 ? { a, b: dy, precision } : matmul(swapLastAxes(a), dy),
    ]);
  },
  matmulInt8: 'none',
  // bilinear in x and kernel: the three operations are each other's derivatives
  conv: (dy, [x, kernel], _, { epilogue, ...geometry }) => {
    if (epilogue !== undefined) return fused();
    return [
      make('convInputGrad', [dy, kernel], geometry, x.shape, 'float32'),
      make('convKernelGrad', [x, dy], geometry, kernel.shape, 'float32'),
    ];
  },
  convInputGrad: (g, [dy, kernel], _, { epilogue, ...geometry }) => {
    if (epilogue !== undefined) return fused();
    return [
      make('conv', [g, kernel], geometry, dy.shape, 'float32'),
      make('convKernelGrad', [g, dy], geometry, kernel.shape, 'float32'),
    ];
  },
  convKernelGrad: (g, [x, dy], _, { epilogue, ...geometry }) => {
    if (epilogue !== undefined) return fused();
    return [
      make('convInputGrad', [dy, g], geometry, x.shape, 'float32'),
      make('conv', [x, g], geometry, dy.shape, 'float32'),
    ];
  },
  maxPool: (dy, [x], y, attrs) => [make('maxPoolGrad', [x, y, dy], attrs, x.shape, 'float32')],
  maxPoolGrad: (g, [x, y], _, attrs) => [undefined, undefined, valuesAtMaxima(g, x, y, attrs)],
  averagePool: (dy, [x], _, attrs) => [make('averagePoolGrad', [dy], attrs, x.shape, 'float32')],
  averagePoolGrad: (g, [dy], _, attrs) => [make('averagePool', [g], attrs, dy.shape, 'float32')],
  gather: (dy, [table, indices]) => [scatterAdd(indices, dy, table.shape[0]), undefined],
  scatterAdd: (dy, [indices], _, { epilogue }) => (epilogue === undefined ? [undefined, gather(dy, indices)] : fused()),
  softmax: (dy, _, y, { log }) => [make('softmaxGrad', [y, dy], { log }, y.shape, 'float32')],
  softmaxGrad: (g, [y, dy], _, { log }) => {
    const total = (t: Tensor) => sum(t, -1, { keepDims: true });
    if (log) {
      // dx = dy - e^y sum(dy)
      const p = exp(y);
      return [negative(multiply(multiply(g, p), total(dy))), subtract(g, total(multiply(g, p)))];
    }
    // dx = y (dy - sum(y dy)), and symmetric in dy and g
    const ofY = subtract(multiply(g, subtract(dy, total(multiply(y, dy)))), multiply(dy, total(multiply(g, y))));
    return [ofY, make('softmaxGrad', [y, g], { log }, y.shape, 'float32')];
  },
  softmaxCrossEntropy: (dy, [logits, labels]) => [
    make('softmaxCrossEntropyGrad', [logits, labels, dy], {}, logits.shape, 'float32'),
    undefined,
  ],
  softmaxCrossEntropyGrad: (g, [logits, labels, dloss]) => {
    // dlogits = (softmax(logits) - onehot(labels)) dloss
    const p = softmax(logits);
    const scaled = multiply(g, expandDims(dloss, -1));
    return [
      make('softmaxGrad', [p, scaled], { log: false }, p.shape, 'float32'),
      undefined,
      sum(multiply(g, subtract(p, oneHot(labels, logits.shape[1]))), -1),
    ];
  },
  cumsum: (dy, _, __, { axis, reverse }) => [make('cumsum', [dy], { axis, reverse: !reverse }, dy.shape, 'float32')],
  argsort: 'none',
  attention: (dy, inputs, y, attrs) => {
    const [query, key, value, ...mask] = inputs;
    const operands = [query, key, value, ...y.node.outputs, dy, ...mask];
    return [...new Node('attentionGrad', operands, attrs, [query, key, value], currentScope()).outputs, undefined];
  },
  attentionGrad: 'parts',
  normalize: (dy, [x, ...affine], y, attrs) => {
    const [, mean, inverse] = y.node.outputs;
    const operands = [x, mean, inverse, dy, ...(attrs.scale ? [affine[0]] : [])];
    return new Node('normalizeGrad', operands, attrs, [x, ...affine], currentScope()).outputs;
  },
  normalizeGrad: 'parts',
  concat: (dy, inputs, _, { axis }) => {
    let from = 0;
    return inputs.map((x) => {
      const to = from + x.shape[axis];
      const part = sliceAxis(dy, axis, from, to);
      from = to;
      return part;
    });
  },

  scan: 'control',
  loop: fused,

  write: 'none',
} satisfies { [O in OpName]: Vjp<O> | 'none' | 'control' | 'parts' };

/**
 * Gradients of max or min, where `beyond` is > or <. Two tensors share the gradient of a tie; a constant keeps it, so that
 * the gradient of relu at 0 is 0 and the result alone decides where it flows.
 */
function extremum(dy: Tensor, a: Tensor, b: Tensor, y: Tensor, beyond: (p: Tensor, q: Tensor) => Tensor): Gradient[] {
  if (constantValue(b) !== undefined) return [where(beyond(y, b), dy, 0), undefined];
  if (constantValue(a) !== undefined) return [undefined, where(beyond(y, a), dy, 0)];
  const tie = where(equal(a, b), multiply(dy, 0.5), 0);
  return [where(beyond(a, b), dy, tie), where(beyond(b, a), dy, tie)];
}

/** b a^(b-1), and 0 for b = 0, where a^(b-1) may be infinite. */
function powerBase(dy: Tensor, a: Tensor, b: Tensor): Tensor {
  const exponent = constantValue(b);
  if (exponent === 0) return multiply(dy, 0);
  if (exponent !== undefined) return multiply(dy, multiply(exponent === 2 ? a : power(a, exponent - 1), exponent));
  return where(equal(b, 0), 0, multiply(dy, multiply(b, power(a, subtract(b, 1)))));
}

/** a^b log(a), and its limit 0 where a = 0 and b >= 0. */
function powerExponent(dy: Tensor, a: Tensor, b: Tensor, y: Tensor): Tensor {
  const vanishes = logicalAnd(equal(a, 0), greaterEqual(b, 0));
  return where(vanishes, 0, multiply(dy, multiply(y, log(where(vanishes, 1, a)))));
}

/** Of each window of `g`, the element where x has its first maximum y. */
function valuesAtMaxima(g: Tensor, x: Tensor, y: Tensor, { window, strides, padding }: PoolAttributes): Tensor {
  const out = y.shape.slice(1, -1);
  const borders = out.map((n, a): [number, number] => {
    const reach = (n - 1) * strides[a] + window[a] - padding[a];
    return [padding[a], Math.max(reach - x.shape[a + 1], 0)];
  });
  const widen = (t: Tensor, value: number) => pad(t, [[0, 0], ...borders, [0, 0]], value);
  const [values, wideX] = [widen(g, 0), widen(x, Number.NEGATIVE_INFINITY)];
  let found: Tensor = zerosLike(equal(y, y));
  let result = zerosLike(y);
  for (let tap = 0; tap < sizeOf(window); tap++) {
    const start = window.map((_, a) => Math.floor(tap / sizeOf(window.slice(a + 1))) % window[a]);
    const seen = (t: Tensor) => slice(t, [0, ...start, 0], y.shape, [1, ...strides, 1]);
    const hit = logicalAnd(equal(seen(wideX), y), logicalNot(found));
    result = where(hit, seen(values), result);
    found = logicalOr(found, hit);
  }
  return result;
}

/** The sum over what a broadcast repeated. */
function unbroadcast(dy: Tensor, x: Tensor): Tensor {
  const added = dy.rank - x.rank;
  const axes = dy.shape.flatMap((n, i) => (i < added || x.shape[i - added] !== n ? [i] : []));
  return reshape(sum(dy, axes), x.shape);
}

/** For each element the product of the others along the axes. No division, so zeros are no special case. */
function productOfOthers(x: Tensor, axes: readonly number[]): Tensor {
  const order = [...x.shape.keys()].filter((i) => !axes.includes(i)).concat(axes);
  const last = transpose(x, order);
  const kept = last.shape.slice(0, x.rank - axes.length);
  const count = axes.reduce((product, axis) => product * x.shape[axis], 1);
  const others = exclusiveProduct(reshape(last, [...kept, count]));
  return transpose(
    reshape(others, last.shape),
    order.map((_, i) => order.indexOf(i)),
  );
}

/** Over the last axis: the products of pairs half the length apart give, recursively, the product of all other pairs. */
function exclusiveProduct(x: Tensor): Tensor {
  const n = x.shape.at(-1) as number;
  if (n <= 1 || x.size === 0) return onesLike(x);
  const half = n >> 1;
  const [low, high] = [sliceAxis(x, -1, 0, half), sliceAxis(x, -1, n - half, n)];
  const middle = n % 2 === 1 ? [sliceAxis(x, -1, half, half + 1)] : [];
  const others = exclusiveProduct(concatenate([multiply(low, high), ...middle], -1));
  const ofPairs = sliceAxis(others, -1, 0, half);
  const ofMiddle = middle.map(() => sliceAxis(others, -1, half, half + 1));
  return concatenate([multiply(ofPairs, high), ...ofMiddle, multiply(ofPairs, low)], -1);
}

function checkedCustom(gradients: readonly Gradient[], inputs: readonly Tensor[]): readonly Gradient[] {
  if (!Array.isArray(gradients) || gradients.length !== inputs.length) {
    const got = Array.isArray(gradients) ? `${gradients.length}` : typeof gradients;
    throw opError('customGradient', `gradient must return an array of ${inputs.length} (one per input), got ${got}`);
  }
  return gradients.map((gradient, i) => {
    if (gradient === undefined) return undefined;
    const input = inputs[i];
    if (!(gradient instanceof Tensor) || gradient.dtype !== input.dtype || !sameShape(gradient.shape, input.shape)) {
      const got = gradient instanceof Tensor ? formatType(gradient) : typeof gradient;
      throw opError('customGradient', `gradient ${i} must be ${formatType(input)} like its input, got ${got}`);
    }
    return gradient;
  });
}
