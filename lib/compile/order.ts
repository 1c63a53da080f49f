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
  const waiting = new Map<Node, number>();
  const dependents = new Map<Node, Node[]>();
  const readers = new Map<Tensor, Set<Node>>(); // that have not run
  const depend = (node: Node, on: Node): void => {
    waiting.set(node, (waiting.get(node) ?? 0) + 1);
    push(dependents, on, node);
  };
  for (const node of nodes) {
    waiting.set(node, waiting.get(node) ?? 0);
    const producers = new Set<Node>();
    for (const t of reads.get(node) as ReadonlySet<Tensor>) {
      producers.add(t.node);
      const own = readers.get(t);
      if (own === undefined) readers.set(t, new Set([node]));
      else own.add(node);
    }
    for (const p of producers) depend(node, p);
    for (const r of after.get(node) ?? []) depend(node, r);
  }

  const order: Node[] = [];
  const done = new Set<Node>();
  const ready = new Heap();
  const soon = new Heap(); // of those ready, the ones that run as soon as they can
  const makeReady = (node: Node): void => (runsSoon(node) ? soon : ready).push(node);
  for (const node of nodes) if (waiting.get(node) === 0) ready.push(node);
  while (order.length < nodes.length) {
    const node = soon.pop() ?? ready.pop() ?? freeOne();
    if (done.has(node)) continue;
    done.add(node);
    order.push(node);
    for (const d of dependents.get(node) ?? []) {
      const left = (waiting.get(d) as number) - 1;
      waiting.set(d, left);
      if (done.has(d)) continue;
      if (left === 0) makeReady(d);
      else if (runsSoon(d)) hasten(d);
    }
    for (const t of reads.get(node) as ReadonlySet<Tensor>) {
      const left = readers.get(t) as Set<Node>;
      left.delete(node);
      if (left.size !== 1) continue;
      const [last] = left;
      if (last === undefined || !runsSoon(last)) continue;
      if (waiting.get(last) === 0) soon.push(last);
      else hasten(last);
    }
  }
  return order;

  /** Where an instruction waits for nothing but numbers like the step size of an optimizer, they are made soon. */
  function hasten(node: Node): void {
    const producers = [...(reads.get(node) as ReadonlySet<Tensor>)].map((t) => t.node).filter((n) => !done.has(n));
    const others = [...(after.get(node) ?? [])].filter((n) => !done.has(n));
    if (others.length > 0 || !producers.every((n) => n.outputs.every((t) => bytesOf(t) <= FEW_BYTES))) return;
    for (const n of producers) {
      if (waiting.get(n) === 0) soon.push(n);
      else hasten(n);
    }
  }

  /** Whether it is the last reader of as many bytes as it makes, but for few, or makes few of what it reads. */
  function runsSoon(node: Node): boolean {
    let made = 0;
    let read = 0;
    let freed = 0;
    for (const output of node.outputs) if (!constraints.isInPlace(output)) made += bytesOf(output);
    for (const t of reads.get(node) as ReadonlySet<Tensor>) {
      read += bytesOf(t);
      if (!kept.has(t) && readers.get(t)?.size === 1) freed += bytesOf(t);
    }
    return made - freed <= FEW_BYTES || made * MANY_READ <= read;
  }

  function freeOne(): Node {
    const isDone = (t: Tensor) => done.has(t.node);
    const stuck = nodes.find((n) => !done.has(n) && [...(reads.get(n) as ReadonlySet<Tensor>)].every(isDone));
    if (stuck === undefined) throw new Error('internal: the instruction graph has a cycle');
    constraints.release(stuck);
    return stuck;
  }
}

const bytesOf = (t: Tensor): number => t.size * bytesPerElement(t.dtype);

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Smallest id first. */
class Heap {
  readonly #items: Node[] = [];

  push(node: Node): void {
    const items = this.#items;
    let i = items.push(node) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((items[parent] as Node).id <= node.id) break;
      items[i] = items[parent] as Node;
      i = parent;
    }
    items[i] = node;
  }

  pop(): Node | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as Node).id < (items[child] as Node).id) child++;
      if ((items[child] as Node).id >= last.id) break;
      items[i] = items[child] as Node;
      i = child;
    }
    items[i] = last;
    return top;
  }
}
