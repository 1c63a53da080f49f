import type { Node, Tensor } from '../ir/graph.js';
import { encoding } from '../ir/optable.js';
import { aligned, memoryOf, type Schedule, segmentOf } from './schedule.js';
import { bytesPerElement } from './state-layout.js';

/** Where the result of an instruction lies in the arena. */
export interface ArenaPlan {
  /** Byte offset of every tensor that an instruction makes and that does not live in state. */
  readonly offsets: ReadonlyMap<Tensor, number>;
  readonly bytes: number;
}

interface Buffer {
  readonly bytes: number;
  readonly begin: number;
  end: number;
  offset: number;
}

const roundUp = (n: number): number => Math.ceil(n / encoding.unit) * encoding.unit;

/**
 * Gives every intermediate a fixed place. Values whose lives do not overlap share memory; a map or epilogue writes over
 * an input that dies with it.
 *
 * Placement is greedy by size: the largest first, each at the lowest gap that fits among those it overlaps in time
 * (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
 */
export function planMemory({ order, direct, copies }: Schedule, outputs: readonly Tensor[]): ArenaPlan {
  const time = new Map<Node, number>(order.map((node, i) => [node, i]));
  const lastUse = new Map<Tensor, number>();
  const use = (t: Tensor, at: number): void => {
    const { base } = memoryOf(t);
    lastUse.set(base, Math.max(lastUse.get(base) ?? -1, at));
  };
  for (const node of order) for (const input of node.inputs) use(input, time.get(node) as number);
  for (const t of outputs) use(t, order.length);
  copies.forEach(({ value }, i) => {
    use(value, order.length + i);
  });

  const bufferOf = new Map<Tensor, Buffer>();
  const buffers: Buffer[] = [];
  for (const node of order) {
    const now = time.get(node) as number;
    const reused = new Set<Buffer>();
    for (const output of node.outputs) {
      if (direct.has(output)) continue;
      const end = Math.max(lastUse.get(output) ?? now, now);
      const bytes = roundUp(Math.max(output.size * bytesPerElement(output.dtype), 1));
      const inherited = dyingInput(node, output, now, lastUse, bufferOf, reused);
      if (inherited !== undefined) {
        inherited.end = Math.max(inherited.end, end);
        reused.add(inherited);
        bufferOf.set(output, inherited);
      } else {
        const buffer = { bytes, begin: now, end, offset: 0 };
        buffers.push(buffer);
        bufferOf.set(output, buffer);
      }
    }
  }
  const bytes = place(buffers);
  return { offsets: new Map([...bufferOf].map(([t, b]) => [t, b.offset])), bytes };
}

/** A buffer that an elementwise output can take over because its input is read for the last time right there. */
function dyingInput(
  node: Node,
  output: Tensor,
  now: number,
  lastUse: ReadonlyMap<Tensor, number>,
  bufferOf: ReadonlyMap<Tensor, Buffer>,
  reused: ReadonlySet<Buffer>,
): Buffer | undefined {
  if (node.op !== 'map' && node.op !== 'matmul') return undefined;
  const first = node.op === 'matmul' ? 2 : 0;
  for (let i = first; i < node.inputs.length; i++) {
    const view = memoryOf(node.inputs[i] as Tensor);
    const buffer = bufferOf.get(view.base);
    if (buffer === undefined || reused.has(buffer) || lastUse.get(view.base) !== now || buffer.end !== now) continue;
    if (bytesPerElement(view.base.dtype) !== bytesPerElement(output.dtype) || !aligned(view, output)) continue;
    if (segmentOf(node, 'inputs', i) !== segmentOf(node, 'outputs', output.index)) continue;
    // the same memory under another view, or in another segment, would see the new values
    const own = segmentOf(node, 'outputs', output.index);
    const shared = node.inputs.some((t, j) => {
      if (j === i || bufferOf.get(memoryOf(t).base) !== buffer) return false;
      return j < first || segmentOf(node, 'inputs', j) !== own || !aligned(memoryOf(t), output);
    });
    if (!shared) return buffer;
  }
  return undefined;
}

function place(buffers: readonly Buffer[]): number {
  const placed: Buffer[] = []; // by offset
  let total = 0;
  for (const buffer of [...buffers].sort((a, b) => b.bytes - a.bytes || a.begin - b.begin)) {
    let offset = 0;
    for (const other of placed) {
      if (other.begin > buffer.end || other.end < buffer.begin) continue;
      if (other.offset >= offset + buffer.bytes) break;
      offset = Math.max(offset, other.offset + other.bytes);
    }
    buffer.offset = offset;
    total = Math.max(total, offset + buffer.bytes);
    let at = placed.length;
    while (at > 0 && (placed[at - 1] as Buffer).offset > offset) at--;
    placed.splice(at, 0, buffer);
  }
  return total;
}
