import type { Place } from '../ir/body.js';
import type { InstructionOp, Operand, Work } from '../ir/costs.js';
import {
  type Attributes,
  bytesPerElement,
  type Graph,
  type Node,
  type Tensor,
  type TensorType,
  type Variable,
} from '../ir/graph.js';
import { encoding, opTable, tableHash } from '../ir/optable.js';
import type { ProductPrecision } from '../ir/precision.js';
import { identityProgram } from '../ir/program.js';
import { constantBits, encodeProgram } from './encode-program.js';
import type { ArenaPlan, BodyPlan } from './memory.js';
import { memoryOf, type Schedule } from './schedule.js';
import type { StateLayout } from './state-layout.js';
import { rowMajorStrides, type StridedView } from './views.js';

/** A plan as words for the addon, and what its caller must know about it. */
export interface CompiledPlan {
  readonly words: Uint32Array;
  /** Memory a step needs besides state and data. */
  readonly arenaBytes: number;
  /** What is fed and fetched, by slot. Tensors without elements have none. */
  readonly feeds: readonly TensorType[];
  readonly fetches: readonly TensorType[];
  /** In the order of the plan. */
  readonly instructions: readonly InstructionInfo[];
}

/** What an instruction does and where it comes from. */
export interface InstructionInfo extends Work {
  /** Scopes of the nodes that became it, the one that it is named after first; see `Node.scope`. */
  readonly origins: readonly string[];
  /** Of a loop. */
  readonly body?: { readonly steps: number; readonly instructions: readonly InstructionInfo[] };
}

const { dtypes, spaces, unit } = encoding;
const words = (n: number): number => n >>> 0;
const hasElements = (t: Tensor): boolean => t.size > 0;

/** Writes the plan. Layout: docs/ARCHITECTURE.md, "The encoded plan". */
export function encode(graph: Graph, steps: Schedule, arena: ArenaPlan, layout: StateLayout): CompiledPlan {
  const views = new ViewTable();
  const constants = new ConstantPool();
  const fed = graph.inputs.filter(hasElements);
  const fetched = graph.outputs.filter(hasElements);
  const writer = new InstructionWriter(views, constants, {
    ...{ steps, arena, offset: 0 },
    locate: (variable) => ({ space: spaces.state, bytes: layout.offsetOf(variable) }),
    feedSlot: (slot) => graph.inputs.slice(0, slot).filter(hasElements).length,
  });
  writer.writeAll();
  fetched.forEach((t, slot) => {
    writer.emit('fetch', [writer.viewOf(t)], [], [slot], t.node);
  });

  const type = ({ dtype, shape }: TensorType): number[] => [dtypes[dtype], shape.length, ...shape];
  const feeds = fed.map(({ shape, dtype }) => ({ shape, dtype }));
  const fetches = fetched.map(({ shape, dtype }) => ({ shape, dtype }));
  const data = constants.words();
  const body = [...feeds.flatMap(type), ...fetches.flatMap(type), ...views.words, ...writer.words];
  const header: number[] = new Array(encoding.headerWords).fill(0);
  const total = header.length + data.length + body.length;
  [encoding.magic, encoding.version, tableHash(), total, arena.bytes / unit, layout.bytes / unit, data.length].forEach(
    (w, i) => {
      header[i] = w;
    },
  );
  [views.count, writer.instructions.length, feeds.length, fetches.length].forEach((w, i) => {
    header[7 + i] = w;
  });
  const plan = new Uint32Array(total);
  plan.set(header, 0);
  plan.set(data, header.length);
  plan.set(body, header.length + data.length);
  return { words: plan, arenaBytes: arena.bytes, feeds, fetches, instructions: writer.instructions };
}

/** Where an array begins. In a loop it may move with every step. */
interface Location {
  readonly space: number;
  readonly bytes: number;
  readonly slide?: { readonly steps: number; readonly elements: number };
}

/** What the instructions of a plan, or of the body of a loop, are written from. */
interface Level {
  readonly steps: Schedule;
  readonly arena: ArenaPlan;
  /** Where its part of the arena begins. */
  readonly offset: number;
  readonly locate: (variable: Variable) => Location;
  readonly feedSlot: (slot: number) => number;
}

/** The views of a plan, each once. */
class ViewTable {
  readonly words: number[] = [];
  readonly operands: Operand[] = [];
  readonly #known = new Map<string, number>();

  get count(): number {
    return this.operands.length;
  }

  /** Offset and strides in elements. */
  add({ space, bytes, slide }: Location, { dtype }: Tensor, view: Omit<StridedView, 'base'>): number {
    const { offset, shape, strides } = view;
    const base = Math.floor(bytes / unit);
    const rest = (bytes - base * unit) / bytesPerElement(dtype);
    const entry = [
      space | (dtypes[dtype] << 8) | (shape.length << 16) | (slide === undefined ? 0 : encoding.slidingView),
      base,
      words(offset + rest),
      ...(slide === undefined ? [] : [slide.steps, words(slide.elements)]),
      ...shape,
      ...shape.map((n, i) => words(n <= 1 ? 0 : (strides[i] as number))),
    ];
    const key = entry.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, this.count);
    for (const word of entry) this.words.push(word); // maybe too many for arguments of a call
    const stored = shape.reduce((product, n, i) => (strides[i] === 0 ? product : product * n), 1);
    return this.operands.push({ dtype, shape, stored }) - 1;
  }
}

class InstructionWriter {
  readonly words: number[] = [];
  readonly instructions: InstructionInfo[] = [];

  constructor(
    readonly views: ViewTable,
    readonly constants: ConstantPool,
    readonly level: Level,
  ) {}

  /** All but the fetches. */
  writeAll(): void {
    const { order, copies } = this.level.steps;
    for (const node of order) this.#write(node);
    for (const { value, variable } of copies) {
      // the value is contiguous (legalizeViews), but may have another shape of the same size
      const { base, offset } = memoryOf(value);
      const view = { shape: variable.shape, strides: rowMajorStrides(variable.shape) };
      const from = this.views.add(this.#locationOf(base), value, { ...view, offset });
      this.#copy(from, this.views.add(this.level.locate(variable), value, { ...view, offset: 0 }), base.node);
    }
  }

  /** Operands are numbers of views; `origin` is the node that asked for the instruction. */
  emit(
    op: InstructionOp,
    inputs: readonly number[],
    outputs: readonly number[],
    attrs: readonly number[],
    origin: Node,
    body?: InstructionInfo['body'],
  ): void {
    this.words.push(opTable[op].code, 4 + inputs.length + outputs.length + attrs.length);
    this.words.push(inputs.length, outputs.length);
    for (const at of [...inputs, ...outputs]) this.words.push(at);
    // the body of a loop may be long
    for (const word of attrs) this.words.push(word);
    const operandsOf = (views: readonly number[]): Operand[] => views.map((v) => this.views.operands[v] as Operand);
    this.instructions.push({
      op,
      inputs: operandsOf(inputs),
      outputs: operandsOf(outputs),
      attrs: origin.attrs,
      origins: [...new Set([origin.scope, ...origin.fused])],
      ...(body === undefined ? {} : { body }),
    });
  }

  viewOf(t: Tensor): number {
    const { base, ...view } = memoryOf(t);
    const home = this.level.arena.homes.get(base);
    if (home?.strides === undefined) return this.views.add(this.#locationOf(base), t, view);
    // whoever reads it reads it as it was made
    const { bytes, ...location } = this.#locationOf(home.root);
    return this.views.add({ ...location, bytes: bytes + home.offset }, t, { ...view, strides: home.strides });
  }

  #locationOf(base: Tensor): Location {
    const { arena, steps, offset, locate } = this.level;
    const variable = base.node.is('variable')
      ? (base.node.attrs as Attributes['variable']).variable
      : steps.direct.get(base);
    if (variable !== undefined) return locate(variable);
    if (base.node.is('constant')) return { space: spaces.constant, bytes: this.constants.add(base) };
    return { space: spaces.arena, bytes: offset + (arena.offsets.get(base) as number) };
  }

  #copy(from: number, to: number, origin: Node): void {
    this.emit('copy', [from], [to], [], origin);
  }

  #write(node: Node): void {
    if (node.op === 'concat') {
      this.#writeConcat(node);
    } else if (node.is('loop')) {
      this.#writeLoop(node);
    } else if (node.is('input')) {
      const { slot } = node.attrs as Attributes['input'];
      this.emit('feed', [], this.#viewsOf(node.outputs), [this.level.feedSlot(slot)], node);
    } else {
      const attrs = attributeWords(node);
      this.emit(node.op as InstructionOp, this.#viewsOf(node.inputs), this.#viewsOf(node.outputs), attrs, node);
    }
  }

  #viewsOf(tensors: readonly Tensor[]): number[] {
    return tensors.map((t) => this.viewOf(t));
  }

  /** Each part is copied into its slice of the result, unless it was made there. */
  #writeConcat(node: Node): void {
    const { axis } = node.attrs as Attributes['concat'];
    const { homes } = this.level.arena;
    const whole = node.outputs[0] as Tensor;
    const strides = rowMajorStrides(whole.shape);
    let at = 0;
    for (const [input, part] of node.inputs.entries()) {
      const { shape } = part;
      const offset = at * (strides[axis] as number);
      at += shape[axis] as number;
      const home = homes.get(memoryOf(part).base);
      if (home?.concat === node && home.input === input) continue;
      this.#copy(this.viewOf(part), this.views.add(this.#locationOf(whole), whole, { offset, shape, strides }), node);
    }
  }

  /** First values of the carries are copied to where they begin; then comes the loop, with its own instructions. */
  #writeLoop(node: Node<'loop'>): void {
    const { steps, starts } = node.attrs as Attributes['loop'];
    const operands = [...node.inputs, ...node.outputs].map((t) => {
      const { base, offset, strides } = memoryOf(t);
      const { space, bytes } = this.#locationOf(base);
      return { space, bytes: bytes + offset * bytesPerElement(t.dtype), row: strides[0] ?? 0 };
    });
    const locate = ({ operand, row, dtype }: Pick<Place, 'operand' | 'row' | 'dtype'>): Location => {
      const { space, bytes, row: elements } = operands[operand] as (typeof operands)[number];
      if (row === undefined) return { space, bytes };
      const first = bytes + row.first * elements * bytesPerElement(dtype);
      const moves = steps > 1 && elements !== 0;
      return { space, bytes: first, ...(moves ? { slide: { steps, elements: row.step * elements } } : {}) };
    };
    for (const { input, output, row } of starts) {
      const value = node.inputs[input] as Tensor;
      const { space, bytes } = locate({
        operand: node.inputs.length + output,
        dtype: value.dtype,
        ...(row === undefined ? {} : { row: { first: row, step: 1 } }),
      });
      const view = { offset: 0, shape: value.shape, strides: rowMajorStrides(value.shape) };
      this.#copy(this.viewOf(value), this.views.add({ space, bytes }, value, view), node);
    }
    const body = this.level.arena.bodies.get(node) as BodyPlan;
    const inner = new InstructionWriter(this.views, this.constants, {
      ...body,
      offset: this.level.offset + body.offset,
      locate: (variable) => locate(variable as Place),
      feedSlot: this.level.feedSlot,
    });
    inner.writeAll();
    const { instructions } = inner;
    this.emit('loop', [], [], [steps, instructions.length, ...inner.words], node, { steps, instructions });
  }
}

/** Kernels always see three spatial axes: missing ones come first. */
const threeAxes = (values: readonly number[], missing: number): number[] => [
  ...new Array<number>(3 - values.length).fill(missing),
  ...values,
];

const poolWords = ({ window, strides, padding }: Attributes['maxPool']): number[] => [
  ...threeAxes(window, 1),
  ...threeAxes(strides, 1),
  ...threeAxes(padding, 0),
];

const precisionWord = (precision: ProductPrecision = 'float32'): number => encoding.precisions[precision];

function attributeWords(node: Node): number[] {
  if (node.is('map')) {
    const { program, segments } = node.attrs as Attributes['map'];
    return [segments, ...encodeProgram(program)];
  }
  if (node.is('reduce')) {
    const { kind, axes, program } = node.attrs as Attributes['reduce'];
    const mask = axes.reduce((bits, a) => bits | (1 << a), 0);
    return [encoding.reduceKinds[kind], mask, ...encodeProgram(program)];
  }
  if (node.is('argReduce')) {
    const { kind, axis } = node.attrs as Attributes['argReduce'];
    return [kind === 'max' ? 0 : 1, axis];
  }
  if (node.is('cumsum')) {
    const { axis, reverse } = node.attrs as Attributes['cumsum'];
    return [axis, reverse ? 1 : 0];
  }
  if (node.is('argsort')) {
    const { axis, descending } = node.attrs as Attributes['argsort'];
    return [axis, descending ? 1 : 0];
  }
  if (node.is('matmul')) {
    const { epilogue, precision } = node.attrs as Attributes['matmul'];
    return [epilogue === undefined ? 0 : 1, precisionWord(precision), ...encodeProgram(epilogue ?? identityProgram)];
  }
  if (node.is('matmulInt8') || node.is('scatterAdd')) {
    const { epilogue } = node.attrs as Attributes['scatterAdd'];
    return [epilogue === undefined ? 0 : 1, ...encodeProgram(epilogue ?? identityProgram)];
  }
  if (node.is('conv') || node.is('convInputGrad') || node.is('convKernelGrad')) {
    const { epilogue, strides, dilation, padding, groups, precision } = node.attrs as Attributes['conv'];
    const geometry = [
      ...threeAxes(strides, 1),
      ...threeAxes(dilation, 1),
      ...threeAxes(padding, 0),
      groups,
      precisionWord(precision),
    ];
    return [epilogue === undefined ? 0 : 1, ...geometry, ...encodeProgram(epilogue ?? identityProgram)];
  }
  if (node.is('maxPool') || node.is('maxPoolGrad')) return poolWords(node.attrs as Attributes['maxPool']);
  if (node.is('averagePool') || node.is('averagePoolGrad')) {
    const { counted, ...pool } = node.attrs as Attributes['averagePool'];
    const before = counted.map((pair) => pair[0]);
    const after = counted.map((pair) => pair[1]);
    return [...poolWords(pool), ...threeAxes(before, 0), ...threeAxes(after, 0)];
  }
  if (node.is('attention') || node.is('attentionGrad')) {
    const { scale, causal, precision } = node.attrs as Attributes['attention'];
    return [constantBits(scale, 'f'), causal ? 1 : 0, precisionWord(precision)];
  }
  if (node.is('normalize') || node.is('normalizeGrad')) {
    const { epsilon, ...flags } = node.attrs as Attributes['normalize'];
    return [constantBits(epsilon, 'f'), ...[flags.centered, flags.scale, flags.offset].map(Number)];
  }
  if (node.is('softmax') || node.is('softmaxGrad')) return [(node.attrs as Attributes['softmax']).log ? 1 : 0];
  return [];
}

/** Constant data, each array once, aligned. */
class ConstantPool {
  readonly #offsets = new Map<Tensor, number>();
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  /** Byte offset in the constant space. */
  add(t: Tensor): number {
    const known = this.#offsets.get(t);
    if (known !== undefined) return known;
    const { data } = t.node.attrs as Attributes['constant'];
    const offset = this.#bytes;
    const padded = new Uint8Array(Math.ceil(Math.max(data.byteLength, 1) / unit) * unit);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#chunks.push(padded);
    this.#bytes += padded.length;
    this.#offsets.set(t, offset);
    return offset;
  }

  words(): Uint32Array {
    const all = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return new Uint32Array(all.buffer);
  }
}
