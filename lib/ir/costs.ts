import type { Attributes, Node, TensorType } from './graph.js';
import { bytesPerElement, sizeOf } from './graph.js';
import { type OpName, opInfo, type opTable } from './optable.js';
import type { Program } from './program.js';

/** Operations that are instructions of plans: they have a code and are not steps of programs. */
export type InstructionOp = {
  [N in OpName]: (typeof opTable)[N] extends { code: 0 } | { kind: 'scalar' } ? never : N;
}[OpName];

/** What an instruction reads or writes. */
export interface Operand extends TensorType {
  /** Elements in memory: a broadcast one is repeated, but is there once. */
  readonly stored: number;
}

/** An instruction, as far as its cost depends on it. */
export interface Work {
  readonly op: InstructionOp;
  /** One object stands for one piece of memory, also where it is read twice. */
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly attrs: Node['attrs'];
}

/** What an instruction has to do at least. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

/**
 * Exponentials, logarithms and the like, and random numbers count as so many operations: about what their polynomials
 * (or rounds) take.
 */
export const costlyFlops = 16;

/** What kind of work an operation is. */
export type OpFamily =
  | 'product'
  | 'convolution'
  | 'elementwise'
  | 'reduction'
  | 'pooling'
  | 'softmax'
  | 'attention'
  | 'normalization'
  | 'indexing'
  | 'sorting'
  | 'copy'
  | 'feed'
  | 'loop';

interface Entry {
  readonly family: OpFamily;
  readonly flops: (work: Work) => number;
  /** Unless it goes through all of its operands once. */
  readonly bytes?: (work: Work) => number;
}

const size = (t: Operand | undefined): number => (t === undefined ? 0 : sizeOf(t.shape));
const bytesOf = (t: Operand | undefined): number => (t === undefined ? 0 : t.stored * bytesPerElement(t.dtype));
const total = (operands: readonly Operand[], of: (t: Operand) => number): number =>
  operands.reduce((sum, t) => sum + of(t), 0);

/** Operations for each element of a program's domain. */
const programFlops = (program: Program | undefined): number =>
  (program?.steps ?? []).reduce((sum, { op }) => {
    if (op === 'widen') return sum;
    return sum + (op === 'fma' ? 2 : opInfo(op).costly ? costlyFlops : 1);
  }, 0);

const attrs = <O extends keyof Attributes>(work: Work): Attributes[O] => work.attrs as Attributes[O];
const nothing = (): number => 0;
const perInput = (family: OpFamily, flops: number): Entry => ({
  family,
  flops: ({ inputs }) => flops * size(inputs[0]),
});

/** Multiply-adds, two each, and the program that finishes the result. */
const product = (family: OpFamily, multiplyAdds: (work: Work) => number): Entry => ({
  family,
  flops: (work) =>
    2 * multiplyAdds(work) + size(work.outputs[0]) * programFlops((work.attrs as { epilogue?: Program }).epilogue),
});
/** Taps outside the input count as well. A kernel is [...window, channels / groups, filters]. */
const convolution = (output: (work: Work) => Operand | undefined, kernel: (work: Work) => Operand | undefined): Entry =>
  product('convolution', (work) => (size(output(work)) * size(kernel(work))) / (kernel(work)?.shape.at(-1) ?? 1));
const first = ({ inputs }: Work): Operand | undefined => inputs[0];
const second = ({ inputs }: Work): Operand | undefined => inputs[1];
const made = ({ outputs }: Work): Operand | undefined => outputs[0];

const pool = (windows: (work: Work) => Operand | undefined): Entry => ({
  family: 'pooling',
  flops: (work) => size(windows(work)) * sizeOf(attrs<'maxPool'>(work).window),
});
/** Outputs stand segment after segment; those of a segment come from one run of the program. */
function mapFlops(work: Work): number {
  const { program, segments } = attrs<'map'>(work);
  const each = work.outputs.length / segments;
  return (
    programFlops(program) *
    total(
      work.outputs.filter((_, i) => i % each === 0),
      size,
    )
  );
}

function sortFlops(work: Work): number {
  const x = first(work);
  return size(x) * Math.log2(Math.max(2, x?.shape[attrs<'argsort'>(work).axis] ?? 2));
}

/**
 * Products of queries [N, T, H, D] with all keys [N, S, K, D], and of as many weights with values [N, S, K, E]; half of
 * each where a query sees only what came before it.
 */
const attention = (keyProducts: number, valueProducts: number): Entry => ({
  family: 'attention',
  flops: (work) => {
    const [query, key, value] = work.inputs.map((t) => t.shape);
    const seen = attrs<'attention'>(work).causal ? 0.5 : 1;
    const [batch = 0, queries = 0, heads = 0, depth = 0] = query ?? [];
    const scores = seen * batch * queries * heads * (key?.[1] ?? 0);
    return scores * (2 * keyProducts * depth + 2 * valueProducts * (value?.[3] ?? 0) + 4 + costlyFlops);
  },
});

/** What each instruction costs. Beside the operation table: an instruction without an entry does not compile. */
const costs: { readonly [O in InstructionOp]: Entry } = {
  feed: { family: 'feed', flops: nothing, bytes: ({ outputs }) => 2 * total(outputs, bytesOf) },
  fetch: { family: 'feed', flops: nothing, bytes: ({ inputs }) => 2 * total(inputs, bytesOf) },
  copy: { family: 'copy', flops: nothing },
  map: { family: 'elementwise', flops: mapFlops },
  reduce: {
    family: 'reduction',
    flops: (work) => size(first(work)) * (1 + programFlops(attrs<'reduce'>(work).program)),
  },
  argReduce: perInput('reduction', 1),
  matmul: product('product', (work) => size(made(work)) * (first(work)?.shape.at(-1) ?? 1)),
  matmulInt8: product('product', (work) => size(made(work)) * (first(work)?.shape.at(-1) ?? 1)),
  gather: {
    family: 'indexing',
    flops: nothing,
    bytes: (work) => bytesOf(second(work)) + 2 * total(work.outputs, bytesOf),
  },
  scatterAdd: {
    family: 'indexing',
    flops: (work) => size(second(work)) + size(made(work)) * programFlops(attrs<'scatterAdd'>(work).epilogue),
  },
  softmax: perInput('softmax', 4 + costlyFlops),
  softmaxGrad: perInput('softmax', 4),
  softmaxCrossEntropy: perInput('softmax', 3 + costlyFlops),
  softmaxCrossEntropyGrad: perInput('softmax', 3 + costlyFlops),
  attention: attention(1, 1),
  attentionGrad: attention(3, 2),
  normalize: perInput('normalization', 8),
  normalizeGrad: perInput('normalization', 12),
  conv: convolution(made, second),
  convInputGrad: convolution(first, second),
  convKernelGrad: convolution(second, made),
  maxPool: pool(made),
  averagePool: pool(made),
  maxPoolGrad: pool((work) => work.inputs[2]),
  averagePoolGrad: pool(first),
  cumsum: perInput('reduction', 1),
  argsort: { family: 'sorting', flops: sortFlops },
  loop: { family: 'loop', flops: nothing },
};

/**
 * The arithmetic of an instruction and the memory it has to go through, each operand once: what an ideal machine would
 * not get around.
 */
export function costOf(work: Work): Cost {
  const { flops, bytes } = costs[work.op];
  return {
    flops: flops(work),
    bytes: bytes?.(work) ?? total([...new Set(work.inputs)], bytesOf) + total(work.outputs, bytesOf),
  };
}

export const familyOf = (op: InstructionOp): OpFamily => costs[op].family;
