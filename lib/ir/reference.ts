import type { Place } from './body.js';
import { make } from './build.js';
import { byParts, isComposite } from './composites/index.js';
import {
  type Attributes,
  formatType,
  type Graph,
  type Node,
  numbersOf,
  type ReduceKind,
  sizeOf,
  type Tensor,
  topological,
  type Variable,
} from './graph.js';
import { isScalar } from './optable.js';
import { fill, positions, stridesOf } from './reference-arrays.js';
import { convolution, finish, matmul, matmulInt8, pooling } from './reference-products.js';
import { map, runProgram, scalarOperation } from './reference-scalar.js';

/**
 * The oracle: every operation in float64, element by element, as its definition says. No speed, no fusion, no views -
 * each value is a dense row-major array. It understands graphs before and after fusion.
 */
export interface Bindings {
  /** Values of the `input` nodes by slot: numbers, or as the host has them. */
  readonly feeds?: readonly ArrayLike<number>[];
  readonly variables?: ReadonlyMap<Variable, ArrayLike<number>>;
}

export interface Interpretation {
  /** Values of the graph's outputs. */
  readonly outputs: Float64Array[];
  /** New values of the variables that the graph writes. */
  readonly writes: Map<Variable, Float64Array>;
}

/**
 * Computes a graph in float64.
 *
 * @throws Error when a feed or variable is missing or has the wrong length, or an index is out of range
 */
export function interpret(graph: Graph, bindings: Bindings = {}): Interpretation {
  const values = new Map<Tensor, Float64Array>();
  const writes = new Map<Variable, Float64Array>();
  for (const node of topological(graph)) {
    const inputs = node.inputs.map((t) => values.get(t) as Float64Array);
    if (node.is('write')) {
      writes.set((node.attrs as Attributes['write']).variable, inputs[0]);
      continue;
    }
    evaluate(node, inputs, bindings).forEach((value, i) => {
      values.set(node.outputs[i], value);
    });
  }
  return { outputs: graph.outputs.map((t) => values.get(t) as Float64Array), writes };
}

/** The values of one node's outputs, from those of its inputs. */
export function evaluate(node: Node, x: readonly Float64Array[], bindings: Bindings): Float64Array[] {
  if (isScalar(node.op)) return [scalarOperation(node, x)];
  if (isComposite(node.op)) return composite(node, x);
  const y = node.outputs[0];
  const attrs = node.attrs as never;
  switch (node.op) {
    case 'input': {
      const { slot } = attrs as Attributes['input'];
      return [bound(`feed ${slot}`, bindings.feeds?.[slot], y)];
    }
    case 'variable': {
      const { variable } = attrs as Attributes['variable'];
      return [bound(`variable ${variable.name}`, bindings.variables?.get(variable), y)];
    }
    case 'constant':
      return [Float64Array.from(numbersOf(y.dtype, (attrs as Attributes['constant']).data))];
    case 'reshape':
    case 'stopGradient':
    case 'customGradient':
    case 'copy':
      return [x[0]];
    case 'permute':
    case 'broadcast':
    case 'slice':
    case 'flip':
      return [view(node, x[0])];
    case 'concat':
      return [concat(node, x)];
    case 'scan':
      return scan(node, x, bindings);
    case 'loop':
      return loop(node, x);
    case 'map':
      return map(node, x);
    case 'reduce':
      return [reduce(node, x)];
    case 'argReduce':
      return [argReduce(node, x[0])];
    case 'cumsum':
      return [cumsum(node, x[0])];
    case 'argsort':
      return [argsort(node, x[0])];
    case 'matmul':
      return matmul(node, x);
    case 'matmulInt8':
      return matmulInt8(node, x);
    case 'conv':
    case 'convInputGrad':
    case 'convKernelGrad':
      return convolution(node, x);
    case 'maxPool':
    case 'averagePool':
    case 'maxPoolGrad':
    case 'averagePoolGrad':
      return [pooling(node, x)];
    case 'gather':
      return [gather(node, x[0], x[1])];
    case 'scatterAdd':
      return finish(scatterAdd(node, x[0], x[1]), x.slice(2), (node.attrs as Attributes['scatterAdd']).epilogue);
    case 'softmax':
      return [softmax(node, x[0])];
    case 'softmaxGrad':
      return [softmaxGrad(node, x[0], x[1])];
    case 'softmaxCrossEntropy':
      return [crossEntropy(node, x[0], x[1])];
    case 'softmaxCrossEntropyGrad':
      return [crossEntropyGrad(node, x[0], x[1], x[2])];
    default:
      throw new Error(`interpret: ${node.op} has no value`);
  }
}

/** The values of what it is made of. */
function composite(node: Node, x: readonly Float64Array[]): Float64Array[] {
  const inputs = node.inputs.map((t, slot) => make('input', [], { slot }, t.shape, t.dtype));
  return interpret({ inputs, outputs: byParts(node, inputs), writes: [] }, { feeds: x }).outputs;
}

function bound(what: string, values: ArrayLike<number> | undefined, type: Tensor): Float64Array {
  if (values?.length !== type.size) {
    throw new Error(
      `interpret: ${what} must have ${type.size} values for ${formatType(type)}, got ${values?.length ?? 'none'}`,
    );
  }
  return Float64Array.from(values instanceof Uint16Array ? numbersOf(type.dtype, values) : values);
}

// --- views and joins

/** The operand's elements, as many apart along each axis of the result as the view says. */
function view(node: Node, x: Float64Array): Float64Array {
  const from = node.inputs[0].shape;
  const to = node.outputs[0].shape;
  const own = stridesOf(from);
  let strides = own;
  let first = 0;
  if (node.is('permute')) {
    const { axes } = node.attrs as Attributes['permute'];
    strides = axes.map((axis) => own[axis]);
  } else if (node.is('slice')) {
    const { start, step } = node.attrs as Attributes['slice'];
    strides = own.map((stride, axis) => step[axis] * stride);
    first = own.reduce((sum, stride, axis) => sum + start[axis] * stride, 0);
  } else if (node.is('flip')) {
    const { axes } = node.attrs as Attributes['flip'];
    strides = own.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
    first = axes.reduce((sum, axis) => sum + (from[axis] - 1) * own[axis], 0);
  } else {
    // broadcast: new axes come first, and repeat as those of size 1 do
    const repeated = own.map((stride, axis) => (from[axis] === 1 ? 0 : stride));
    strides = [...new Array(to.length - from.length).fill(0), ...repeated];
  }
  const source = positions(to, strides, first);
  return fill(sizeOf(to), (at) => x[source[at]]);
}

function concat(node: Node, x: readonly Float64Array[]): Float64Array {
  const { axis } = node.attrs as Attributes['concat'];
  const y = node.outputs[0];
  const strides = stridesOf(y.shape);
  const out = new Float64Array(y.size);
  let before = 0;
  for (const [k, t] of node.inputs.entries()) {
    const target = positions(t.shape, strides, before * strides[axis]);
    for (let at = 0; at < t.size; at++) out[target[at]] = x[k][at];
    before += t.shape[axis];
  }
  return out;
}

// --- reductions

const reductions: Record<ReduceKind, { readonly of: (a: number, b: number) => number; readonly empty: number }> = {
  sum: { of: (a, b) => a + b, empty: 0 },
  max: { of: Math.max, empty: Number.NEGATIVE_INFINITY },
  min: { of: Math.min, empty: Number.POSITIVE_INFINITY },
  prod: { of: (a, b) => a * b, empty: 1 },
};

function reduce(node: Node, x: readonly Float64Array[]): Float64Array {
  const { kind, axes, program } = node.attrs as Attributes['reduce'];
  const from = node.inputs[0].shape;
  const y = node.outputs[0];
  const { of, empty } = reductions[kind];
  // one after the other along the axes that are kept, all at the same place along the others
  const kept = stridesOf(y.shape).values();
  const target = positions(
    from,
    from.map((_, axis) => (axes.includes(axis) ? 0 : (kept.next().value as number))),
  );
  const [values] = runProgram(program, x, sizeOf(from));
  const out = new Float64Array(y.size).fill(empty);
  for (let at = 0; at < values.length; at++) out[target[at]] = of(out[target[at]], values[at]);
  return y.dtype === 'int32' && kind !== 'max' && kind !== 'min' ? out.map((v) => v | 0) : out;
}

function argReduce(node: Node, x: Float64Array): Float64Array {
  const { kind, axis } = node.attrs as Attributes['argReduce'];
  const from = node.inputs[0].shape;
  const y = node.outputs[0];
  const stride = sizeOf(from.slice(axis + 1));
  return fill(y.size, (at) => {
    const first = Math.floor(at / stride) * stride * from[axis] + (at % stride);
    let best = 0;
    for (let i = 1; i < from[axis]; i++) {
      const [value, leader] = [x[first + i * stride], x[first + best * stride]];
      // the first NaN wins, as in NumPy
      const better = kind === 'max' ? value > leader : value < leader;
      if (!Number.isNaN(leader) && (better || Number.isNaN(value))) best = i;
    }
    return best;
  });
}

// --- along an axis

/** Positions in `t` of the elements of each line along an axis, in order. */
function linesAlong(t: Tensor, axis: number): number[][] {
  const n = t.shape[axis];
  const stride = sizeOf(t.shape.slice(axis + 1));
  return Array.from({ length: n === 0 ? 0 : t.size / n }, (_, line) => {
    const first = Math.floor(line / stride) * stride * n + (line % stride);
    return Array.from({ length: n }, (_, i) => first + i * stride);
  });
}

function cumsum(node: Node, x: Float64Array): Float64Array {
  const { axis, reverse } = node.attrs as Attributes['cumsum'];
  const y = node.outputs[0];
  const out = new Float64Array(y.size);
  for (const line of linesAlong(y, axis)) {
    let sum = 0;
    for (const at of reverse ? line.reverse() : line) {
      sum = y.dtype === 'int32' ? (sum + x[at]) | 0 : sum + x[at];
      out[at] = sum;
    }
  }
  return out;
}

function argsort(node: Node, x: Float64Array): Float64Array {
  const { axis, descending } = node.attrs as Attributes['argsort'];
  const y = node.outputs[0];
  const out = new Float64Array(y.size);
  const key = (v: number): number => (Number.isNaN(v) ? Number.POSITIVE_INFINITY : v);
  const compare = (a: number, b: number): number => {
    const [p, q] = [key(a), key(b)];
    return p < q ? -1 : p > q ? 1 : Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  };
  const to = linesAlong(y, axis);
  linesAlong(node.inputs[0], axis).forEach((line, l) => {
    const order = [...line.keys()].sort((i, j) => compare(x[line[i]], x[line[j]]) * (descending ? -1 : 1));
    to[l]?.forEach((at, i) => {
      out[at] = order[i];
    });
  });
  return out;
}

// --- loops

/** The numbers 0 .. steps - 1, or backwards. */
const stepsOf = (steps: number, reverse: boolean): number[] =>
  Array.from({ length: steps }, (_, i) => (reverse ? steps - 1 - i : i));

function scan(node: Node, x: readonly Float64Array[], bindings: Bindings): Float64Array[] {
  const { steps, reverse, body } = node.attrs as Attributes['scan'];
  const { constants, carries, elements, next, results } = body;
  const states = constants.length + carries.length;
  let carried = x.slice(constants.length, states);
  const stacks = node.outputs.slice(carries.length).map((t) => new Float64Array(t.size));
  for (const step of stepsOf(steps, reverse)) {
    const values = new Map<Tensor, Float64Array>();
    const valueOf = (t: Tensor) => values.get(t) as Float64Array;
    for (const [i, t] of constants.entries()) values.set(t, x[i]);
    for (const [i, t] of carries.entries()) values.set(t, carried[i]);
    for (const [i, t] of elements.entries()) {
      values.set(t, x[states + i].subarray(step * t.size, (step + 1) * t.size));
    }
    for (const inner of body.nodes) {
      const computed = evaluate(inner, inner.inputs.map(valueOf), bindings);
      for (const [i, value] of computed.entries()) values.set(inner.outputs[i], value);
    }
    for (const [i, t] of results.entries()) stacks[i].set(valueOf(t), step * t.size);
    carried = next.map(valueOf);
  }
  return [...carried.map((values) => values.slice()), ...stacks];
}

function loop(node: Node, x: readonly Float64Array[]): Float64Array[] {
  const { steps, body, starts } = node.attrs as Attributes['loop'];
  const results = node.outputs.map((t) => new Float64Array(t.size));
  const operands = [...x, ...results];
  for (const { input, output, row = 0 } of starts) results[output].set(x[input], row * x[input].length);
  const places = topological(body).flatMap((n) => ('variable' in n.attrs ? [n.attrs.variable as Place] : []));
  for (let step = 0; step < steps; step++) {
    const at = ({ operand, row, shape }: Place): Float64Array => {
      const first = row === undefined ? 0 : (row.first + row.step * step) * sizeOf(shape);
      return operands[operand].subarray(first, first + sizeOf(shape));
    };
    const { writes } = interpret(body, { variables: new Map(places.map((place) => [place, at(place)])) });
    for (const [place, value] of writes) at(place as Place).set(value);
  }
  return results;
}

// --- rows by index

function checkIndex(node: Node, index: number, size: number): void {
  if (index >= 0 && index < size) return;
  throw new Error(
    `interpret: ${node.op}${node.scope && ` in ${node.scope}`}: index ${index} is not in 0 .. ${size - 1}`,
  );
}

function gather(node: Node, table: Float64Array, indices: Float64Array): Float64Array {
  const [rows, ...inner] = node.inputs[0].shape;
  const width = sizeOf(inner);
  for (const index of indices) checkIndex(node, index, rows);
  return fill(node.outputs[0].size, (at) => table[indices[Math.floor(at / width)] * width + (at % width)]);
}

function scatterAdd(node: Node, indices: Float64Array, updates: Float64Array): Float64Array {
  const [rows, ...inner] = node.outputs[0].shape;
  const width = sizeOf(inner);
  const out = new Float64Array(node.outputs[0].size);
  for (const index of indices) checkIndex(node, index, rows);
  updates.forEach((value, at) => {
    out[indices[Math.floor(at / width)] * width + (at % width)] += value;
  });
  return out;
}

// --- softmax, over rows of the last axis

/** Calls `row` with each row of a tensor and joins the results. */
function eachRow(t: Tensor, row: (r: number, from: number, to: number) => number[] | Float64Array): Float64Array {
  const width = t.shape.at(-1) as number;
  const rows = sizeOf(t.shape.slice(0, -1));
  const results = Array.from({ length: rows }, (_, r) => row(r, r * width, (r + 1) * width));
  const out = new Float64Array(results.reduce((sum, { length }) => sum + length, 0));
  results.forEach((result, r) => {
    out.set(result, r * result.length);
  });
  return out;
}

function logSumExp(row: Float64Array): number {
  const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
}

const probabilities = (row: Float64Array): Float64Array => {
  const total = logSumExp(row);
  return row.map((v) => Math.exp(v - total));
};

function softmax(node: Node, x: Float64Array): Float64Array {
  const { log } = node.attrs as Attributes['softmax'];
  return eachRow(node.outputs[0], (_, from, to) => {
    const row = x.subarray(from, to);
    const total = logSumExp(row);
    return row.map((v) => (log ? v - total : Math.exp(v - total)));
  });
}

function softmaxGrad(node: Node, y: Float64Array, dy: Float64Array): Float64Array {
  const { log } = node.attrs as Attributes['softmaxGrad'];
  return eachRow(node.outputs[0], (_, from, to) => {
    const [p, g] = [y.subarray(from, to), dy.subarray(from, to)];
    const total = g.reduce((sum, v, i) => sum + (log ? v : v * p[i]), 0);
    return g.map((v, i) => (log ? v - Math.exp(p[i]) * total : p[i] * (v - total)));
  });
}

function crossEntropy(node: Node, logits: Float64Array, labels: Float64Array): Float64Array {
  return eachRow(node.inputs[0], (r, from, to) => {
    checkIndex(node, labels[r], to - from);
    const row = logits.subarray(from, to);
    return [logSumExp(row) - row[labels[r]]];
  });
}

function crossEntropyGrad(node: Node, logits: Float64Array, labels: Float64Array, dloss: Float64Array): Float64Array {
  return eachRow(node.inputs[0], (r, from, to) => {
    checkIndex(node, labels[r], to - from);
    return probabilities(logits.subarray(from, to)).map((p, i) => (p - Number(i === labels[r])) * dloss[r]);
  });
}
