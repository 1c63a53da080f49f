import {
  type Attributes,
  type Graph,
  Node,
  sameShape,
  type Tensor,
  type TensorType,
  topological,
} from '../ir/graph.js';
import { encoding, isScalar, isView, opInfo } from '../ir/optable.js';
import type { Program } from '../ir/program.js';
import { inShapeOfProducts } from './domains.js';
import { shareWidened } from './narrow.js';
import { fusable, largeSize, levelsOf, recompute } from './recompute.js';
import {
  isElementwise,
  isStored,
  maxSteps,
  ownRegistersOf,
  programOf,
  type Region,
  type RegionProgram,
  stepsOf,
} from './region.js';
import { rebuild, rewrite, type Uses, usesOf } from './rewrite.js';
import { isSliding, resolveView } from './views.js';

/**
 * Turns elementwise operations into programs.
 *
 * 0. What follows a product takes its shape (see `inShapeOfProducts`).
 * 1. Every node gets a level (see `findLevels`). A path that leaves a level never returns to it, so any set of
 *    elementwise nodes on one level can run as one instruction without making a cycle.
 * 2. On one level, connected nodes of one shape are a region (all rank-0 nodes of a level are one region, connected or not).
 *    A region on a higher level joins it where that saves storing what passes between them.
 * 3. A region goes into the product (matmul, convolution) that it finishes (epilogue), also when the product itself is
 *    read later, else into the reduction that is its only consumer (prologue), else becomes a `map`.
 * 4. Maps of one stage that read the same array become one: it is read once.
 * 5. Maps of one stage with the same program become segments of one `map`: the update of all small parameters is one
 *    instruction.
 *
 * With `enabled` false each operation becomes a map of its own: the oracle for the rest.
 */
export function fuse(original: Graph, enabled = true): Graph {
  const graph = enabled ? withSharedWidening(withOwnParts(recompute(inShapeOfProducts(original)))) : original;
  const nodes = topological(graph);
  const uses = usesOf(graph);
  const level = new Map(levelsOf(graph));
  if (enabled) joinLower(findRegions(nodes, level, uses), level, nodes, uses);
  const regions = enabled
    ? cutRegions(findRegions(nodes, level, uses), level).flatMap((region) => splitAtProducts(region, uses))
    : nodes.filter(isElementwise).map((n) => ({ nodes: [n], level: 0, stage: '' }));
  const built = new Rebuilder(graph, nodes, uses);

  const hosted = new Map<Node, Plan>();
  const maps: Plan[] = [];
  for (const region of regions) {
    const plan = planRegion(region, uses);
    const host = enabled ? findHost(plan, uses, level, hosted) : undefined;
    if (host !== undefined) hosted.set(host, plan);
    else maps.push(plan);
    plan.host = host;
  }
  const merged = enabled ? mergeSegments(mergeReaders(maps, uses)) : maps.map((m) => [m]);
  return built.run([...hosted.values()], merged);
}

function withSharedWidening(graph: Graph): Graph {
  if (!topological(graph).some((node) => node.op === 'widen')) return graph;
  return shareWidened(graph, levelsOf(graph));
}

/**
 * A result that is a part of several concatenations is made for each of them by an operation of its own, which costs less
 * than copying it: every concatenation can have its parts made in their place.
 */
function withOwnParts(graph: Graph): Graph {
  if (!topological(graph).some((node) => node.op === 'concat')) return graph;
  const taken = new Set<Tensor>();
  return rewrite(graph, (node, inputs) => {
    if (node.op !== 'concat') return rebuild(node, inputs).outputs;
    const own = inputs.map((t) => {
      const again = taken.has(t) && isScalar(t.node.op) && opInfo(t.node.op).costly !== true;
      taken.add(t);
      return again ? result(twinOf(t.node)) : t;
    });
    return rebuild(node, own).outputs;
  });
}

const twinOf = (node: Node): Node => new Node(node.op, node.inputs, node.attrs, node.outputs, node.scope);

/** A region and the program it becomes. */
interface Plan extends Region, RegionProgram {
  host: Node | undefined;
}

const planRegion = (region: Region, uses: Uses): Plan => ({
  ...region,
  ...programOf(region.nodes, uses),
  host: undefined,
});

const result = (node: Node): Tensor => node.outputs[0] as Tensor;
const countSteps = (nodes: readonly Node[]): number => nodes.reduce((count, node) => count + stepsOf(node), 0);

/** Connected sets of elementwise nodes, each in the order of its nodes. */
function findRegions(nodes: readonly Node[], level: ReadonlyMap<Node, number>, { consumers }: Uses): Node[][] {
  const regionOf = new Map<Node, Node[]>();
  const scalars = new Map<number, Node>(); // a rank-0 node of each level
  const join = (a: Node, b: Node): void => {
    const [x, y] = [regionOf.get(a) as Node[], regionOf.get(b) as Node[]];
    if (x === y) return;
    const [large, small] = x.length >= y.length ? [x, y] : [y, x];
    for (const node of small) {
      large.push(node);
      regionOf.set(node, large);
    }
  };
  for (const node of nodes) {
    if (!isElementwise(node)) continue;
    const at = level.get(node) as number;
    regionOf.set(node, [node]);
    for (const { node: producer } of node.inputs) {
      if (fusable(producer, node) && level.get(producer) === at) join(producer, node);
    }
    const { sibling } = opInfo(node.op);
    for (const other of (sibling && consumers.get(node.inputs[0] as Tensor)) || []) {
      if (other.op === sibling && regionOf.has(other) && level.get(other) === at) join(other, node);
    }
    if (result(node).rank === 0) {
      const open = scalars.get(at);
      if (open === undefined) scalars.set(at, node);
      else join(open, node);
    }
  }
  return [...new Set(regionOf.values())].map((region) => region.sort((a, b) => a.id - b.id));
}

const cutRegions = (regions: readonly Node[][], level: ReadonlyMap<Node, number>): Region[] =>
  regions.flatMap((region) => {
    const at = level.get(region[0] as Node) as number;
    return cut(region).map((piece, i) => ({ nodes: piece, level: at, stage: `${at}.${i}` }));
  });

/**
 * Lowers regions to the level of one that they read from, when that one stores results for them only and everything else
 * that they need is there as early. No more has to be stored than before: their results instead of what they read.
 */
function joinLower(regions: readonly Node[][], level: Map<Node, number>, nodes: readonly Node[], uses: Uses): void {
  const regionOf = new Map(regions.flatMap((region) => region.map((node) => [node, region] as const)));
  const position = new Map(nodes.map((node, i) => [node, i]));
  const last = (region: readonly Node[]): number =>
    region.reduce((at, node) => Math.max(at, position.get(node) as number), Number.NEGATIVE_INFINITY);
  /** The lowest level that a node's results can be said to be of. Views follow what they show; sources are always there. */
  const lowest = (node: Node): number => {
    if (node.inputs.length === 0) return Number.NEGATIVE_INFINITY;
    return isView(node.op) ? lowest((node.inputs[0] as Tensor).node) + 1 : (level.get(node) as number);
  };
  for (const region of [...regions].sort((a, b) => last(a) - last(b))) {
    const inside = new Set(region);
    const at = level.get(region[0] as Node) as number;
    const read = new Set(region.flatMap((node) => node.inputs).filter((t) => !inside.has(t.node)));
    const shape = result(region[0] as Node).shape;
    const hosts = (node: Node): boolean => opInfo(node.op).epilogue || node.op === 'reduce';
    const stored = region.flatMap((node) => node.outputs).filter((t) => isStored(t, inside, uses));
    if ([...read].some(({ node }) => hosts(node))) continue;
    if (stored.some((t) => (uses.consumers.get(t) ?? []).some(hosts))) continue;
    const ready = ({ node }: Tensor): number =>
      lowest(node) + (isElementwise(node) && sameShape(result(node).shape, shape) ? 0 : 1);
    const to = Math.max(...[...read].map(ready));
    const passed = [...read].filter((t) => regionOf.has(t.node) && ready(t) === to);
    if (to >= at || !Number.isFinite(to)) continue;
    const producers = new Set(passed.map(({ node }) => regionOf.get(node) as Node[]));
    const together = [region, ...producers].reduce((sum, r) => sum + countSteps(r), 0);
    const freed = passed.filter((t) => {
      const own = new Set([...region, ...(regionOf.get(t.node) as Node[])]);
      return sameShape(t.shape, shape) && !isStored(t, own, uses);
    });
    if (together > maxSteps || freed.length === 0 || spaceOf(freed) < spaceOf(stored)) continue;
    for (const node of region) level.set(node, to);
    const joined = [...producers].flat().concat(region);
    for (const node of joined) regionOf.set(node, joined);
  }
}

/** Of tensors of one shape; bfloat16 takes half as much as float32. */
const spaceOf = (tensors: readonly Tensor[]): number =>
  tensors.reduce((space, t) => space + (t.dtype === 'bfloat16' ? 1 : 2), 0);

/** Of two that a region could finish, the one that it is the end of comes last. */
const byRank = (a: Node, b: Node): number =>
  Number(opInfo(a.op).multiplies ?? false) - Number(opInfo(b.op).multiplies ?? false) || a.id - b.id;

/**
 * A region that finishes several products is the end of the last one. What depends on one of the others alone, its bias for
 * example, becomes a region that finishes that one.
 */
function splitAtProducts({ nodes, level, stage }: Region, uses: Uses): Region[] {
  const inside = new Set(nodes);
  const { shape } = result(nodes[0] as Node);
  const products = [...new Set(nodes.flatMap((node) => node.inputs))]
    .filter((t) => opInfo(t.node.op).epilogue && sameShape(t.shape, shape) && !uses.fetched.has(t))
    .filter((t) => (uses.consumers.get(t) as Node[]).every((consumer) => inside.has(consumer)))
    .sort((a, b) => byRank(a.node, b.node));
  const regions: Region[] = [];
  for (const product of products.slice(0, -1)) {
    const own = new Set<Tensor>([product]);
    const other = (t: Tensor): boolean => !own.has(t) && (inside.has(t.node) || products.includes(t));
    const part = nodes.filter((node) => {
      const belongs = node.inputs.some((t) => own.has(t)) && !node.inputs.some(other);
      if (belongs) for (const t of node.outputs) own.add(t);
      return belongs;
    });
    if (part.length === 0) continue;
    regions.push({ nodes: part, level, stage: `${stage} first` });
    for (const node of part) inside.delete(node);
  }
  return inside.size === 0 ? regions : [...regions, { nodes: [...inside], level, stage }];
}

/** Cuts a region that is too large in the order of its nodes, so that each piece needs only those before it. */
function cut(region: readonly Node[]): Node[][] {
  const pieces: Node[][] = [];
  let piece: Node[] = [];
  const registers = new Set<Tensor>();
  let steps = 0;
  let own = 0;
  for (const node of region) {
    const operands = [...node.inputs, ...node.outputs];
    const added = operands.filter((t) => !registers.has(t)).length + ownRegistersOf(node);
    const fits = steps + stepsOf(node) <= maxSteps && registers.size + own + added <= encoding.maxRegisters;
    if (piece.length === 0 || !fits) {
      piece = [];
      pieces.push(piece);
      registers.clear();
      steps = 0;
      own = 0;
    }
    piece.push(node);
    for (const t of operands) registers.add(t);
    steps += stepsOf(node);
    own += ownRegistersOf(node);
  }
  return pieces;
}

/** The product or reduction that can run a region's program while its data is hot. */
function findHost(
  plan: Plan,
  { consumers, fetched }: Uses,
  level: ReadonlyMap<Node, number>,
  taken: ReadonlyMap<Node, Plan>,
): Node | undefined {
  const inside = new Set(plan.nodes);
  const domain = result(plan.nodes[0] as Node);
  // who reads the product besides must not lead to the region; views are not on a level, see `joinLower`
  const isLater = (c: Node): boolean =>
    isView(c.op)
      ? (consumers.get(result(c)) ?? []).every((reader) => !inside.has(reader) && isLater(reader))
      : inside.has(c) || (level.get(c) as number) > plan.level;
  const isFloat = plan.outputs.every((t) => t.dtype === 'float32' || t.dtype === 'bfloat16');
  const sliding = plan.inputs.some(isSliding);
  const productFor = (mayRead: (c: Node) => boolean): Node | undefined =>
    plan.inputs
      .filter((t) => !sliding || opInfo(t.node.op).slides)
      .filter((t) => opInfo(t.node.op).epilogue && !taken.has(t.node) && sameShape(t.shape, domain.shape))
      .filter((t) => isFloat && !fetched.has(t) && (consumers.get(t) as Node[]).every(mayRead))
      .map((t) => t.node)
      .sort((a, b) => byRank(b, a))[0];
  // a reduction stores nothing of the region, a product that is read later both its own elements and the region's
  return productFor((c) => inside.has(c)) ?? findReduction(plan, { consumers, fetched }, taken) ?? productFor(isLater);
}

/** The reduction that is a region's only consumer. */
function findReduction(plan: Plan, { consumers, fetched }: Uses, taken: ReadonlyMap<Node, Plan>): Node | undefined {
  const [only] = plan.outputs;
  if (plan.outputs.length !== 1 || only === undefined || fetched.has(only) || only.dtype !== 'float32')
    return undefined;
  if (plan.nodes.some((n) => opInfo(n.op).positional)) return undefined;
  const [reduction, ...others] = consumers.get(only) ?? [];
  return reduction?.op === 'reduce' && others.length === 0 && !taken.has(reduction) ? reduction : undefined;
}

/** What two programs have in common that compute the same. Positional steps are not told apart. */
function keyOfProgram({ inputs, constants, steps, outputs }: Program): string {
  const numbers = constants.map(({ value, lanes }) => `${Object.is(value, -0) ? '-0' : value}${lanes}`);
  const operations = steps.map(({ op, lanes, args }) => `${op}${lanes}${args}`);
  return `${inputs};${numbers};${operations};${outputs}`;
}

/** Makes one map of those that read the same array. */
function mergeReaders(maps: readonly Plan[], uses: Uses): Plan[] {
  const merged: Plan[] = [];
  const readerOf = new Map<string, Map<Tensor, number>>(); // by stage: who reads an array, as its place in `merged`
  for (const plan of maps) {
    let readers = readerOf.get(plan.stage);
    if (readers === undefined) {
      readers = new Map();
      readerOf.set(plan.stage, readers);
    }
    const arrays = plan.inputs.filter(isArray);
    const found = arrays.map((t) => readers.get(t)).find((i) => i !== undefined && canJoin(merged[i] as Plan, plan));
    const place = found ?? merged.length;
    const before = merged[place]?.nodes ?? [];
    const nodes = [...before, ...plan.nodes].sort((a, b) => a.id - b.id);
    merged[place] = found === undefined ? plan : planRegion({ nodes, level: plan.level, stage: plan.stage }, uses);
    for (const t of arrays) if (!readers.has(t)) readers.set(t, place);
  }
  return merged;
}

/** Not a few numbers that are repeated. */
const isArray = (t: Tensor): boolean =>
  t.size > 1 && resolveView(t)?.strides.every((s, i) => s !== 0 || t.shape[i] === 1) === true;

function canJoin(a: Plan, b: Plan): boolean {
  const nodes = [...a.nodes, ...b.nodes];
  const registers = (p: Plan): number => p.inputs.length + p.program.constants.length + p.program.steps.length;
  return (
    sameShape(result(a.nodes[0] as Node).shape, result(b.nodes[0] as Node).shape) &&
    countSteps(nodes) <= maxSteps &&
    registers(a) + registers(b) <= encoding.maxRegisters &&
    !nodes.some((n) => opInfo(n.op).positional)
  );
}

/** Groups maps that can be one instruction. */
function mergeSegments(maps: readonly Plan[]): Plan[][] {
  const groups = new Map<string, Plan[]>();
  for (const plan of maps) {
    const first = plan.nodes[0] as Node;
    const alone = result(first).size > largeSize || plan.nodes.some((n) => opInfo(n.op).positional);
    const types = [...plan.inputs, ...plan.outputs].map((t) => t.dtype).join();
    const key = alone ? `${first.id}` : `${plan.stage} ${types} ${keyOfProgram(plan.program)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [plan]);
    else group.push(plan);
  }
  return [...groups.values()];
}

/** Makes the new graph: nodes that were hosted or merged are made when the first of their results is asked for. */
class Rebuilder {
  readonly #done = new Map<Tensor, Tensor>();
  readonly #maker = new Map<Node, () => void>();
  readonly #uses: Uses;

  constructor(
    readonly graph: Graph,
    readonly nodes: readonly Node[],
    uses: Uses,
  ) {
    this.#uses = uses;
  }

  run(hosted: readonly Plan[], groups: readonly (readonly Plan[])[]): Graph {
    for (const plan of hosted) {
      const host = plan.host as Node;
      const make = opInfo(host.op).epilogue ? () => this.#epilogue(host, plan) : () => this.#prologue(host, plan);
      for (const node of plan.nodes) this.#maker.set(node, make);
      this.#maker.set(host, make);
    }
    for (const group of groups) {
      for (const plan of group) for (const node of plan.nodes) this.#maker.set(node, () => this.#map(group));
    }
    for (const node of this.nodes) if (node.op !== 'write') this.#make(node);
    return {
      inputs: this.graph.inputs.map(this.#get),
      outputs: this.graph.outputs.map(this.#get),
      writes: this.graph.writes.map(
        (w) => new Node('write', w.inputs.map(this.#get), w.attrs as Attributes['write'], [], w.scope),
      ),
    };
  }

  readonly #get = (t: Tensor): Tensor => {
    if (!this.#done.has(t)) this.#make(t.node);
    return this.#done.get(t) as Tensor;
  };

  #make(node: Node): void {
    if (this.#maker.has(node)) {
      // a node whose result stays inside a region has nothing to stand for it
      if (node.outputs.some((t) => this.#done.has(t))) return;
      const make = this.#maker.get(node) as () => void;
      make();
      return;
    }
    if (this.#done.has(node.outputs[0] as Tensor)) return;
    const inputs = node.inputs.map(this.#get);
    this.#settle(node.outputs, rebuild(node, inputs).outputs);
  }

  #settle(old: readonly Tensor[], made: readonly Tensor[]): void {
    old.forEach((t, i) => {
      this.#done.set(t, made[i] as Tensor);
    });
  }

  #finish(plans: readonly Plan[]): void {
    for (const plan of plans) for (const node of plan.nodes) this.#maker.set(node, () => {});
  }

  #map(group: readonly Plan[]): void {
    this.#finish(group);
    const [first] = group as [Plan];
    const outputs = group.flatMap((p) => p.outputs);
    const types: TensorType[] = outputs.map(({ shape, dtype }) => ({ shape, dtype }));
    const inputs = group.flatMap((p) => p.inputs.map(this.#get));
    const [scope = '', ...fused] = scopesOf(group.flatMap((p) => p.nodes));
    const attrs = { program: first.program, segments: group.length };
    this.#settle(outputs, new Node('map', inputs, attrs, types, scope, fused).outputs);
  }

  #epilogue(host: Node, plan: Plan): void {
    this.#finish([plan]);
    this.#maker.set(host, () => {});
    // the product is register 0
    const at = plan.inputs.findIndex((t) => t.node === host);
    const product = host.outputs[0] as Tensor;
    const isRead = this.#uses.consumers.get(product)?.some((c) => !plan.nodes.includes(c)) ?? false;
    const program = moveInputFirst(plan.program, at);
    const epilogue = isRead ? { ...program, outputs: [0, ...program.outputs] } : program;
    const outputs = isRead ? [product, ...plan.outputs] : plan.outputs;
    const extras = plan.inputs.filter((_, i) => i !== at).map(this.#get);
    const inputs = [...host.inputs.map(this.#get), ...extras];
    const types = outputs.map(({ shape, dtype }) => ({ shape, dtype }));
    const attrs = { ...host.attrs, epilogue };
    this.#settle(outputs, new Node(host.op, inputs, attrs, types, host.scope, scopesOf(plan.nodes)).outputs);
  }

  #prologue(host: Node, plan: Plan): void {
    this.#finish([plan]);
    this.#maker.set(host, () => {});
    const { kind, axes } = host.attrs as Attributes['reduce'];
    const made = new Node(
      'reduce',
      plan.inputs.map(this.#get),
      { kind, axes, program: plan.program },
      host.outputs,
      host.scope,
      scopesOf(plan.nodes),
    );
    this.#settle(host.outputs, made.outputs);
  }
}

/** Where nodes came from: most of them first. */
function scopesOf(nodes: readonly Node[]): string[] {
  const counts = new Map<string, number>();
  for (const { scope } of nodes) counts.set(scope, (counts.get(scope) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([scope]) => scope);
}

function moveInputFirst(program: Program, at: number): Program {
  const renumber = (r: number): number => (r === at ? 0 : r < at ? r + 1 : r);
  return {
    ...program,
    steps: program.steps.map((s) => ({ ...s, args: s.args.map(renumber) })),
    outputs: program.outputs.map(renumber),
  };
}
