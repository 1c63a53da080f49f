import type { Place } from './body.js';
import { make } from './build.js';
import { byParts, isComposite } from './composites/index.js';
import {
  type Attributes,
  formatType,
  type Graph,
  type Node,
  type ReduceKind,
  type Shape,
  sizeOf,
  type Tensor,
  topological,
  type Variable,
} from './graph.js';
import { int8Scale, toInt8 } from './int8.js';
import { isScalar, type ScalarOp } from './optable.js';
import { uniforms } from './philox.js';
import { type ProductPrecision, toBfloat16 } from './precision.js';
import type { Program, Step } from './program.js';
import { evaluateScalar } from './scalar.js';

/**
 * The oracle: every operation in float64, element by element, as its definition says. No speed, no fusion, no views -
 * each value is a dense row-major array. It understands graphs before and after fusion.
 */
export interface Bindings {
  /** Values of the `input` nodes by slot. */
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
      return [Float64Array.from((attrs as Attributes['constant']).data)];
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
      return [scatterAdd(node, x[0], x[1])];
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
  return Float64Array.from(values);
}

/** Row-major strides: how far apart in memory neighbours along each axis are. */
function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Index along each axis of the element at a row-major position. */
function coordinates(position: number, shape: Shape): number[] {
  return stridesOf(shape).map((stride, axis) => Math.floor(position / stride) % shape[axis]);
}

const positionOf = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, i, axis) => sum + i * strides[axis], 0);

function fill(size: number, value: (position: number) => number): Float64Array {
  return Float64Array.from({ length: size }, (_, position) => value(position));
}

// --- scalar operations and programs

function step(
  op: ScalarOp,
  lanes: 'f' | 'i',
  args: readonly number[],
  immediates: readonly number[],
  at: number,
): number {
  if (op === 'random') return uniforms(1, args[0], immediates[0], args[1], at)[0];
  if (op === 'iota') return Math.floor(at / immediates[0]) % immediates[1];
  return evaluateScalar(op, lanes, args);
}

function scalarOperation(node: Node, x: readonly Float64Array[]): Float64Array {
  const y = node.outputs[0];
  const lanes = node.inputs.at(-1)?.dtype === 'int32' ? 'i' : 'f';
  let immediates: readonly number[] = [];
  if (node.is('random')) immediates = [(node.attrs as Attributes['random']).stream];
  if (node.is('iota')) {
    const { inner, size } = node.attrs as Attributes['iota'];
    immediates = [inner, size];
  }
  return fill(y.size, (at) =>
    step(
      node.op as ScalarOp,
      lanes,
      x.map((values) => values[at]),
      immediates,
      at,
    ),
  );
}

/** The outputs of a program for one element. */
function runProgram(program: Program, inputs: readonly number[], at: number): number[] {
  const registers = [...inputs, ...program.constants.map((c) => c.value)];
  for (const { op, lanes, args, immediates } of program.steps as readonly Step[]) {
    const operands = args.map((r) => registers[r]);
    registers.push(step(op, lanes, operands, immediates ?? [], at));
  }
  return program.outputs.map((r) => registers[r]);
}

function map(node: Node, x: readonly Float64Array[]): Float64Array[] {
  const { program, segments } = node.attrs as Attributes['map'];
  const results = node.outputs.map((t) => new Float64Array(t.size));
  const perSegment = program.outputs.length;
  for (let s = 0; s < segments; s++) {
    const inputs = x.slice(s * program.inputs, (s + 1) * program.inputs);
    const outputs = results.slice(s * perSegment, (s + 1) * perSegment);
    for (let at = 0; at < outputs[0].length; at++) {
      const values = runProgram(
        program,
        inputs.map((v) => v[at]),
        at,
      );
      outputs.forEach((out, k) => {
        out[at] = values[k];
      });
    }
  }
  return results;
}

// --- views and joins

function view(node: Node, x: Float64Array): Float64Array {
  const from = node.inputs[0].shape;
  const to = node.outputs[0].shape;
  const strides = stridesOf(from);
  const source = (index: readonly number[]): number[] => {
    if (node.is('permute')) {
      const { axes } = node.attrs as Attributes['permute'];
      return from.map((_, axis) => index[axes.indexOf(axis)]);
    }
    if (node.is('slice')) {
      const { start, step } = node.attrs as Attributes['slice'];
      return index.map((i, axis) => start[axis] + i * step[axis]);
    }
    if (node.is('flip')) {
      const { axes } = node.attrs as Attributes['flip'];
      return index.map((i, axis) => (axes.includes(axis) ? from[axis] - 1 - i : i));
    }
    const added = to.length - from.length;
    return from.map((n, axis) => (n === 1 ? 0 : index[added + axis]));
  };
  return fill(sizeOf(to), (at) => x[positionOf(source(coordinates(at, to)), strides)]);
}

function concat(node: Node, x: readonly Float64Array[]): Float64Array {
  const { axis } = node.attrs as Attributes['concat'];
  const y = node.outputs[0];
  const strides = stridesOf(y.shape);
  const out = new Float64Array(y.size);
  let before = 0;
  node.inputs.forEach((t, k) => {
    x[k].forEach((value, at) => {
      out[positionOf(coordinates(at, t.shape), strides) + before * strides[axis]] = value;
    });
    before += t.shape[axis];
  });
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
  const strides = stridesOf(y.shape);
  const out = new Float64Array(y.size).fill(reductions[kind].empty);
  for (let at = 0; at < sizeOf(from); at++) {
    const kept = coordinates(at, from).filter((_, axis) => !axes.includes(axis));
    const to = positionOf(kept, strides);
    const inputs = x.map((v) => v[at]);
    out[to] = reductions[kind].of(out[to], runProgram(program, inputs, at)[0]);
  }
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

// --- linear algebra

/** An operand of a product, as it is multiplied. */
const rounded = (values: Float64Array, precision: ProductPrecision = 'float32'): Float64Array =>
  precision === 'bfloat16' ? values.map(toBfloat16) : values;

function matmul(node: Node, [left, right, ...extras]: readonly Float64Array[]): Float64Array[] {
  const { epilogue, precision } = node.attrs as Attributes['matmul'];
  const [a, b] = [left, right].map((values) => rounded(values, precision));
  const [m, k] = node.inputs[0].shape.slice(-2);
  const n = node.inputs[1].shape.at(-1) as number;
  const product = fill(node.outputs[0].size, (at) => {
    const [batch, row, column] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
    let sum = 0;
    for (let i = 0; i < k; i++) sum += a[(batch * m + row) * k + i] * b[(batch * k + i) * n + column];
    return sum;
  });
  return finish(node, product, extras, epilogue);
}

/** Sums of whole numbers are exact. Their float32, times the row's step, is rounded as every kernel rounds it. */
function matmulInt8(node: Node, [a, b, ...extras]: readonly Float64Array[]): Float64Array[] {
  const [m, k] = node.inputs[0].shape;
  const n = node.inputs[1].shape[1];
  const product = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    const row = a.subarray(i * k, (i + 1) * k);
    const { factor, step } = int8Scale(row.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0));
    const q = row.map((v) => toInt8(v, factor));
    for (let j = 0; j < n; j++) {
      const sum = q.reduce((total, v, p) => total + v * b[p * n + j], 0);
      product[i * n + j] = Math.fround(Math.fround(sum) * step);
    }
  }
  return finish(node, product, extras, (node.attrs as Attributes['matmulInt8']).epilogue);
}

/** What the epilogue of a product makes of it. */
function finish(
  node: Node,
  product: Float64Array,
  extras: readonly Float64Array[],
  epilogue: Program | undefined,
): Float64Array[] {
  if (epilogue === undefined) return [product];
  const results = node.outputs.map((t) => new Float64Array(t.size));
  product.forEach((value, at) => {
    const values = runProgram(epilogue, [value, ...extras.map((v) => v[at])], at);
    results.forEach((out, i) => {
      out[at] = values[i];
    });
  });
  return results;
}

// --- windows over the spatial axes of [N, ...spatial, C]

interface Sliding {
  readonly window: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
}

/** Calls `visit` for each position of the output, image and cell inside the input that its window sees, in order. */
function eachSeen(
  inputShape: Shape,
  outputShape: Shape,
  { window, strides, dilation, padding }: Sliding,
  visit: (input: number, output: number, tap: number) => void,
): void {
  const [images, ...sizes] = inputShape.slice(0, -1);
  const out = outputShape.slice(1, -1);
  for (let image = 0; image < images; image++) {
    for (let position = 0; position < sizeOf(out); position++) {
      const j = coordinates(position, out);
      for (let tap = 0; tap < sizeOf(window); tap++) {
        const t = coordinates(tap, window);
        const i = j.map((n, a) => n * strides[a] + t[a] * dilation[a] - padding[a]);
        if (i.some((n, a) => n < 0 || n >= sizes[a])) continue;
        visit(image * sizeOf(sizes) + positionOf(i, stridesOf(sizes)), image * sizeOf(out) + position, tap);
      }
    }
  }
}

/** y += x * kernel, with the roles of input, kernel and output as the operation has them. */
function convolution(node: Node, [left, right, ...extras]: readonly Float64Array[]): Float64Array[] {
  const { epilogue, groups, precision, ...sliding } = node.attrs as Attributes['conv'];
  const [a, b] = [left, right].map((values) => rounded(values, precision));
  const product = new Float64Array(node.outputs[0].size);
  const { conv, convInputGrad } = { conv: node.is('conv'), convInputGrad: node.is('convInputGrad') };
  const [first, second, result] = [node.inputs[0].shape, node.inputs[1].shape, node.outputs[0].shape];
  const [x, kernel, y] = conv
    ? [first, second, result]
    : convInputGrad
      ? [result, second, first]
      : [first, result, second];
  const [channels, filters] = [x.at(-1) as number, y.at(-1) as number];
  const [width, columns] = [channels / groups, filters / groups];
  eachSeen(x, y, { window: kernel.slice(0, -2), ...sliding }, (input, output, tap) => {
    for (let f = 0; f < filters; f++) {
      for (let c = 0; c < width; c++) {
        const atX = input * channels + Math.floor(f / columns) * width + c;
        const atKernel = (tap * width + c) * filters + f;
        const atY = output * filters + f;
        if (conv) product[atY] += a[atX] * b[atKernel];
        else if (convInputGrad) product[atX] += a[atY] * b[atKernel];
        else product[atKernel] += a[atX] * b[atY];
      }
    }
  });
  return finish(node, product, extras, epilogue);
}

function pooling(node: Node, operands: readonly Float64Array[]): Float64Array {
  const attrs = node.attrs as Attributes['averagePool'] | Attributes['maxPool'];
  const backward = node.is('maxPoolGrad') || node.is('averagePoolGrad');
  const [x, y] = backward
    ? [node.outputs[0].shape, (node.inputs.at(-1) as Tensor).shape]
    : [node.inputs[0].shape, node.outputs[0].shape];
  const channels = x.at(-1) as number;
  const out = new Float64Array(node.outputs[0].size).fill(node.is('maxPool') ? Number.NEGATIVE_INFINITY : 0);
  const taken = new Uint8Array(sizeOf(y));
  eachSeen(x, y, { ...attrs, dilation: attrs.window.map(() => 1) }, (input, output) => {
    const cells = 'counted' in attrs ? countedCells(attrs, x, y, output) : 1;
    for (let c = 0; c < channels; c++) {
      const [i, o] = [input * channels + c, output * channels + c];
      if (node.is('maxPool')) {
        out[o] = Math.max(out[o], operands[0][i]);
      } else if (node.is('averagePool')) {
        out[o] += operands[0][i] / cells;
      } else if (node.is('averagePoolGrad')) {
        out[i] += operands[0][o] / cells;
      } else {
        const [values, maxima, dy] = operands;
        const isTop = values[i] === maxima[o] || (Number.isNaN(values[i]) && Number.isNaN(maxima[o]));
        if (isTop && taken[o] === 0) {
          taken[o] = 1;
          out[i] += dy[o];
        }
      }
    }
  });
  return out;
}

/** Cells of the window at an output position that lie in the input or in padding that counts. */
function countedCells(
  { window, strides, padding, counted }: Attributes['averagePool'],
  x: Shape,
  y: Shape,
  output: number,
): number {
  const out = y.slice(1, -1);
  return coordinates(output % sizeOf(out), out).reduce((cells, j, a) => {
    const first = j * strides[a] - padding[a];
    const [before, after] = counted[a];
    return cells * (Math.min(first + window[a], x[a + 1] + after) - Math.max(first, -before));
  }, 1);
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
  return Float64Array.from(Array.from({ length: rows }, (_, r) => [...row(r, r * width, (r + 1) * width)]).flat());
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
