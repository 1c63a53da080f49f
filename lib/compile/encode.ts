import type { Attributes, Graph, Node, Shape, Tensor, TensorType, Variable } from '../ir/graph.js';
import { encoding, opTable, tableHash } from '../ir/optable.js';
import { identityProgram } from '../ir/program.js';
import { encodeProgram } from './encode-program.js';
import type { ArenaPlan } from './memory.js';
import { memoryOf, type Schedule } from './schedule.js';
import { bytesPerElement, type StateLayout } from './state-layout.js';
import { rowMajorStrides, type StridedView } from './views.js';

/** A plan as words for the addon, and what its caller must know about it. */
export interface CompiledPlan {
  readonly words: Uint32Array;
  /** Memory a step needs besides state and data. */
  readonly arenaBytes: number;
  /** What is fed and fetched, by slot. Tensors without elements have none. */
  readonly feeds: readonly TensorType[];
  readonly fetches: readonly TensorType[];
}

const { dtypes, spaces, unit } = encoding;
const words = (n: number): number => n >>> 0;
const hasElements = (t: Tensor): boolean => t.size > 0;

/** Writes the plan. Layout: docs/ARCHITECTURE.md, "The encoded plan". */
export function encode(
  graph: Graph,
  { order, direct, copies }: Schedule,
  arena: ArenaPlan,
  layout: StateLayout,
): CompiledPlan {
  const views: number[] = [];
  const instructions: number[] = [];
  const constants = new ConstantPool();
  let viewCount = 0;
  let instructionCount = 0;
  const known = new Map<string, number>();
  const fed = graph.inputs.filter(hasElements);
  const fetched = graph.outputs.filter(hasElements);

  const addView = (
    space: number,
    dtype: TensorType['dtype'],
    byteOffset: number,
    offset: number,
    shape: Shape,
    strides: readonly number[],
  ) => {
    const base = Math.floor(byteOffset / unit);
    const rest = (byteOffset - base * unit) / bytesPerElement(dtype);
    const entry = [
      space | (dtypes[dtype] << 8) | (shape.length << 16),
      base,
      words(offset + rest),
      ...shape,
      ...shape.map((n, i) => words(n <= 1 ? 0 : (strides[i] as number))),
    ];
    const key = entry.join();
    let id = known.get(key);
    if (id === undefined) {
      id = viewCount++;
      known.set(key, id);
      views.push(...entry);
    }
    return id;
  };
  const variableView = (v: Variable): number =>
    addView(spaces.state, v.dtype, layout.offsetOf(v), 0, v.shape, rowMajorStrides(v.shape));
  const viewAt = ({ base, offset, shape, strides }: StridedView, dtype: TensorType['dtype']): number => {
    const variable = base.node.is('variable') ? (base.node.attrs as Attributes['variable']).variable : direct.get(base);
    if (variable !== undefined) return addView(spaces.state, dtype, layout.offsetOf(variable), offset, shape, strides);
    if (base.node.is('constant')) return addView(spaces.constant, dtype, constants.add(base), offset, shape, strides);
    return addView(spaces.arena, dtype, arena.offsets.get(base) as number, offset, shape, strides);
  };
  const viewOf = (t: Tensor): number => viewAt(memoryOf(t), t.dtype);
  const emit = (
    opcode: number,
    inputs: readonly number[],
    outputs: readonly number[],
    attrs: readonly number[],
  ): void => {
    const body = [inputs.length, outputs.length, ...inputs, ...outputs, ...attrs];
    instructions.push(opcode, body.length + 2, ...body);
    instructionCount++;
  };

  for (const node of order) {
    if (node.op === 'concat') {
      emitConcat(node);
    } else if (node.is('input')) {
      const { slot } = node.attrs as Attributes['input'];
      const before = graph.inputs.slice(0, slot).filter(hasElements).length;
      emit(opTable.feed.code, [], node.outputs.map(viewOf), [before]);
    } else {
      emit(opTable[node.op].code, node.inputs.map(viewOf), node.outputs.map(viewOf), attributeWords(node));
    }
  }
  for (const { value, variable } of copies) {
    // the value is contiguous (legalizeViews), but may have another shape of the same size
    const { base, offset } = memoryOf(value);
    const { shape } = variable;
    const from = viewAt({ base, offset, shape, strides: rowMajorStrides(shape) }, value.dtype);
    emit(opTable.copy.code, [from], [variableView(variable)], []);
  }
  fetched.forEach((t, slot) => {
    emit(opTable.fetch.code, [viewOf(t)], [], [slot]);
  });

  /** Each part is copied into its slice of the result, unless it was made there. */
  function emitConcat(node: Node): void {
    const { axis } = node.attrs as Attributes['concat'];
    const base = node.outputs[0] as Tensor;
    const strides = rowMajorStrides(base.shape);
    let at = 0;
    for (const [input, part] of node.inputs.entries()) {
      const { shape } = part;
      const offset = at * (strides[axis] as number);
      at += shape[axis] as number;
      const home = arena.homes.get(memoryOf(part).base);
      if (home?.concat === node && home.input === input) continue;
      emit(opTable.copy.code, [viewOf(part)], [viewAt({ base, offset, shape, strides }, base.dtype)], []);
    }
  }

  const type = ({ dtype, shape }: TensorType): number[] => [dtypes[dtype], shape.length, ...shape];
  const feeds = fed.map(({ shape, dtype }) => ({ shape, dtype }));
  const fetches = fetched.map(({ shape, dtype }) => ({ shape, dtype }));
  const data = constants.words();
  const body = [...feeds.flatMap(type), ...fetches.flatMap(type), ...views, ...instructions];
  const header: number[] = new Array(encoding.headerWords).fill(0);
  const total = header.length + data.length + body.length;
  [encoding.magic, encoding.version, tableHash(), total, arena.bytes / unit, layout.bytes / unit, data.length].forEach(
    (w, i) => {
      header[i] = w;
    },
  );
  [viewCount, instructionCount, feeds.length, fetches.length].forEach((w, i) => {
    header[7 + i] = w;
  });
  const plan = new Uint32Array(total);
  plan.set(header, 0);
  plan.set(data, header.length);
  plan.set(body, header.length + data.length);
  return { words: plan, arenaBytes: arena.bytes, feeds, fetches };
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
    const { epilogue } = node.attrs as Attributes['matmul'];
    return [epilogue === undefined ? 0 : 1, ...encodeProgram(epilogue ?? identityProgram)];
  }
  if (node.is('conv') || node.is('convInputGrad') || node.is('convKernelGrad')) {
    const { epilogue, strides, dilation, padding, groups } = node.attrs as Attributes['conv'];
    const geometry = [...threeAxes(strides, 1), ...threeAxes(dilation, 1), ...threeAxes(padding, 0), groups];
    return [epilogue === undefined ? 0 : 1, ...geometry, ...encodeProgram(epilogue ?? identityProgram)];
  }
  if (node.is('maxPool') || node.is('maxPoolGrad')) return poolWords(node.attrs as Attributes['maxPool']);
  if (node.is('averagePool') || node.is('averagePoolGrad')) {
    const { counted, ...pool } = node.attrs as Attributes['averagePool'];
    const before = counted.map((pair) => pair[0]);
    const after = counted.map((pair) => pair[1]);
    return [...poolWords(pool), ...threeAxes(before, 0), ...threeAxes(after, 0)];
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
