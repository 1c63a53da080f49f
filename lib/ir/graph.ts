import { widenBfloat16 } from './bfloat16.js';
import type { Body, Start } from './body.js';
import { type OpName, opTable } from './optable.js';
import type { ProductPrecision } from './precision.js';
import type { Program } from './program.js';

/** The type that holds the values of a dtype, on the host as in native memory; bools are 0 and 1, bfloat16 numbers their bits. */
export const arrayTypes = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  int8: Int8Array,
  bfloat16: Uint16Array,
} as const;

/**
 * int8 is for keeping weights small: `ops.matmulInt8` multiplies by it, views, joins and `take` move it. Wherever else it is
 * computed with, it becomes float32. So does bfloat16, which is for keeping anything small, see `bfloat16.ts`.
 */
export type DType = keyof typeof arrayTypes;
export const bytesPerElement = (dtype: DType): number => arrayTypes[dtype].BYTES_PER_ELEMENT;
export type Shape = readonly number[];

export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A piece of state that outlives a step: weight, optimizer slot, counter, metric accumulator. Identity matters. */
export interface Variable extends TensorType {
  readonly name: string;
}

/** Attributes of each operation that has any. */
export interface Attributes {
  input: { readonly slot: number };
  variable: { readonly variable: Variable };
  /** Row-major values, in the array type of the dtype. */
  constant: { readonly data: HostData };
  /** Input 0 is the value, which passes through; the others are what the gradient is with respect to. */
  customGradient: { readonly gradient: (upstream: Tensor) => readonly (Tensor | undefined)[] };
  random: { readonly stream: number };
  iota: { readonly inner: number; readonly size: number };
  permute: { readonly axes: readonly number[] };
  slice: { readonly start: readonly number[]; readonly step: readonly number[] };
  flip: { readonly axes: readonly number[] };
  /** Outputs and inputs segment after segment; every segment runs the same program over its own shape. */
  map: { readonly program: Program; readonly segments: number };
  reduce: { readonly kind: ReduceKind; readonly axes: readonly number[]; readonly program: Program };
  argReduce: { readonly kind: 'max' | 'min'; readonly axis: number };
  cumsum: { readonly axis: number; readonly reverse: boolean };
  argsort: { readonly axis: number; readonly descending: boolean };
  matmul: { readonly precision?: ProductPrecision; readonly epilogue?: Program };
  matmulInt8: { readonly epilogue?: Program };
  conv: ConvAttributes & { readonly epilogue?: Program };
  convInputGrad: ConvAttributes & { readonly epilogue?: Program };
  convKernelGrad: ConvAttributes & { readonly epilogue?: Program };
  maxPool: PoolAttributes;
  maxPoolGrad: PoolAttributes;
  averagePool: AveragePoolAttributes;
  averagePoolGrad: AveragePoolAttributes;
  scatterAdd: { readonly epilogue?: Program };
  softmax: { readonly log: boolean };
  softmaxGrad: { readonly log: boolean };
  concat: { readonly axis: number };
  attention: AttentionAttributes;
  attentionGrad: AttentionAttributes;
  normalize: NormalizeAttributes;
  normalizeGrad: NormalizeAttributes;
  scan: { readonly steps: number; readonly reverse: boolean; readonly body: Body };
  /** The body reads and writes variables that are `Place`s; before the first step, inputs are copied to `starts`. */
  loop: { readonly steps: number; readonly body: Graph; readonly starts: readonly Start[] };
  write: { readonly variable: Variable };
}
/**
 * How a kernel slides, per spatial axis: tap t of output j sees input j * stride + t * dilation - padding, or zero
 * outside. Padding after the input follows from the size of the output.
 */
export interface ConvAttributes {
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
  readonly groups: number;
  readonly precision?: ProductPrecision;
}
/** As for a convolution, but cells outside the input are not seen at all. */
export interface PoolAttributes {
  readonly window: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly number[];
}
export interface AveragePoolAttributes extends PoolAttributes {
  /** Cells of padding [before, after] each axis that count as zeros of the average. */
  readonly counted: readonly (readonly [number, number])[];
}
export interface AttentionAttributes {
  /** Of the scores. */
  readonly scale: number;
  /** Query i sees keys 0 .. i only. */
  readonly causal: boolean;
  /** Of queries and keys, of weights and values, and of what their gradients are products of. */
  readonly precision?: ProductPrecision;
}
export interface NormalizeAttributes {
  readonly epsilon: number;
  /** Whether the mean is subtracted. */
  readonly centered: boolean;
  /** Whether there is an operand to multiply by, and one to add. */
  readonly scale: boolean;
  readonly offset: boolean;
}
export type ReduceKind = 'sum' | 'max' | 'min' | 'prod';
export type AttributesOf<O extends OpName> = O extends keyof Attributes ? Attributes[O] : Record<string, never>;

let nextId = 1;
const noScopes: readonly string[] = [];

/**
 * An operation in a graph. Nodes are immutable and refer to their inputs, so a graph is whatever can be reached from its
 * results. Ids grow as nodes are made: sorting by id is a topological order.
 */
export class Node<O extends OpName = OpName> {
  readonly id = nextId++;
  readonly outputs: readonly Tensor[];
  /** The walk that saw it last, see `topological`. */
  walk = 0;

  constructor(
    readonly op: O,
    readonly inputs: readonly Tensor[],
    readonly attrs: AttributesOf<O>,
    types: readonly TensorType[],
    /** Where it came from, for error messages and profiles: "dense_1 (dense)", "dense_1 (dense)/gradient". */
    readonly scope: string,
    /** Scopes of what was fused into it, if any. */
    readonly fused: readonly string[] = noScopes,
  ) {
    const outputs: Tensor[] = [];
    for (const type of types) outputs.push(new Tensor(this as unknown as Node, outputs.length, type));
    this.outputs = outputs;
  }

  /** Narrows by operation name. */
  is<P extends OpName>(op: P): this is Node<P> {
    return (this.op as OpName) === op;
  }

  get info() {
    return opTable[this.op];
  }
}

/** Computes concrete values of lazy tensors. Installed by `lib/transforms`, which the graph must not know. */
let evaluator: (tensors: readonly Tensor[]) => void = () => {
  throw new Error('Tensor.data: no runtime is loaded to evaluate tensors with');
};
export function installEvaluator(evaluate: (tensors: readonly Tensor[]) => void): void {
  evaluator = evaluate;
}

export type HostData = Float32Array | Int32Array | Uint8Array | Int8Array | Uint16Array;

/**
 * One result of a node: what the functions of `ops` take and return.
 *
 * A tensor is lazy. Inside a traced function (a model, a loss, `jit`) it stands for a value that will exist when the
 * compiled plan runs. Outside, where everything it depends on is concrete, reading `data` compiles and runs the graph
 * behind it and keeps the result.
 */
export class Tensor implements TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  #data: HostData | undefined;

  constructor(
    readonly node: Node,
    readonly index: number,
    type: TensorType,
  ) {
    this.shape = type.shape;
    this.dtype = type.dtype;
    this.size = sizeOf(type.shape);
    if (node.is('constant')) this.#data = (node.attrs as Attributes['constant']).data;
  }

  get rank(): number {
    return this.shape.length;
  }

  /**
   * The values, row-major: Float32Array for float32, Int32Array for int32, Uint8Array of 0 and 1 for bool, Int8Array
   * for int8, and for bfloat16 a Uint16Array of their bits (`toArray` and `item` give numbers).
   *
   * @throws Error while tracing, where a tensor has no values yet.
   */
  get data(): HostData {
    if (this.#data === undefined) evaluator([this]);
    return this.#data as HostData;
  }

  /** The values if they are known without computing anything. */
  get known(): HostData | undefined {
    return this.#data;
  }

  /** Called by the evaluator only. */
  settle(data: HostData): void {
    this.#data = data;
  }

  /** The single number of a tensor of size 1. */
  item(): number {
    if (this.size !== 1) throw new Error(`Tensor.item: expected a tensor of size 1, got ${formatType(this)}`);
    return numbersOf(this.dtype, this.data)[0] as number;
  }

  /** Nested arrays, for printing and tests. */
  toArray(): NestedArray {
    const data = numbersOf(this.dtype, this.data);
    const build = (axis: number, offset: number, size: number): NestedArray => {
      if (axis === this.rank) return data[offset] as number;
      const n = this.shape[axis] as number;
      const inner = n === 0 ? 0 : size / n;
      return Array.from({ length: n }, (_, i) => build(axis + 1, offset + i * inner, inner));
    };
    return build(0, 0, this.size);
  }
}
export type NestedArray = number | NestedArray[];

/** What is compiled: fed inputs, fetched outputs, and writes to state. */
export interface Graph {
  /** `input` nodes by slot. */
  readonly inputs: readonly Tensor[];
  /** Fetched after each step, by slot. */
  readonly outputs: readonly Tensor[];
  /** `write` nodes. */
  readonly writes: readonly Node[];
}

/** What the values of a dtype are as numbers. */
export const numbersOf = (dtype: DType, data: HostData): Exclude<HostData, Uint16Array> =>
  dtype === 'bfloat16' ? widenBfloat16(data as Uint16Array) : (data as Exclude<HostData, Uint16Array>);

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export const formatType = (t: TensorType): string =>
  // what comes from plain JavaScript may be no tensor
  Array.isArray(t?.shape) ? `${t.dtype}[${t.shape.join(', ')}]` : t === null ? 'null' : typeof t;

/** Finds something once for a graph, as several passes ask for it: graphs do not change. */
export function onceForEach<T extends object>(find: (graph: Graph) => T): (graph: Graph) => T {
  const known = new WeakMap<Graph, T>();
  return (graph) => {
    let found = known.get(graph);
    if (found === undefined) {
      found = find(graph);
      known.set(graph, found);
    }
    return found;
  };
}

let walks = 0;

/** Every node that the graph needs, producers before consumers. */
export const topological: (graph: Graph) => readonly Node[] = onceForEach(findOrder);
function findOrder(graph: Graph): Node[] {
  const nodes: Node[] = [];
  const walk = ++walks;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  const visit = (node: Node): void => {
    if (node.walk === walk) return;
    node.walk = walk;
    nodes.push(node);
    if (node.id < first) first = node.id;
    if (node.id > last) last = node.id;
  };
  for (const { node } of graph.inputs) visit(node);
  for (const { node } of graph.outputs) visit(node);
  for (const node of graph.writes) visit(node);
  for (let i = 0; i < nodes.length; i++) for (const { node } of (nodes[i] as Node).inputs) visit(node);
  if (nodes.length === 0 || last - first > 16 * nodes.length) return nodes.sort((a, b) => a.id - b.id);
  // most graphs are of nodes that were made one after another: each has a place of its own
  const places: (Node | undefined)[] = new Array(last - first + 1).fill(undefined);
  for (const node of nodes) places[node.id - first] = node;
  return places.filter((node) => node !== undefined);
}
