import { toBfloat16 } from '../../lib/ir/bfloat16';
import { make } from '../../lib/ir/build';
import { byParts, isComposite } from '../../lib/ir/composites/index';
import { type Attributes, type Graph, type Node, sizeOf, type Tensor, topological } from '../../lib/ir/graph';
import { isScalar, opInfo, type ScalarOp } from '../../lib/ir/optable';
import { type Bindings, evaluate } from '../../lib/ir/reference';
import { scalarFunction } from '../../lib/ir/scalar';

/** Spacing of float32 numbers at 1. */
const ulp = 2 ** -23;
/** The largest spacing of bfloat16 numbers, relative to them. */
const bfloat16Ulp = 2 ** -7;
/** The largest error of rounding to tf32, relative to the number. */
const tf32Error = 2 ** -11;
/** Below this, results may be flushed to 0. */
const tiny = 2 ** -125;

/** What a correct float32 kernel may be off by, in ulp of the result. Operations not named here are exact. */
const precision: Partial<Record<ScalarOp, number>> = {
  // correctly rounded; one ulp leaves room for x / c as x * (1 / c), and for a product and sum rounded once
  ...{ add: 1, sub: 1, mul: 1, div: 1.5, sqrt: 1, recip: 1, fma: 1 },
  ...{
    exp: 4,
    log: 4,
    log1p: 4,
    expm1: 4,
    rsqrt: 2,
    tanh: 4,
    sigmoid: 4,
    softplus: 4,
    erf: 4,
    gelu: 8,
    geluGrad: 8,
    sin: 4,
    cos: 4,
    atan2: 4,
    pow: 8,
    mod: 2,
  },
};

export interface Bounded {
  /** float64 values of the graph's outputs. */
  readonly values: Float64Array[];
  /** How far a float32 computation of them may be off: rounding of every operation, carried through all that follow. */
  readonly errors: Float64Array[];
}

/**
 * Runs a graph (before fusion) in float64 with a running error bound: the error of a result is what its arguments' errors
 * become, plus its own rounding. A sum may be taken in any order. So a test's tolerance follows from the computation and
 * its condition, not from what some kernel happens to reach.
 */
export function interpretWithBounds(graph: Graph, bindings: Bindings): Bounded {
  const values = new Map<Tensor, Float64Array>();
  const errors = new Map<Tensor, Float64Array>();
  run(topological(graph), values, errors, bindings);
  const of = (from: Map<Tensor, Float64Array>) => graph.outputs.map((t) => from.get(t) as Float64Array);
  return { values: of(values), errors: of(errors) };
}

type Known = Map<Tensor, Float64Array>;

function run(nodes: readonly Node[], values: Known, errors: Known, bindings: Bindings): void {
  for (const node of nodes) {
    const x = node.inputs.map((t) => values.get(t) as Float64Array);
    const e = node.inputs.map((t) => errors.get(t) as Float64Array);
    if (node.is('scan')) {
      const bounded = scanWithBounds(node, x, e, bindings);
      node.outputs.forEach((t, i) => {
        values.set(t, bounded.values[i]);
        errors.set(t, bounded.errors[i]);
      });
      continue;
    }
    if (isComposite(node.op)) {
      const bounded = compositeWithBounds(node, x, e);
      node.outputs.forEach((t, i) => {
        values.set(t, bounded.values[i]);
        errors.set(t, bounded.errors[i]);
      });
      continue;
    }
    const [y] = evaluate(node, x, bindings);
    const out = node.outputs[0];
    values.set(out, y);
    errors.set(out, errorOf(node, x, e, y));
  }
}

/** What rounding does to its parts. */
function compositeWithBounds(node: Node, x: Arrays, e: Arrays): Bounded {
  const inputs = node.inputs.map((t, slot) => make('input', [], { slot }, t.shape, t.dtype));
  const results = byParts(node, inputs);
  const [values, errors]: [Known, Known] = [new Map(), new Map()];
  inputs.forEach((t, i) => {
    values.set(t, x[i]);
    errors.set(t, e[i]);
  });
  const inside = topological({ inputs: [], outputs: results, writes: [] }).filter((n) => n.op !== 'input');
  run(inside, values, errors, {});
  return {
    values: results.map((t) => values.get(t) as Float64Array),
    errors: results.map((t) => errors.get(t) as Float64Array),
  };
}

/** Step after step, as `interpret` does it. */
function scanWithBounds(node: Node, x: Arrays, e: Arrays, bindings: Bindings): Bounded {
  const { steps, reverse, body } = node.attrs as Attributes['scan'];
  const { constants, carries, elements, next, results } = body;
  const states = constants.length + carries.length;
  let carried = { values: x.slice(constants.length, states), errors: e.slice(constants.length, states) };
  const stacks = () => results.map((t) => new Float64Array(t.size * steps));
  const stacked = { values: stacks(), errors: stacks() };
  for (let i = 0; i < steps; i++) {
    const step = reverse ? steps - 1 - i : i;
    const known = (all: Arrays, state: Arrays): Known =>
      new Map([
        ...constants.map((t, k) => [t, all[k]] as const),
        ...carries.map((t, k) => [t, state[k]] as const),
        ...elements.map((t, k) => [t, all[states + k].subarray(step * t.size, (step + 1) * t.size)] as const),
      ]);
    const [values, errors] = [known(x, carried.values), known(e, carried.errors)];
    run(body.nodes, values, errors, bindings);
    const of = (from: Known) => (t: Tensor) => from.get(t) as Float64Array;
    results.forEach((t, k) => {
      stacked.values[k].set(of(values)(t), step * t.size);
      stacked.errors[k].set(of(errors)(t), step * t.size);
    });
    carried = { values: next.map(of(values)), errors: next.map(of(errors)) };
  }
  return {
    values: [...carried.values, ...stacked.values],
    errors: [...carried.errors, ...stacked.errors],
  };
}

const abs = (x: Float64Array): Float64Array => x.map(Math.abs);
const plus = (...terms: Float64Array[]): Float64Array =>
  terms[0].map((_, i) => terms.reduce((sum, t) => sum + t[i], 0));
const times = (x: Float64Array, factor: number): Float64Array => x.map((v) => v * factor);

type Arrays = readonly Float64Array[];

function errorOf(node: Node, x: Arrays, e: Arrays, y: Float64Array): Float64Array {
  /** The operation applied to something else: linear operations carry errors as they carry values. */
  const linear = (...inputs: Float64Array[]): Float64Array => evaluate(node, inputs, {})[0];
  const attrs = node.attrs as never;
  if (isScalar(node.op)) return scalarError(node.op, node, x, e, y);
  switch (node.op) {
    case 'input':
    case 'variable':
    case 'constant':
      return new Float64Array(y.length);
    case 'customGradient':
      return e[0];
    case 'reduce': {
      const { kind, axes } = attrs as Attributes['reduce'];
      if (node.outputs[0].dtype === 'int32') return new Float64Array(y.length);
      const n = axes.reduce((product, axis) => product * node.inputs[0].shape[axis], 1);
      if (kind === 'sum') return plus(linear(e[0]), times(linear(abs(x[0])), n * ulp));
      if (kind === 'prod') {
        const largest = linear(plus(abs(x[0]), e[0]));
        return plus(largest, times(abs(y), -1), times(largest, n * ulp));
      }
      // an extreme moves by no more than the largest error
      const top = { ...node, attrs: { ...(attrs as object), kind: 'max' } } as never;
      return evaluate(top, [e[0]], {})[0].map((v) => Math.max(v, 0));
    }
    case 'argReduce':
      return argReduceError(node, x[0], e[0], y);
    case 'cumsum': {
      const n = node.outputs[0].shape[(attrs as Attributes['cumsum']).axis];
      if (node.outputs[0].dtype === 'int32') return new Float64Array(y.length);
      return plus(linear(e[0]), times(linear(abs(x[0])), n * ulp));
    }
    case 'argsort':
      return argsortError(node, x[0], e[0], y);
    case 'matmulInt8':
      return int8Error(node, x, e);
    case 'matmul':
    case 'conv':
    case 'convInputGrad':
    case 'convKernelGrad':
      return productError(node, x, e);
    case 'maxPool':
      return linear(e[0]).map((v) => Math.max(v, 0));
    case 'averagePool':
    case 'averagePoolGrad': {
      const { window } = attrs as Attributes['averagePool'];
      return plus(linear(e[0]), times(linear(abs(x[0])), (sizeOf(window) + 1) * ulp));
    }
    case 'maxPoolGrad': {
      const { window } = attrs as Attributes['maxPool'];
      return plus(linear(x[0], x[1], e[2]), times(linear(x[0], x[1], abs(x[2])), sizeOf(window) * ulp));
    }
    case 'gather':
      return linear(e[0], x[1]);
    case 'scatterAdd':
      return plus(linear(x[0], e[1]), times(linear(x[0], abs(x[1])), x[0].length * ulp));
    case 'softmax':
    case 'softmaxGrad':
    case 'softmaxCrossEntropy':
    case 'softmaxCrossEntropyGrad':
      return softmaxError(node, x, e, y);
    default:
      return linear(...e); // views, concat
  }
}

/** Every sum of n terms is off by n roundings, and by what the errors of both factors become. */
function productError(node: Node, x: Arrays, e: Arrays): Float64Array {
  const { precision, ...attrs } = node.attrs as Attributes['matmul'] | Attributes['conv'];
  const product = (...factors: Float64Array[]): Float64Array =>
    evaluate({ ...node, is: node.is, attrs } as never, factors, {})[0];
  const rounds = precision === 'bfloat16';
  const factors = x.map((values) => abs(rounds ? values.map(toBfloat16) : values));
  const errors = e.map((error, i) =>
    error.map((v, at) => {
      // A factor that is not exact may be rounded the other way, to the neighbour of the number that the reference takes.
      if (rounds) return v > 0 ? 2 * v + bfloat16Ulp * factors[i][at] + tiny : 0;
      return precision === 'tf32' ? v + tf32Error * (factors[i][at] + v) : v;
    }),
  );
  const [a, b] = factors;
  const terms = product(
    a.map(() => 1),
    b.map(() => 1),
  );
  const rounding = product(a, b).map((v, i) => terms[i] * (v * ulp + (rounds ? tiny : 0)));
  return plus(product(a, errors[1]), product(errors[0], plus(b, errors[1])), rounding);
}

/** 0 where a row is exact, else every number of it may be rounded the other way, and with another step. */
function int8Error(node: Node, [a, b]: Arrays, [e]: Arrays): Float64Array {
  const [k, n] = node.inputs[1].shape;
  const out = new Float64Array(node.outputs[0].size);
  for (let i = 0; i * k < a.length; i++) {
    const row = (v: Float64Array): Float64Array => v.subarray(i * k, (i + 1) * k);
    const largest = (v: Float64Array): number => v.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const error = row(e);
    if (error.every((v) => v === 0)) continue;
    const step = (largest(row(a)) + largest(error)) / 127;
    for (let j = 0; j < n; j++) {
      out[i * n + j] = error.reduce((sum, v, p) => sum + (v + step * (1 + ulp)) * Math.abs(b[p * n + j]), tiny);
    }
  }
  return out;
}

/** The largest change when each argument moves by its error, one way or the other, plus the operation's own rounding. */
function scalarError(op: ScalarOp, node: Node, x: Arrays, e: Arrays, y: Float64Array): Float64Array {
  if (opInfo(op).positional) return new Float64Array(y.length);
  const lanes = node.inputs.at(-1)?.dtype === 'int32' ? 'i' : 'f';
  const own = (lanes === 'f' || op === 'castFloat' ? (precision[op] ?? 0) : 0) * ulp;
  const f = scalarFunction(op, lanes);
  return y.map((value, i) => {
    let worst = 0;
    if (e.some((error) => error[i] > 0)) {
      for (let corner = 0; corner < 1 << x.length; corner++) {
        const [a, b, c] = x.map((v, k) => v[i] + ((corner >> k) & 1 ? 1 : -1) * e[k][i]);
        const change = Math.abs(f(a, b, c) - value);
        worst = Math.max(worst, Number.isNaN(change) && !Number.isNaN(value) ? Number.POSITIVE_INFINITY : change);
      }
    }
    // near a zero of these the argument's reduction decides
    const size = op === 'sin' || op === 'cos' || op === 'geluGrad' ? 1 : Math.abs(value);
    return Number.isFinite(value) ? worst + own * size + (own > 0 ? tiny : 0) : 0;
  });
}

/** 0 where the winner is clear, else anything goes. */
function argReduceError(node: Node, x: Float64Array, e: Float64Array, y: Float64Array): Float64Array {
  const { axis } = node.attrs as Attributes['argReduce'];
  const shape = node.inputs[0].shape;
  const stride = sizeOf(shape.slice(axis + 1));
  return y.map((winner, at) => {
    const first = Math.floor(at / stride) * stride * shape[axis] + (at % stride);
    const best = first + winner * stride;
    const rivals = Array.from({ length: shape[axis] }, (_, i) => first + i * stride).filter((i) => i !== best);
    return rivals.some((i) => e[i] + e[best] > Math.abs(x[i] - x[best])) ? Number.POSITIVE_INFINITY : 0;
  });
}

/** 0 where neighbours in the order are clearly apart, else anything goes. */
function argsortError(node: Node, x: Float64Array, e: Float64Array, y: Float64Array): Float64Array {
  if (e.every((error) => error === 0)) return new Float64Array(y.length);
  const { axis } = node.attrs as Attributes['argsort'];
  const shape = node.inputs[0].shape;
  const stride = sizeOf(shape.slice(axis + 1));
  const count = node.outputs[0].shape[axis];
  return y.map((picked, at) => {
    const first = Math.floor(at / (stride * count)) * stride * shape[axis] + (at % stride);
    const own = first + picked * stride;
    const others = Array.from({ length: shape[axis] }, (_, i) => first + i * stride).filter((i) => i !== own);
    return others.some((i) => e[i] + e[own] > Math.abs(x[i] - x[own])) ? Number.POSITIVE_INFINITY : 0;
  });
}

function softmaxError(node: Node, x: Arrays, e: Arrays, y: Float64Array): Float64Array {
  const n = node.inputs[0].shape.at(-1) as number;
  const rows = x[0].length / Math.max(n, 1);
  const out = new Float64Array(y.length);
  for (let r = 0; r < rows; r++) {
    const row = (v: Float64Array) => v.subarray(r * n, (r + 1) * n);
    const [x0, e0] = [row(x[0]), row(e[0])];
    const total = (f: (i: number) => number): number => x0.reduce((sum, _, i) => sum + f(i), 0);
    const top = x0.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = total((i) => Math.exp(x0[i] - top));
    const p = Array.from(x0, (v) => Math.exp(v - top) / sum);
    const [average, below] = [total((j) => p[j] * e0[j]), total((j) => p[j] * (top - x0[j]))];
    /** Of log p[i]: the arguments' errors, the shift, the exponentials and their sum. */
    const logError = (i: number): number =>
      e0[i] + average + ulp * (Math.abs(x0[i] - top) + below + Math.log(n) + n + 8);
    if (node.op === 'softmax') {
      const { log } = node.attrs as Attributes['softmax'];
      // 0 in float64 is far below the smallest float32, whatever the error
      const plain = (i: number): number => (p[i] === 0 ? 0 : p[i] * Math.expm1(logError(i))) + tiny;
      for (let i = 0; i < n; i++) out[r * n + i] = log ? logError(i) : plain(i);
    } else if (node.op === 'softmaxCrossEntropy') {
      out[r] = logError(x[1][r]);
    } else if (node.op === 'softmaxCrossEntropyGrad') {
      for (let i = 0; i < n; i++) {
        const hit = Number(i === x[1][r]);
        const [d, ed] = [Math.abs(x[2][r]), e[2][r]];
        const ep = p[i] * Math.expm1(logError(i));
        out[r * n + i] = (d + ed) * (ep + 2 * ulp * (p[i] + hit)) + Math.abs(p[i] - hit) * ed + tiny;
      }
    } else {
      const { log } = node.attrs as Attributes['softmaxGrad'];
      const [g, eg] = [row(x[1]), row(e[1])];
      // y (dy - sum(y dy)), or with the logarithm dy - e^y sum(dy)
      const weight = (i: number): number => (log ? 1 : x0[i]);
      const s = total((i) => weight(i) * g[i]);
      const es = total(
        (i) =>
          Math.abs(weight(i)) * eg[i] +
          (log ? 0 : e0[i] * (Math.abs(g[i]) + eg[i])) +
          n * ulp * Math.abs(weight(i) * g[i]),
      );
      for (let i = 0; i < n; i++) {
        const w = log ? Math.exp(x0[i]) : x0[i];
        const ew = log ? w * (Math.expm1(e0[i]) + 4 * ulp) : e0[i];
        const size = log ? Math.abs(g[i]) + Math.abs(w * s) : Math.abs(w) * (Math.abs(g[i]) + Math.abs(s));
        out[r * n + i] = log
          ? eg[i] + ew * (Math.abs(s) + es) + w * es + 3 * ulp * size
          : ew * (Math.abs(g[i] - s) + eg[i] + es) + Math.abs(w) * (eg[i] + es) + 3 * ulp * size + tiny;
      }
    }
  }
  return out;
}

/** @throws Error at the first element that is off by more than its bound; NaN must meet NaN, an infinity itself */
export function expectWithin(what: string, got: ArrayLike<number>, expected: Float64Array, errors: Float64Array): void {
  if (got.length !== expected.length) throw new Error(`${what}: ${got.length} values, expected ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i], expected[i]];
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b)) || errors[i] === Number.POSITIVE_INFINITY)
      continue;
    if (!(Math.abs(a - b) <= errors[i])) {
      throw new Error(`${what}: element ${i} is ${a}, expected ${b} within ${errors[i]}`);
    }
  }
}
