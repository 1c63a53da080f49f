import { bytesPerElement, type Node, type Tensor } from '../ir/graph.js';

/** What restricts the order of instructions. */
export interface Constraints {
  /** What each needs of the others. */
  readonly reads: ReadonlyMap<Node, ReadonlySet<Tensor>>;
  /** Instructions that must have run before it, for as long as it is not released. */
  readonly after: Map<Node, ReadonlySet<Node>>;
  /** Values that are read when all instructions have run. */
  readonly kept: ReadonlySet<Tensor>;
  /** Whether a value is computed in memory that exists in any case. */
  isInPlace(output: Tensor): boolean;
  /** Is told of an instruction that could not wait for those it should run after. */
  release(node: Node): void;
}

/** Bytes that are not worth waiting for: a step size, a count, a sum. */
const FEW_BYTES = 64;
/** What reads so many times more than it makes, as sums over a batch do, finds it in a cache only as long as it is new. */
const MANY_READ = 32;

/**
 * Topological order. Instructions that free as much memory as they take, or take next to none, or little of what they read, run
 * as soon as they can, the others earliest-made first: a gradient of weights, and the optimizer's update or the sum of squares that follows it, comes
 * right behind the products that read the same operands, which are in a cache then and whose memory others can have. Made
 * last, it would come at the end of the step.
 */
export function inOrder(nodes: readonly Node[], constraints: Constraints): Node[] {
  const { reads, after, kept } = constraints;
  const entries = new Map<Node, Entry>(nodes.map((node) => [node, entryOf(node)]));
  const entry = (node: Node): Entry => entries.get(node) as Entry;
  const readersOf = new Map<Tensor, Set<Entry>>(); // that have not run
  for (const own of entries.values()) {
    const { node } = own;
    const before = new Set<Entry>();
    for (const t of reads.get(node) as ReadonlySet<Tensor>) {
      before.add(entry(t.node));
      own.read += bytesOf(t);
      const readers = readersOf.get(t);
      if (readers === undefined) readersOf.set(t, new Set([own]));
      else readers.add(own);
    }
    const readers = after.get(node) ?? none;
    for (const reader of readers) before.add(entry(reader));
    for (const other of before) {
      other.dependents.push(own);
      if (!other.few || readers.has(other.node)) {
        other.blocks.push(own);
        own.blocked++;
      }
    }
    own.waiting = before.size;
  }
  for (const [t, readers] of readersOf) if (readers.size === 1) freedBy(readers, t);

  const order: Node[] = [];
  const ready = new Heap();
  const soon = new Heap(); // of those ready, the ones that run as soon as they can
  for (const own of entries.values()) if (own.waiting === 0) ready.push(own);
  while (order.length < nodes.length) {
    const own = soon.pop() ?? ready.pop() ?? freeOne();
    if (own.done) continue;
    own.done = true;
    order.push(own.node);
    for (const other of own.blocks) other.blocked--;
    for (const other of own.dependents) {
      other.waiting--;
      if (other.done) continue;
      if (other.waiting === 0) (runsSoon(other) ? soon : ready).push(other);
      else if (runsSoon(other)) hasten(other);
    }
    for (const t of reads.get(own.node) as ReadonlySet<Tensor>) {
      const readers = readersOf.get(t) as Set<Entry>;
      readers.delete(own);
      if (readers.size !== 1) continue;
      const last = freedBy(readers, t);
      if (!runsSoon(last)) continue;
      if (last.waiting === 0) soon.push(last);
      else hasten(last);
    }
  }
  return order;

  function entryOf(node: Node): Entry {
    const few = node.outputs.every((output) => bytesOf(output) <= FEW_BYTES);
    const made = madeBy(node);
    return { node, few, waiting: 0, blocked: 0, dependents: [], blocks: [], done: false, made, read: 0, freed: 0 };
  }

  function madeBy(node: Node): number {
    let made = 0;
    for (const output of node.outputs) if (!constraints.isInPlace(output)) made += bytesOf(output);
    return made;
  }

  /** The only one left to read a tensor, which its memory waits for. */
  function freedBy(readers: ReadonlySet<Entry>, t: Tensor): Entry {
    const [own] = [...readers] as [Entry];
    if (!kept.has(t)) own.freed += bytesOf(t);
    return own;
  }

  /** Where an instruction waits for nothing but numbers like the step size of an optimizer, they are made soon. */
  function hasten({ node, blocked }: Entry): void {
    if (blocked > 0) return;
    const producers = new Set<Entry>();
    for (const t of reads.get(node) as ReadonlySet<Tensor>) {
      const own = entry(t.node);
      if (!own.done) producers.add(own);
    }
    for (const own of producers) {
      if (own.waiting === 0) soon.push(own);
      else hasten(own);
    }
  }

  /** Whether it is the last reader of as many bytes as it makes, but for few, or makes few of what it reads. */
  function runsSoon({ made, read, freed }: Entry): boolean {
    return made - freed <= FEW_BYTES || made * MANY_READ <= read;
  }

  function freeOne(): Entry {
    const isDone = (t: Tensor) => entry(t.node).done;
    const stuck = nodes.find((n) => !entry(n).done && [...(reads.get(n) as ReadonlySet<Tensor>)].every(isDone));
    if (stuck === undefined) throw new Error('internal: the instruction graph has a cycle');
    constraints.release(stuck);
    const own = entry(stuck);
    own.made = madeBy(stuck);
    return own;
  }
}

/** An instruction, and what there is to know of it. */
interface Entry {
  readonly node: Node;
  /** Whether all it makes are few bytes. */
  readonly few: boolean;
  /** How many it waits for, and who waits for it. */
  waiting: number;
  readonly dependents: Entry[];
  /** Of both, all but makers of few bytes that are only read: see `hasten`. */
  blocked: number;
  readonly blocks: Entry[];
  done: boolean;
  /** Bytes that it makes, reads, and is the last to read. */
  made: number;
  read: number;
  freed: number;
}

const none: ReadonlySet<Node> = new Set();

const bytesOf = (t: Tensor): number => t.size * bytesPerElement(t.dtype);

/** Smallest id first. */
class Heap {
  readonly #items: Entry[] = [];

  push(entry: Entry): void {
    const items = this.#items;
    let i = items.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((items[parent] as Entry).node.id <= entry.node.id) break;
      items[i] = items[parent] as Entry;
      i = parent;
    }
    items[i] = entry;
  }

  pop(): Entry | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as Entry).node.id < (items[child] as Entry).node.id) child++;
      if ((items[child] as Entry).node.id >= last.node.id) break;
      items[i] = items[child] as Entry;
      i = child;
    }
    items[i] = last;
    return top;
  }
}
