import { type DType, type Shape, sizeOf, type Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { anywhere, awayFrom, between, type Draw, distinct, labels, positive } from './domains';
import { Random } from './random';
import { traceWith } from './trace-layer';

/** A value that a case is run on. Floats are rounded to float32, so that every runner sees the same numbers. */
export interface Input {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: Float64Array;
}

export interface Instance {
  readonly inputs: readonly Input[];
  readonly run: (...inputs: Tensor[]) => Tensor;
}

/** One way to use operations. `build` draws shapes and values; each draw is one test. */
export interface Case {
  readonly family: string;
  readonly name: string;
  /** Whether gradients with respect to its float32 inputs are compared with finite differences. */
  readonly differentiable: boolean;
  /** Whether the gradient is differentiated once more. */
  readonly twice: boolean;
  readonly build: (random: Random) => Instance;
}

const list: Case[] = [];
/** THE list: correctness per CPU target, gradients and speed are all run from it. */
export const cases: readonly Case[] = list;

type Traits = { readonly differentiable?: boolean; readonly twice?: boolean };

function define(
  family: string,
  name: string,
  build: Case['build'],
  { differentiable = true, twice = differentiable }: Traits = {},
) {
  list.push({ family, name, differentiable, twice, build });
}

const float = (random: Random, shape: Shape, draw: Draw = anywhere): Input => ({
  shape,
  dtype: 'float32',
  values: Float32Array.from(draw(random, sizeOf(shape))) as unknown as Float64Array,
});
const int = (random: Random, shape: Shape, low: number, high: number): Input => ({
  shape,
  dtype: 'int32',
  values: labels(low, high)(random, sizeOf(shape)),
});
const bool = (random: Random, shape: Shape): Input => ({ ...int(random, shape, 0, 1), dtype: 'bool' });

// --- elementwise

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;

/** Shapes with tails that fill no vector, rank 0, and sizes beyond one tile. */
const someShape = (random: Random): number[] =>
  random.pick([() => random.shape(), () => [random.int(1, 70)], () => [random.int(1, 7), random.int(1, 40)]])();

function unary(family: string, name: string, f: Unary, draw: Draw = anywhere, traits?: Traits) {
  define(family, name, (random) => ({ inputs: [float(random, someShape(random), draw)], run: f }), traits);
}

/** Two shapes that broadcast together, in many ways. */
function broadcastPair(random: Random): [Shape, Shape] {
  const full = random.shape(random.int(1, 4), 5);
  const thin = (shape: readonly number[]): number[] =>
    shape.map((n) => (random.uniform() < 0.3 ? 1 : n)).slice(random.pick([0, 0, random.int(0, shape.length)]));
  const pair: [Shape, Shape] = random.uniform() < 0.4 ? [full, full] : [full, thin(full)];
  return random.uniform() < 0.5 ? pair : [pair[1], pair[0]];
}

function binary(name: string, f: Binary, drawA: Draw = anywhere, drawB: Draw = drawA, traits?: Traits) {
  define(
    'elementwise',
    name,
    (random) => {
      const [a, b] = broadcastPair(random);
      return { inputs: [float(random, a, drawA), float(random, b, drawB)], run: f };
    },
    traits,
  );
}

const notDifferentiable = { differentiable: false };
const once = { twice: false };

unary('elementwise', 'negative', ops.negative);
unary('elementwise', 'abs', ops.abs, awayFrom(0));
unary('elementwise', 'sign', ops.sign, awayFrom(0));
unary('elementwise', 'exp', ops.exp);
unary('elementwise', 'log', ops.log, positive);
unary('elementwise', 'log1p', ops.log1p, positive);
unary('elementwise', 'expm1', ops.expm1);
unary('elementwise', 'sqrt', ops.sqrt, positive);
unary('elementwise', 'rsqrt', ops.rsqrt, positive);
unary('elementwise', 'reciprocal', ops.reciprocal, awayFrom(0, 0.3));
unary('elementwise', 'tanh', ops.tanh);
unary('elementwise', 'sigmoid', ops.sigmoid);
unary('elementwise', 'erf', ops.erf);
unary('elementwise', 'sin', ops.sin);
unary('elementwise', 'cos', ops.cos);
unary('elementwise', 'floor', ops.floor, awayFrom([-2, -1, 0, 1, 2]));
unary('elementwise', 'ceil', ops.ceil, awayFrom([-2, -1, 0, 1, 2]));
unary('elementwise', 'round', ops.round, awayFrom([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]));
unary('elementwise', 'square', ops.square);
unary('elementwise', 'clip', (x) => ops.clip(x, -0.5, 0.75), awayFrom([-0.5, 0.75]));
unary('elementwise', 'isNaN', ops.isNaN, anywhere, notDifferentiable);
unary('elementwise', 'logicalNot', (x) => ops.logicalNot(ops.greater(x, 0)), awayFrom(0), notDifferentiable);
unary(
  'elementwise',
  'cast to int32',
  (x) => ops.cast(ops.multiply(x, 3), 'int32'),
  awayFrom([-2, -1, 0, 1, 2].map((v) => v / 3)),
  notDifferentiable,
);
unary('elementwise', 'stopGradient', (x) => ops.multiply(x, ops.add(ops.stopGradient(ops.zerosLike(x)), 2)));
unary('elementwise', 'customGradient', (x) =>
  ops.customGradient(
    [x],
    (v) => ops.multiply(v, ops.square(v)),
    (dy) => [ops.multiply(ops.multiply(dy, 3), ops.square(x))],
  ),
);

unary('elementwise', 'log2', ops.log2, positive);
unary('elementwise', 'log10', ops.log10, positive);
unary('elementwise', 'exp2', ops.exp2);
unary('elementwise', 'tan', ops.tan, between(-1.2, 1.2));
unary('elementwise', 'arcsin', ops.arcsin, between(-0.9, 0.9));
unary('elementwise', 'arccos', ops.arccos, between(-0.9, 0.9));
unary('elementwise', 'arctan', ops.arctan);
unary('elementwise', 'sinh', ops.sinh);
unary('elementwise', 'cosh', ops.cosh);
unary('elementwise', 'arcsinh', ops.arcsinh, awayFrom(0));
unary('elementwise', 'arccosh', ops.arccosh, between(1.3, 4));
unary('elementwise', 'arctanh', ops.arctanh, between(-0.9, 0.9));
unary('elementwise', 'trunc', ops.trunc, awayFrom([-2, -1, 0, 1, 2]));
unary('elementwise', 'nanToNum', (x) => ops.nanToNum(ops.multiply(x, 2)));
unary('elementwise', 'isFinite', ops.isFinite, anywhere, notDifferentiable);
unary('elementwise', 'isInf', ops.isInf, anywhere, notDifferentiable);

binary('add', ops.add);
binary('subtract', ops.subtract);
binary('multiply', ops.multiply);
binary('divide', ops.divide, anywhere, awayFrom(0, 0.3));
binary('squaredDifference', ops.squaredDifference);
binary('power', ops.power, positive, anywhere);
binary('maximum', ops.maximum, distinct(), distinct(0.5));
binary('minimum', ops.minimum, distinct(), distinct(0.5));
binary('mod', ops.mod, between(0.1, 0.9), between(1, 2));
binary('arctan2', ops.arctan2, awayFrom(0, 0.3));
binary('logAddExp', ops.logAddExp, distinct(), distinct(0.5));
binary('floorDivide', ops.floorDivide, between(0.1, 0.9), between(1, 2));
for (const name of ['less', 'lessEqual', 'equal', 'notEqual', 'greater', 'greaterEqual'] as const) {
  binary(name, ops[name], labels(-2, 2), labels(-2, 2), notDifferentiable);
}
binary(
  'logicalAnd',
  (a, b) => ops.logicalAnd(ops.greater(a, 0), ops.greater(b, 0)),
  awayFrom(0),
  awayFrom(0),
  notDifferentiable,
);
binary(
  'logicalOr',
  (a, b) => ops.logicalOr(ops.greater(a, 0), ops.greater(b, 0)),
  awayFrom(0),
  awayFrom(0),
  notDifferentiable,
);

binary(
  'logicalXor',
  (a, b) => ops.logicalXor(ops.greater(a, 0), ops.greater(b, 0)),
  awayFrom(0),
  awayFrom(0),
  notDifferentiable,
);

for (const exponent of [-1, -0.5, 0, 0.5, 1, 2, 3, 2.5]) {
  unary('elementwise', `power ${exponent}`, (x) => ops.power(x, exponent), positive);
}
unary('elementwise', 'power of a constant', (x) => ops.power(1.7, x));
define('elementwise', 'where', (random) => {
  const shape = random.shape(3);
  const [a, b] = [shape.slice(random.int(0, 3)), shape];
  return {
    inputs: [bool(random, shape), float(random, a), float(random, b)],
    run: ops.where,
  };
});
for (const name of ['add', 'subtract', 'multiply', 'minimum', 'maximum', 'mod', 'floorDivide'] as const) {
  define(
    'integer',
    name,
    (random) => {
      const [a, b] = broadcastPair(random);
      return { inputs: [int(random, a, -9, 9), int(random, b, 1, 9)], run: ops[name] };
    },
    notDifferentiable,
  );
}

// --- activations and composites

const composite = (name: string, f: Unary, draw: Draw = anywhere, traits?: Traits) =>
  unary('nn', name, f, draw, traits);
composite('relu', ops.relu, awayFrom(0));
composite('relu6', (x) => ops.relu6(ops.multiply(x, 4)), awayFrom([0, 1.5]));
composite('leakyRelu', (x) => ops.leakyRelu(x), awayFrom(0));
composite('elu', (x) => ops.elu(x, 0.7), awayFrom(0));
composite('selu', ops.selu, awayFrom(0));
composite('celu', (x) => ops.celu(x, 1.3), awayFrom(0));
composite('softplus', ops.softplus);
composite('softsign', ops.softsign, awayFrom(0));
composite('silu', ops.silu);
composite('mish', ops.mish);
composite('gelu', (x) => ops.gelu(x));
composite('gelu approximate', (x) => ops.gelu(x, true));
composite('hardSigmoid', (x) => ops.hardSigmoid(ops.multiply(x, 4)), awayFrom([-0.75, 0.75]));
composite('hardSilu', (x) => ops.hardSilu(ops.multiply(x, 4)), awayFrom([-0.75, 0.75]));
composite('hardTanh', ops.hardTanh, awayFrom([-1, 1]));
composite('logSigmoid', ops.logSigmoid);
composite('tanhShrink', ops.tanhShrink);
composite('softShrink', (x) => ops.softShrink(x, 0.4), awayFrom([-0.4, 0, 0.4]));
composite('hardShrink', (x) => ops.hardShrink(x, 0.4), awayFrom([-0.4, 0, 0.4]));
composite('squareplus', (x) => ops.squareplus(x));
composite('threshold', (x) => ops.threshold(x, 0.1, -3), awayFrom(0.1));
define('nn', 'glu', (random) => {
  const shape = random.shape(3);
  const axis = random.int(0, 2);
  shape[axis] *= 2;
  return { inputs: [float(random, shape)], run: (x) => ops.glu(x, axis) };
});
define('nn', 'prelu', (random) => {
  const shape = random.shape(3);
  return { inputs: [float(random, shape, awayFrom(0)), float(random, shape.slice(-1))], run: ops.prelu };
});
for (const name of ['softmax', 'logSoftmax'] as const) {
  define('nn', name, (random) => {
    const shape = random.pick([random.shape(3, 6), [random.int(1, 5), random.int(1, 70)]]);
    const axis = random.int(-shape.length, shape.length - 1);
    return { inputs: [float(random, shape)], run: (x) => ops[name](x, axis) };
  });
}
define('nn', 'sparseSoftmaxCrossEntropy', (random) => {
  const [outer, classes] = [random.shape(random.int(0, 2)), random.int(1, 40)];
  return {
    inputs: [float(random, [...outer, classes]), int(random, outer, 0, classes - 1)],
    run: ops.sparseSoftmaxCrossEntropy,
  };
});
define('nn', 'sigmoidCrossEntropy', (random) => {
  const shape = random.shape(2);
  return { inputs: [float(random, shape), float(random, shape, between(0, 1))], run: ops.sigmoidCrossEntropy };
});

// --- reductions

function reduction(
  name: string,
  f: (x: Tensor, axes: number[], keepDims: boolean) => Tensor,
  draw: Draw = anywhere,
  traits?: Traits,
) {
  define(
    'reduce',
    name,
    (random) => {
      const shape = random.pick([() => random.shape(random.int(1, 4)), () => [random.int(1, 5), random.int(1, 200)]])();
      const axes = random.shuffle([...shape.keys()]).slice(0, random.int(1, shape.length));
      const keepDims = random.uniform() < 0.5;
      return { inputs: [float(random, shape, draw)], run: (x) => f(x, axes, keepDims) };
    },
    traits,
  );
}
for (const name of ['sum', 'mean', 'logSumExp'] as const) {
  reduction(name, (x, axes, keepDims) => ops[name](x, axes, { keepDims }));
}
for (const name of ['max', 'min'] as const)
  reduction(name, (x, axes, keepDims) => ops[name](x, axes, { keepDims }), distinct());
reduction('prod', (x, axes, keepDims) => ops.prod(x, axes, { keepDims }), between(0.9, 1.1));
reduction(
  'prod with zeros',
  (x, axes, keepDims) => ops.prod(ops.multiply(x, ops.cast(ops.greater(x, -0.9), 'float32')), axes, { keepDims }),
  between(-1, 1),
  once,
);
reduction('variance', (x, axes, keepDims) => ops.variance(x, axes, { keepDims }));
reduction(
  'std',
  (x, axes, keepDims) => ops.std(ops.concatenate([x, ops.subtract(1, x)], axes[0]), axes, { keepDims }),
  between(0, 0.4),
);
reduction('norm', (x, axes, keepDims) => ops.norm(x, axes, { keepDims }), positive);
for (const ord of [0, 1, 2, 3, 0.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  reduction(
    `norm of order ${ord}`,
    (x, axes, keepDims) => ops.norm(x, axes, { keepDims, ord }),
    (random, size) => distinct()(random, size).map((v) => v + size / 32 + 0.5),
  );
}
reduction('moments', (x, axes, keepDims) => {
  const { mean, variance } = ops.moments(x, axes, { keepDims });
  return ops.add(mean, ops.multiply(variance, 2));
});
reduction(
  'countNonzero',
  (x, axes, keepDims) => ops.countNonzero(ops.greater(x, 0), axes, { keepDims }),
  awayFrom(0),
  notDifferentiable,
);
reduction('any', (x, axes, keepDims) => ops.any(ops.greater(x, 1), axes, { keepDims }), awayFrom(1), notDifferentiable);
reduction(
  'all',
  (x, axes, keepDims) => ops.all(ops.greater(x, -1), axes, { keepDims }),
  awayFrom(-1),
  notDifferentiable,
);
reduction('argmax', (x, axes) => ops.argmax(x, axes[0]), distinct(), notDifferentiable);
reduction('argmin', (x, axes) => ops.argmin(x, axes[0]), distinct(), notDifferentiable);
define(
  'reduce',
  'sum of int32',
  (random) => {
    const [shape, axis] = [random.shape(3), random.int(0, 2)];
    return { inputs: [int(random, shape, -99, 99)], run: (x) => ops.sum(x, axis) };
  },
  notDifferentiable,
);

// --- shapes and views

function view(name: string, make: (random: Random, shape: number[]) => Unary) {
  define('shape', name, (random) => {
    const shape = random.shape(random.int(1, 4));
    return { inputs: [float(random, shape)], run: make(random, shape) };
  });
}
/** A box that lies inside: start, size and step per axis. */
function someBox(random: Random, shape: readonly number[], largestStep = 3) {
  const start = shape.map((n) => random.int(0, n - 1));
  const step = shape.map(() => random.int(1, largestStep));
  const size = shape.map((n, i) => random.int(1, Math.ceil((n - start[i]) / step[i])));
  return { start, size, step };
}
view('reshape', (random, shape) => {
  const target = random.pick([[-1], [1, ...shape], [sizeOf(shape), 1]]);
  return (x) => ops.reshape(x, target);
});
view('transpose', (random, shape) => {
  const axes = random.shuffle([...shape.keys()]);
  return (x) => ops.transpose(x, axes);
});
view('broadcastTo', (random, shape) => {
  const lead = random.shape(random.int(1, 3), 3);
  return (x) => ops.broadcastTo(ops.expandDims(x, 0), [...lead, ...shape]);
});
view('slice', (random, shape) => {
  const { start, size, step } = someBox(random, shape);
  return (x) => ops.slice(x, start, size, step);
});
view('several slices', (random, shape) => {
  const boxes = Array.from({ length: 3 }, () => someBox(random, shape, 2));
  return (x) =>
    boxes
      .map(({ start, size, step }) => ops.sum(ops.square(ops.slice(x, start, size, step))))
      .reduce((a, b) => ops.add(a, b));
});
view('flip', (random, shape) => {
  const axes = random.shuffle([...shape.keys()]).slice(0, random.int(1, shape.length));
  return (x) => ops.flip(x, axes);
});
view('split', (random, shape) => {
  const axis = random.int(0, shape.length - 1);
  const cuts = [...new Set([random.int(0, shape[axis]), random.int(0, shape[axis])])].sort((a, b) => a - b);
  return (x) => {
    const parts = ops.split(x, cuts, axis);
    return ops.concatenate(
      parts.reverse().map((part, i) => ops.multiply(part, i + 1)),
      axis,
    );
  };
});
view('tile', (random, shape) => {
  const repeats = shape.map(() => random.int(1, 3));
  return (x) => ops.tile(x, repeats);
});
view('repeat', (random, shape) => {
  const [times, axis] = [random.int(1, 3), random.int(0, shape.length - 1)];
  return (x) => ops.repeat(x, times, axis);
});
view('pad', (random, shape) => {
  const padding = shape.map(() => [random.int(0, 2), random.int(0, 2)] as const);
  return (x) => ops.pad(x, padding, 0.5);
});
for (const mode of ['edge', 'reflect', 'symmetric'] as const) {
  view(`pad ${mode}`, (random, shape) => {
    const most = (n: number) => (mode === 'edge' ? 3 : mode === 'reflect' ? n - 1 : n);
    const padding = shape.map((n) => [random.int(0, most(n)), random.int(0, most(n))] as const);
    return (x) => ops.pad(x, padding, mode);
  });
}
view('roll', (random, shape) => {
  const axis = random.int(0, shape.length - 1);
  const shift = random.int(-4, 4);
  return (x) => ops.roll(x, shift, axis);
});
view('views of views', (random, shape) => {
  const axes = random.shuffle([...shape.keys()]);
  const { start, size, step } = someBox(random, shape, 2);
  return (x) => ops.reshape(ops.flip(ops.transpose(ops.slice(x, start, size, step), axes)), [-1]);
});
define('shape', 'concatenate', (random) => {
  const shape = random.shape(random.int(1, 4));
  const axis = random.int(0, shape.length - 1);
  const parts = Array.from({ length: random.int(2, 4) }, () =>
    shape.map((n, i) => (i === axis ? random.int(0, 5) : n)),
  );
  return { inputs: parts.map((p) => float(random, p)), run: (...parts) => ops.concatenate(parts, axis) };
});
define('shape', 'stack', (random) => {
  const shape = random.shape(2);
  const axis = random.int(0, 2);
  return { inputs: [float(random, shape), float(random, shape)], run: (...parts) => ops.stack(parts, axis) };
});

// --- along an axis

function alongAxis(
  name: string,
  f: (x: Tensor, axis: number, random: Random) => Tensor,
  draw = anywhere,
  traits?: Traits,
) {
  define(
    'axis',
    name,
    (random) => {
      const shape = random.pick([() => random.shape(random.int(1, 4)), () => [random.int(1, 4), random.int(1, 90)]])();
      const axis = random.int(-shape.length, shape.length - 1);
      const seed = random.int(1, 1000);
      return { inputs: [float(random, shape, draw)], run: (x) => f(x, axis, new Random(seed)) };
    },
    traits,
  );
}
alongAxis('cumsum', ops.cumsum);
alongAxis('cumsum from the end', (x, axis) => ops.flip(ops.cumsum(ops.flip(x, axis), axis), axis));
alongAxis('cumprod', ops.cumprod, between(0.8, 1.2));
alongAxis(
  'cumprod with zeros',
  (x, axis) => ops.cumprod(ops.multiply(x, ops.cast(ops.greater(x, 0), 'float32')), axis),
  (random, size) => between(0.8, 1.2)(random, size).map((v) => (random.uniform() < 0.2 ? -v : v)),
  once,
);
alongAxis('sort', (x, axis, random) => ops.sort(x, axis, { descending: random.uniform() < 0.5 }), distinct());
alongAxis(
  'argsort',
  (x, axis, random) => ops.argsort(x, axis, { descending: random.uniform() < 0.5 }),
  labels(-3, 3),
  notDifferentiable,
);
alongAxis(
  'topK',
  (x, axis, random) => ops.topK(ops.flip(x, axis), random.int(0, x.shape.at(-1) as number)).values,
  distinct(),
);
define(
  'axis',
  'integers',
  (random) => {
    const [shape, axis] = [random.shape(3), random.int(0, 2)];
    return { inputs: [int(random, shape, -99, 99)], run: (x) => ops.sort(ops.cumsum(x, axis), axis) };
  },
  notDifferentiable,
);
define('axis', 'takeAlongAxis', (random) => {
  const shape = random.shape(random.int(1, 4), 5);
  const axis = random.int(0, shape.length - 1);
  const picked = shape.map((n, i) => (i === axis ? random.int(0, 6) : n));
  return {
    inputs: [float(random, shape), int(random, picked, 0, shape[axis] - 1)],
    run: (x, i) => ops.takeAlongAxis(x, i, axis),
  };
});
define(
  'axis',
  'searchSorted',
  (random) => {
    const side = random.pick(['left', 'right'] as const);
    return {
      inputs: [float(random, [random.int(0, 9)], labels(-4, 4)), float(random, random.shape(2), labels(-4, 4))],
      run: (x, v) => ops.searchSorted(ops.sort(x), v, side),
    };
  },
  notDifferentiable,
);

// --- indexing

define('indexing', 'take', (random) => {
  const shape = random.shape(random.int(1, 3), 6);
  const axis = random.int(0, shape.length - 1);
  const indices = random.shape(random.int(0, 2), 6);
  return {
    inputs: [float(random, shape), int(random, indices, 0, shape[axis] - 1)],
    run: (x, i) => ops.take(x, i, axis),
  };
});
define('indexing', 'scatterAdd', (random) => {
  const [indices, inner, rows] = [random.shape(random.int(1, 2), 6), random.shape(random.int(0, 2)), random.int(1, 5)];
  return {
    inputs: [int(random, indices, 0, rows - 1), float(random, [...indices, ...inner])],
    run: (i, updates) => ops.scatterAdd(i, updates, rows),
  };
});
define('indexing', 'segmentSum', (random) => {
  const [n, inner, segments] = [random.int(1, 9), random.shape(random.int(0, 2)), random.int(1, 5)];
  return {
    inputs: [float(random, [n, ...inner]), int(random, [n], 0, segments - 1)],
    run: (x, ids) => ops.segmentSum(x, ids, segments),
  };
});
define(
  'indexing',
  'oneHot',
  (random) => ({ inputs: [int(random, random.shape(random.int(0, 2)), -1, 6)], run: (i) => ops.oneHot(i, 6) }),
  notDifferentiable,
);

// --- linear algebra

function product(name: string, shapes: (random: Random) => [Shape, Shape], f: Binary = ops.matmul) {
  define('matmul', name, (random) => {
    const [a, b] = shapes(random);
    return { inputs: [float(random, a), float(random, b)], run: f };
  });
}
const mkn = (random: Random) => [random.int(1, 9), random.int(1, 9), random.int(1, 9)];
product('matrices', (random) => {
  const [m, k, n] = mkn(random);
  return [
    [m, k],
    [k, n],
  ];
});
product('vectors', (random) => {
  const [m, k] = mkn(random);
  return random.pick<[Shape, Shape]>([
    [[k], [k]],
    [[m, k], [k]],
    [[k], [k, m]],
    [[3, m, k], [k]],
  ]);
});
product('batches', (random) => {
  const [m, k, n] = mkn(random);
  const [p, q] = [random.int(1, 3), random.int(1, 3)];
  return random.pick<[Shape, Shape]>([
    [
      [p, m, k],
      [k, n],
    ],
    [
      [m, k],
      [p, k, n],
    ],
    [
      [p, m, k],
      [p, k, n],
    ],
    [
      [p, 1, m, k],
      [q, k, n],
    ],
    [
      [1, m, k],
      [p, k, n],
    ],
    [
      [q, p, m, k],
      [q, 1, k, n],
    ],
  ]);
});
product(
  'transposed',
  (random) => {
    const [m, k, n] = mkn(random);
    return [
      [k, m],
      [n, k],
    ];
  },
  (a, b) => ops.matmul(ops.transpose(a), ops.transpose(b)),
);
define('matmul', 'dense layer', (random) => {
  const [m, k, n] = [random.int(1, 20), random.int(1, 40), random.int(1, 40)];
  return {
    inputs: [float(random, [m, k]), float(random, [k, n]), float(random, [n])],
    run: (x, kernel, bias) => ops.tanh(ops.add(ops.matmul(x, kernel), bias)),
  };
});

for (const name of ['tril', 'triu', 'diagonal'] as const) {
  define('matrix', name, (random) => {
    const [shape, k] = [random.shape(random.int(2, 4)), random.int(-4, 4)];
    return { inputs: [float(random, shape)], run: (x) => ops[name](x, k) };
  });
}
define('matrix', 'diag of a vector', (random) => {
  const k = random.int(-3, 3);
  return { inputs: [float(random, [random.int(1, 6)])], run: (x) => ops.diag(x, k) };
});
define('matrix', 'trace', (random) => ({ inputs: [float(random, random.shape(3))], run: (x) => ops.trace(x) }));
define('matrix', 'outer', (random) => {
  return { inputs: [float(random, random.shape(2)), float(random, random.shape(1))], run: ops.outer };
});
define('matrix', 'dot', (random) => {
  const [k, a, b] = [random.int(1, 5), random.shape(random.int(0, 2)), random.shape(random.int(0, 2))];
  const right = b.length === 0 ? [k] : [...b.slice(0, -1), k, ...b.slice(-1)];
  return { inputs: [float(random, [...a, k]), float(random, right)], run: ops.dot };
});
define('matrix', 'tensordot', (random) => {
  const [i, j, k, l] = random.shape(4);
  return {
    inputs: [float(random, [i, j, k]), float(random, [k, l, i])],
    run: (a, b) =>
      ops.tensordot(a, b, [
        [0, 2],
        [-1, 0],
      ]),
  };
});
for (const equation of [
  'ij,jk->ik',
  'ij,kj',
  'ii',
  'ii->i',
  'iji->j',
  'ij->ji',
  'ij->',
  'i,j->ij',
  'bij,bjk->bik',
  'bij,bkj->bki',
  '...ij,...jk->...ik',
  '...i->...',
  'ij,jk,kl->il',
  'ij,ij,ij->i',
  'abc,cd,ae->bde',
]) {
  define('einsum', equation, (random) => {
    const sizes = Object.fromEntries([...'abcdeijkl'].map((letter) => [letter, random.int(1, 4)]));
    const batch = random.shape(random.int(0, 2), 3);
    const shapes = equation
      .split('->')[0]
      .split(',')
      .map((term) => [
        ...(term.startsWith('...') ? batch.map((n) => (random.uniform() < 0.2 ? 1 : n)) : []),
        ...[...term.replace('...', '')].map((letter) => sizes[letter]),
      ]);
    return { inputs: shapes.map((s) => float(random, s)), run: (...x) => ops.einsum(equation, ...x) };
  });
}

// --- normalization, attention, positions

define(
  'normalization',
  'layerNormalization',
  (random) => {
    const shape = [random.int(1, 4), random.int(2, 5), random.int(3, 40)];
    const axes = random.pick([[-1], [1, 2]]);
    const own = axes.map((a) => shape.at(a) as number);
    return {
      inputs: [float(random, shape), float(random, own), float(random, own)],
      run: (x, scale, offset) => ops.layerNormalization(x, axes, { scale, offset }),
    };
  },
  once,
);
define('normalization', 'rmsNormalization', (random) => {
  const shape = [random.int(1, 4), random.int(3, 40)];
  return {
    inputs: [float(random, shape), float(random, shape.slice(1))],
    run: (x, scale) => ops.rmsNormalization(x, -1, { scale }),
  };
});
define(
  'normalization',
  'groupNormalization',
  (random) => {
    const [groups, size, axis] = [random.int(1, 3), random.int(1, 3), random.pick([1, -1])];
    const shape = [random.int(1, 3), random.int(2, 5), groups * size];
    if (axis === 1) shape.splice(1, 2, groups * size, shape[1]);
    const channels = [groups * size];
    return {
      inputs: [float(random, shape), float(random, channels), float(random, channels)],
      run: (x, scale, offset) => ops.groupNormalization(x, groups, { axis, scale, offset }),
    };
  },
  once,
);
define(
  'normalization',
  'batchNormalization',
  (random) => {
    const shape = [random.int(2, 4), random.int(2, 5), random.int(1, 4)];
    const channels = shape.slice(-1);
    return {
      inputs: [float(random, shape), float(random, channels), float(random, channels)],
      run: (x, scale, offset) => {
        const { mean, variance } = ops.moments(x, [0, 1]);
        return ops.batchNormalization(x, mean, variance, { scale, offset });
      },
    };
  },
  once,
);
for (const order of [1, 2, 3]) {
  define(
    'normalization',
    `normalize of order ${order}`,
    (random) => {
      const shape = [random.int(1, 4), random.int(2, 9)];
      return { inputs: [float(random, shape, positive)], run: (x) => ops.normalize(x, -1, { order }) };
    },
    once,
  );
}
define(
  'attention',
  'scaledDotProductAttention',
  (random) => {
    const [batch, t, s, d, e] = [
      random.shape(random.int(0, 2), 3),
      ...Array.from({ length: 4 }, () => random.int(1, 6)),
    ];
    const causal = random.uniform() < 0.5;
    return {
      inputs: [
        float(random, [...batch, t, d]),
        float(random, [...batch, s, d]),
        float(random, [...batch, s, e]),
        bool(random, [t, s]),
      ],
      run: (q, k, v, mask) => ops.scaledDotProductAttention(q, k, v, { mask, causal }),
    };
  },
  once,
);
define(
  'attention',
  'causal attention',
  (random) => {
    const [batch, t, d] = [random.int(1, 3), random.int(1, 9), random.int(1, 6)];
    const shape = [batch, t, d];
    return {
      inputs: [float(random, shape), float(random, shape), float(random, shape)],
      run: (q, k, v) => ops.scaledDotProductAttention(q, k, v, { causal: true, scale: 0.3 }),
    };
  },
  once,
);
define('attention', 'rotaryEmbedding', (random) => {
  const shape = [...random.shape(random.int(0, 2), 3), random.int(1, 9), 2 * random.int(1, 4)];
  return { inputs: [float(random, shape)], run: (x) => ops.rotaryEmbedding(x) };
});
define('attention', 'sinusoidalPositions', (random) => {
  const shape = [random.int(1, 20), 2 * random.int(1, 5)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.sinusoidalPositions(shape[0], shape[1])) };
});

// --- convolution and pooling

interface Sliding {
  readonly sizes: number[];
  readonly window: number[];
  readonly options: { strides: number[]; padding: ops.Padding; dilationRate: number[] };
}
/** Windows that fit, with every kind of padding. */
function sliding(random: Random, rank: number, largest: number): Sliding {
  const each = (low: number, high: number) => Array.from({ length: rank }, () => random.int(low, high));
  const sizes = each(1, largest);
  const padding = random.pick<() => ops.Padding>([
    () => 'valid',
    () => 'same',
    () => (rank === 1 ? 'causal' : 'same'),
    () => sizes.map(() => [random.int(0, 2), random.int(0, 3)] as const),
  ])();
  const room = sizes.map((n, a) => (typeof padding === 'string' ? n : n + padding[a][0] + padding[a][1]));
  const window = room.map((n) => random.int(1, Math.min(n, 3)));
  const dilationRate = room.map((n, a) =>
    window[a] === 1 ? random.int(1, 3) : random.int(1, Math.min(3, Math.floor((n - 1) / (window[a] - 1)))),
  );
  return { sizes, window, options: { strides: each(1, 3), padding, dilationRate } };
}
for (const [rank, largest] of [
  [1, 12],
  [2, 7],
  [3, 4],
] as const) {
  define('conv', `conv ${rank}d`, (random) => {
    const { sizes, window, options } = sliding(random, rank, largest);
    const groups = random.pick([1, 1, 2, 3]);
    const [width, columns] = [random.int(1, 5), random.int(1, 4)];
    return {
      inputs: [
        float(random, [random.int(1, 3), ...sizes, groups * width]),
        float(random, [...window, width, groups * columns]),
      ],
      run: (x, kernel) => ops.conv(x, kernel, options),
    };
  });
  define('conv', `convTranspose ${rank}d`, (random) => {
    const { sizes, window, options } = sliding(random, rank, Math.min(largest, 5));
    const groups = random.pick([1, 1, 2]);
    const [width, columns] = [random.int(1, 4), random.int(1, 4)];
    const padding = random.pick(['valid', 'same'] as const);
    const outputPadding = random.pick([undefined, options.strides.map((s) => random.int(0, s - 1))]);
    const safe = outputPadding === undefined ? padding : 'valid';
    return {
      inputs: [
        float(random, [random.int(1, 2), ...sizes, groups * width]),
        float(random, [...window, columns, groups * width]),
      ],
      run: (x, kernel) => ops.convTranspose(x, kernel, { ...options, padding: safe, outputPadding, groups }),
    };
  });
  define('conv', `depthwiseConv ${rank}d`, (random) => {
    const { sizes, window, options } = sliding(random, rank, largest);
    const [channels, multiplier] = [random.int(2, 20), random.pick([1, 1, 3])];
    return {
      inputs: [float(random, [random.int(1, 2), ...sizes, channels]), float(random, [...window, channels, multiplier])],
      run: (x, kernel) => ops.depthwiseConv(x, kernel, options),
    };
  });
}
define('conv', 'separableConv', (random) => {
  const { sizes, window, options } = sliding(random, 2, 6);
  const [channels, filters] = [random.int(1, 5), random.int(1, 5)];
  return {
    inputs: [
      float(random, [2, ...sizes, channels]),
      float(random, [...window, channels, 2]),
      float(random, [1, 1, 2 * channels, filters]),
    ],
    run: (x, depthwise, pointwise) => ops.separableConv(x, depthwise, pointwise, options),
  };
});
/** Sizes that fill several tiles of rows and panels of columns, with the epilogues that layers make; no sum is near 0. */
define('conv', 'layer', (random) => {
  const [width, filters] = [random.pick([1, 3, 8, 17]), random.pick([5, 16, 40])];
  const f = random.pick([ops.relu, (v: Tensor) => ops.tanh(ops.multiply(v, 0.01))]);
  const [strides, padding] = [random.int(1, 2), random.pick(['valid', 'same'] as const)];
  const bias: Draw = (_, n) => Float64Array.from({ length: n }, (__, k) => (k % 2 === 0 ? 80 : -80));
  return {
    inputs: [
      float(random, [2, 9, 8, width], awayFrom(0)),
      float(random, [3, 2, width, filters]),
      float(random, [filters], bias),
    ],
    run: (x, kernel, b) => f(ops.add(ops.conv(ops.relu(x), kernel, { strides, padding }), b)),
  };
});
define('conv', 'two layers', (random) => {
  const [width, hidden] = [random.pick([1, 3, 9]), random.pick([2, 12])];
  const strides = random.int(1, 2);
  return {
    inputs: [float(random, [2, 7, 6, width]), float(random, [3, 3, width, hidden]), float(random, [2, 2, hidden, 5])],
    run: (x, first, second) => ops.conv(ops.tanh(ops.conv(x, first, { padding: 'same' })), second, { strides }),
  };
});

for (const [rank, largest] of [
  [1, 12],
  [2, 7],
  [3, 4],
] as const) {
  const windows = (random: Random) => {
    const sizes = Array.from({ length: rank }, () => random.int(2, largest));
    const window = sizes.map((n) => random.int(1, Math.min(n, 3)));
    const padding = random.pick<() => 'valid' | 'same' | [number, number][]>([
      () => 'valid',
      () => 'same',
      () => window.map((n): [number, number] => [random.int(0, n - 1), random.int(0, n - 1)]),
    ])();
    const strides = sizes.map(() => random.int(1, 3));
    const x = [random.int(1, 3), ...sizes, random.pick([1, 3, 18, 70])];
    return { x, window, options: { strides, padding, ceilMode: random.uniform() < 0.3 } };
  };
  define('pool', `maxPool ${rank}d`, (random) => {
    const { x, window, options } = windows(random);
    return { inputs: [float(random, x, distinct())], run: (t) => ops.maxPool(t, window, options) };
  });
  define('pool', `averagePool ${rank}d`, (random) => {
    const { x, window, options } = windows(random);
    const countPadding = random.uniform() < 0.5;
    return { inputs: [float(random, x)], run: (t) => ops.averagePool(t, window, { ...options, countPadding }) };
  });
}
define('pool', 'adaptiveAveragePool', (random) => {
  const sizes = [random.int(1, 9), random.int(1, 9)];
  const output = [random.int(1, 5), random.int(1, 5)];
  return { inputs: [float(random, [2, ...sizes, 3])], run: (x) => ops.adaptiveAveragePool(x, output) };
});
for (const interpolation of ['nearest', 'bilinear'] as const) {
  define('pool', `upSampling ${interpolation}`, (random) => {
    const size = [random.int(1, 3), random.int(1, 3)];
    return {
      inputs: [float(random, [2, random.int(1, 5), random.int(1, 5), 3])],
      run: (x) => ops.upSampling(x, size, interpolation),
    };
  });
}

// --- loops over time

for (const reverse of [false, true]) {
  define('recurrent', `scan${reverse ? ' in reverse' : ''}`, (random) => {
    const [time, batch, features, units] = [random.int(1, 4), random.int(1, 3), random.int(1, 4), random.int(1, 4)];
    const shapes = [
      [time, batch, features],
      [features, units],
      [units, units],
      [batch, units],
    ];
    return {
      inputs: shapes.map((shape) => float(random, shape, between(-0.7, 0.7))),
      run: (x, kernel, recurrentKernel, h0) => {
        const step = (h: Tensor, projected: Tensor) => {
          const next = ops.tanh(ops.add(projected, ops.matmul(h, recurrentKernel)));
          return { carry: next, output: ops.multiply(next, h) };
        };
        const { carry, output } = ops.scan(step, h0, ops.matmul(x, kernel), { reverse });
        return ops.add(output, carry);
      },
    };
  });
}
for (const [name, make, gates, biasRows] of [
  ['simpleRNN', layers.simpleRNN, 1, 1],
  ['lstm', layers.lstm, 4, 1],
  ['gru', layers.gru, 3, 2],
  ['gru, reset before', (o: layers.GRUOptions) => layers.gru({ ...o, resetAfter: false }), 3, 1],
] as const) {
  define('recurrent', name, (random) => {
    const [batch, time, features, units] = [random.int(1, 3), random.int(1, 3), random.int(1, 4), random.int(1, 5)];
    const weights = [
      [features, gates * units],
      [units, gates * units],
      biasRows === 2 ? [2, gates * units] : [gates * units],
    ];
    const layer = make({ units, returnSequences: random.uniform() < 0.5, goBackwards: random.uniform() < 0.5 });
    const mask = random.uniform() < 0.5 ? [bool(random, [batch, time])] : [];
    return {
      inputs: [...[[batch, time, features], ...weights].map((s) => float(random, s, between(-0.8, 0.8))), ...mask],
      run: (x, kernel, recurrentKernel, bias, ...masks) =>
        traceWith(layer, [x, ...masks], { kernel, recurrentKernel, bias })[0],
    };
  });
}

// --- random numbers

define('random', 'uniform', (random) => {
  const seed = random.int(-1000, 1000);
  const shape = [random.int(1, 70)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.randomUniform(shape, 0, 1, { seed })) };
});
define('random', 'dropout', (random) => {
  const seed = random.int(0, 1000);
  return { inputs: [float(random, someShape(random))], run: (x) => ops.dropout(x, 0.4, { seed }) };
});
define('random', 'iota', (random) => {
  const [shape, axis] = [random.shape(3), random.int(0, 2)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.iota(shape, axis, 'float32')) };
});
