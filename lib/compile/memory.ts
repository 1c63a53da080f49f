import { type Attributes, bytesPerElement, type Node, type Tensor } from '../ir/graph.js';
import { encoding, opInfo } from '../ir/optable.js';
import { findHomes, type Home } from './joins.js';
import { canWriteOver } from './loop-memory.js';
import { aligned, memoryOf, type Schedule, schedule, segmentOf } from './schedule.js';

/** Where the result of an instruction lies in the arena. */
export interface ArenaPlan {
  /** Byte offset of every tensor that an instruction makes and that does not live in state. */
  readonly offsets: ReadonlyMap<Tensor, number>;
  /** Tensors that lie inside a concatenation already. */
  readonly homes: ReadonlyMap<Tensor, Home>;
  /** Bodies of loops: each has a part of the arena for what a step makes. */
  readonly bodies: ReadonlyMap<Node, BodyPlan>;
  readonly bytes: number;
}

export interface BodyPlan {
  readonly steps: Schedule;
  readonly arena: ArenaPlan;
  readonly offset: number;
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
 * an input that dies with it; parts of a concatenation are made where they belong in it.
 *
 * Placement is greedy by size: the largest first, each at the lowest gap that fits among those it overlaps in time
 * (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).
 *
 * @param apart values of up to so many bytes share memory with no other
 */
export function planMemory(steps: Schedule, outputs: readonly Tensor[], apart = 0): ArenaPlan {
  const { order, direct, copies } = steps;
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

  const homes = findHomes(steps, outputs);
  const bufferOf = new Map<Tensor, Buffer>();
  const buffers: Buffer[] = [];
  /** A buffer for a tensor alone, or for all that is joined in one: from the first part made to the last one read. */
  const reserve = (t: Tensor, begin: number, end: number): Buffer => {
    let buffer = bufferOf.get(t);
    if (buffer === undefined) {
      const bytes = roundUp(Math.max(t.size * bytesPerElement(t.dtype), 1));
      const alone = bytes <= apart;
      buffer = { bytes, begin: alone ? 0 : begin, end: alone ? Number.POSITIVE_INFINITY : end, offset: 0 };
      buffers.push(buffer);
      bufferOf.set(t, buffer);
    }
    buffer.end = Math.max(buffer.end, end);
    return buffer;
  };
  const bodies = new Map<Node, Omit<BodyPlan, 'offset'> & { readonly buffer: Buffer }>();
  const roots = new Set([...homes.values()].map(({ root }) => root));
  for (const node of order) {
    const now = time.get(node) as number;
    const reused = new Set<Buffer>();
    if (node.is('loop')) {
      const inner = schedule((node.attrs as Attributes['loop']).body);
      const arena = planMemory(inner, [], apart);
      const buffer = { bytes: arena.bytes, begin: now, end: now, offset: 0 };
      buffers.push(buffer);
      bodies.set(node, { steps: inner, arena, buffer });
    }
    for (const output of node.outputs) {
      if (direct.has(output)) continue;
      const end = Math.max(lastUse.get(output) ?? now, now);
      const home = homes.get(output);
      if (home !== undefined || roots.has(output)) {
        const root = home?.root ?? output;
        if (!direct.has(root)) reserve(root, now, end);
        continue;
      }
      const body = bodies.get(node);
      const isFree = (t: Tensor): Buffer | undefined => {
        const { base } = memoryOf(t);
        const buffer = bufferOf.get(base);
        // what is joined lives on in the whole, and the whole has parts
        const dies = buffer?.end === now && lastUse.get(base) === now && !roots.has(base) && !reused.has(buffer);
        return dies ? buffer : undefined;
      };
      const inherited =
        body === undefined
          ? dyingInput(node, output, bufferOf, isFree)
          : dyingSequence(node as Node<'loop'>, output, bufferOf, isFree, body);
      if (inherited === undefined) {
        reserve(output, now, end);
      } else {
        inherited.end = Math.max(inherited.end, end);
        reused.add(inherited);
        bufferOf.set(output, inherited);
      }
    }
  }
  const bytes = place(buffers);
  const offsets = new Map([...bufferOf].map(([t, b]) => [t, b.offset]));
  for (const [t, { root, offset }] of homes) {
    if (!direct.has(root)) offsets.set(t, (offsets.get(root) as number) + offset);
  }
  const placed = [...bodies].map(([node, { buffer, ...body }]) => [node, { ...body, offset: buffer.offset }] as const);
  return { offsets, homes, bodies: new Map(placed), bytes };
}

/** A buffer that an elementwise output can take over because its input is read for the last time right there. */
function dyingInput(
  node: Node,
  output: Tensor,
  bufferOf: ReadonlyMap<Tensor, Buffer>,
  freeBuffer: (t: Tensor) => Buffer | undefined,
): Buffer | undefined {
  const { epilogue } = opInfo(node.op);
  if (node.op !== 'map' && !epilogue) return undefined;
  const first = epilogue ? 2 : 0;
  for (let i = first; i < node.inputs.length; i++) {
    const t = node.inputs[i] as Tensor;
    const buffer = freeBuffer(t);
    if (buffer === undefined || !fits(t, output)) continue;
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

/** The same for the rows that a loop collects, and a sequence that it reads row by row. */
function dyingSequence(
  loop: Node<'loop'>,
  output: Tensor,
  bufferOf: ReadonlyMap<Tensor, Buffer>,
  freeBuffer: (t: Tensor) => Buffer | undefined,
  { steps, arena: { homes } }: { readonly steps: Schedule; readonly arena: ArenaPlan },
): Buffer | undefined {
  for (const [i, t] of loop.inputs.entries()) {
    const buffer = freeBuffer(t);
    if (buffer === undefined || !fits(t, output)) continue;
    const isShared = loop.inputs.some((other, j) => j !== i && bufferOf.get(memoryOf(other).base) === buffer);
    if (!isShared && canWriteOver(loop, i, output, { steps, homes })) return buffer;
  }
  return undefined;
}

const fits = (t: Tensor, output: Tensor): boolean => {
  const view = memoryOf(t);
  return bytesPerElement(view.base.dtype) === bytesPerElement(output.dtype) && aligned(view, output);
};

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
