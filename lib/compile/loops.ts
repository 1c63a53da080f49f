import { nodesBetween, type Place, type Start } from '../ir/body.js';
import { broadcastTo, constantValue, hostArray, make } from '../ir/build.js';
import { type Attributes, type Graph, Node, type Tensor, type TensorType, topological } from '../ir/graph.js';
import { concatenate, reshape, sliceAxis } from '../ir/ops/shape.js';
import { isView } from '../ir/optable.js';
import { findJoined } from './loop-results.js';
import { rebuild, rewrite } from './rewrite.js';

/**
 * Turns every `scan` into a `loop`: a graph that works on places in memory, as a step works on its state.
 *
 * What nobody reads is dropped: results, carries that lead nowhere, inputs of those. A carry lives in one place, or, when
 * its values are collected too, in the rows of a trail [steps + 1, ...]: each step reads one row and writes the next, so
 * that nothing is copied. Views of constants and repeated elements move into the body, where they are free.
 */
export function lowerLoops(graph: Graph): Graph {
  // the graph itself says that it has none
  if (!topological(graph).some((node) => node.is('scan'))) return graph;
  const parts = findLive(graph);
  return rewrite(graph, (node, inputs) => {
    const part = node.is('scan') ? parts.get(node) : undefined;
    if (part === undefined) return node.is('scan') ? node.outputs : rebuild(node, inputs).outputs;
    const made = new LoopBuilder(node as Node<'scan'>, inputs, part).build();
    return node.outputs.map((t, i) => made[i] ?? empty(t));
  });
}

/** A tensor without elements. */
const empty = ({ shape, dtype }: TensorType): Tensor =>
  make('constant', [], { data: hostArray(dtype, []) }, shape, dtype);

/** What of a scan is needed. */
interface Part {
  /** Carries, by number. */
  readonly carries: readonly number[];
  /** Results, by number. */
  readonly results: readonly number[];
  /** Parameters of the body. */
  readonly used: ReadonlySet<Tensor>;
}

/** Walks from the results of the graph to its sources. */
function findLive(graph: Graph): Map<Node, Part> {
  const live = new Set<Tensor>([...graph.outputs, ...graph.writes.flatMap((w) => w.inputs)]);
  const parts = new Map<Node, Part>();
  for (const node of topological(graph).toReversed()) {
    if (!node.outputs.some((t) => live.has(t))) continue;
    if (!node.is('scan')) {
      for (const t of node.inputs) live.add(t);
      continue;
    }
    const part = findPart(node, live);
    parts.set(node, part);
    const { parameters, constants } = (node.attrs as Attributes['scan']).body;
    const carried = new Set(part.carries.map((i) => constants.length + i));
    node.inputs.forEach((t, i) => {
      if (part.used.has(parameters[i] as Tensor) || carried.has(i)) live.add(t);
    });
  }
  return parts;
}

function findPart(node: Node<'scan'>, live: ReadonlySet<Tensor>): Part {
  const { carries, results, next, parameters } = (node.attrs as Attributes['scan']).body;
  const isLive = (t: Tensor | undefined): boolean => t !== undefined && t.size > 0 && live.has(t);
  const collected = [...results.keys()].filter((i) => isLive(node.outputs[carries.length + i]));
  const needed = new Set([...carries.keys()].filter((i) => isLive(node.outputs[i])));
  const borders = new Set(parameters);
  const reach = (): Set<Tensor> => {
    const roots = [...collected.map((i) => results[i]), ...[...needed].map((i) => next[i])] as Tensor[];
    const nodes = nodesBetween(roots, (t) => borders.has(t));
    return new Set([...roots, ...nodes.flatMap((n) => n.inputs)].filter((t) => borders.has(t)));
  };
  let used = reach();
  for (let size = -1; size !== needed.size; used = reach()) {
    size = needed.size;
    for (const [i, t] of carries.entries()) if (t.size > 0 && used.has(t)) needed.add(i);
  }
  return { carries: [...needed], results: collected, used };
}

class LoopBuilder {
  readonly #inputs: Tensor[] = [];
  readonly #types: TensorType[] = [];
  readonly #starts: Start[] = [];
  /** What stands in the loop's body for a tensor of the scan's. */
  readonly #inside = new Map<Tensor, Tensor>();
  /** Variables of the inputs that are read as a whole. */
  readonly #whole = new Map<Tensor, Tensor>();
  /** Variables of the inputs that are read by rows. */
  readonly #rows = new Map<Tensor, Tensor>();
  readonly #attrs: Attributes['scan'];

  constructor(
    readonly scan: Node<'scan'>,
    /** Of the scan. */
    readonly given: readonly Tensor[],
    readonly part: Part,
  ) {
    this.#attrs = scan.attrs as Attributes['scan'];
  }

  /** What stands for the outputs of the scan; nothing for those that are not needed, or have no elements. */
  build(): (Tensor | undefined)[] {
    const { steps, reverse, body } = this.#attrs;
    const { constants, carries, elements, next, results } = body;
    const { part, given } = this;
    const states = constants.length + carries.length;
    constants.forEach((t, i) => {
      if (part.used.has(t)) this.#inside.set(t, this.#constant(given[i] as Tensor));
    });
    elements.forEach((t, i) => {
      if (part.used.has(t)) this.#inside.set(t, this.#element(given[states + i] as Tensor, t));
    });
    const initial = part.carries.map((i) => this.#inputs.push(given[constants.length + i] as Tensor) - 1);
    const isCollected = (t: Tensor | undefined): boolean => part.results.some((i) => results[i] === t);

    const values: [Tensor, Place][] = [];
    const isTrail = new Map<number, boolean>();
    part.carries.forEach((i, k) => {
      const state = carries[i] as Tensor;
      const after = next[i] as Tensor;
      const trail = isCollected(state) || (isCollected(after) && !values.some(([t]) => t === after));
      isTrail.set(i, trail);
      const [from, to] = reverse ? [steps, steps - 1] : [0, 1];
      const output = this.#output(state, trail ? steps + 1 : undefined);
      const place = (first: number) => this.#place(state, output, trail ? first : undefined);
      const now = place(from);
      this.#inside.set(state, read(now));
      values.push([after, trail ? place(to) : now]);
      this.#starts.push({ input: initial[k] as number, output, ...(trail ? { row: from } : {}) });
    });
    /** A trail whose rows are the values of a result, and the first of those. */
    const trailOf = (t: Tensor | undefined): { output: number; first: number } | undefined => {
      const output = part.carries.findIndex((i) => isTrail.get(i) && (carries[i] === t || next[i] === t));
      if (output < 0) return undefined;
      const isBefore = carries[part.carries[output] as number] === t;
      return { output, first: isBefore === reverse ? 1 : 0 };
    };
    const stacked = new Map<number, { output: number; first?: number; column?: number }>();
    const collect = (t: Tensor): number => {
      const output = this.#output(t, steps);
      values.push([t, this.#place(t, output, reverse ? steps - 1 : 0)]);
      return output;
    };
    for (const i of part.results) {
      const trail = trailOf(results[i]);
      if (trail !== undefined) stacked.set(i, trail);
    }
    const others = part.results.filter((i) => !stacked.has(i));
    const used = elements.filter((t) => part.used.has(t));
    for (const joined of findJoined(others, results, used)) {
      const output = collect(concatenate(joined.map((i) => results[i] as Tensor)));
      let column = 0;
      for (const i of joined) {
        stacked.set(i, { output, column });
        column += (results[i] as Tensor).shape.at(-1) as number;
      }
    }
    for (const i of others) if (!stacked.has(i)) stacked.set(i, { output: collect(results[i] as Tensor) });

    const attrs = { steps, body: this.#body(values), starts: this.#starts };
    const made = new Node('loop', this.#inputs, attrs, this.#types, this.scan.scope).outputs;
    const last = (i: number): Tensor | undefined => {
      const output = part.carries.indexOf(i);
      const t = made[output];
      if (t === undefined || !isTrail.get(part.carries[output] as number)) return t;
      const row = reverse ? 0 : steps;
      return reshape(sliceAxis(t, 0, row, row + 1), t.shape.slice(1));
    };
    return [
      ...carries.map((_, i) => last(i)),
      ...results.map((_, i) => {
        const found = stacked.get(i);
        if (found === undefined) return undefined;
        const { output, first, column } = found;
        const t = made[output] as Tensor;
        if (first !== undefined) return sliceAxis(t, 0, first, first + steps);
        const { shape } = results[i] as Tensor;
        return column === undefined ? t : sliceAxis(t, shape.length, column, column + (shape.at(-1) as number));
      }),
    ];
  }

  /** The graph of a step: values are written to their places. */
  #body(values: readonly [Tensor, Place][]): Graph {
    const { inputs, outputs } = this.#close(values.map(([t]) => t));
    const writes = values.map(
      ([, variable], i) => new Node('write', [outputs[i] as Tensor], { variable }, [], this.scan.scope),
    );
    return lowerLoops({ inputs, outputs: [], writes });
  }

  /** The results of the body in terms of places. */
  #close(results: readonly Tensor[]): { inputs: Tensor[]; outputs: Tensor[] } {
    const current = (t: Tensor): Tensor => this.#inside.get(t) ?? t;
    for (const t of this.#attrs.body.carries) if (t.size === 0) this.#inside.set(t, empty(t));
    for (const node of nodesBetween(results, (t) => this.#inside.has(t))) {
      const made = rebuild(node, node.inputs.map(current));
      node.outputs.forEach((t, i) => {
        this.#inside.set(t, made.outputs[i] as Tensor);
      });
    }
    return { inputs: [], outputs: results.map(current) };
  }

  #output({ shape, dtype }: Tensor, rows: number | undefined): number {
    return this.#types.push({ shape: rows === undefined ? shape : [rows, ...shape], dtype }) - 1;
  }

  /** A place in an output. */
  #place({ shape, dtype }: Tensor, output: number, first: number | undefined): Place {
    const name = `output ${output} of a loop`;
    const operand = this.#inputs.length + output;
    return { name, shape, dtype, operand, ...(first === undefined ? {} : { row: { first, step: this.#direction } }) };
  }

  get #direction(): 1 | -1 {
    return this.#attrs.reverse ? -1 : 1;
  }

  #constant(t: Tensor): Tensor {
    if (t.size === 0) return empty(t);
    if (t.node.op === 'constant' || constantValue(t) !== undefined) return t;
    if (isView(t.node.op)) {
      const origin = this.#constant(t.node.inputs[0] as Tensor);
      return t.node.op === 'customGradient' ? origin : (rebuild(t.node, [origin]).outputs[0] as Tensor);
    }
    let known = this.#whole.get(t);
    if (known === undefined) {
      const operand = this.#inputs.push(t) - 1;
      const place: Place = { name: `input ${operand} of a loop`, shape: t.shape, dtype: t.dtype, operand };
      known = read(place);
      this.#whole.set(t, known);
    }
    return known;
  }

  #element(sequence: Tensor, { shape, dtype }: TensorType): Tensor {
    if (sequence.size === 0) return empty({ shape, dtype });
    const repeated = this.#repeated(sequence);
    if (repeated !== undefined) return broadcastTo(this.#constant(repeated), shape);
    const origin = sliceOfRows(sequence);
    if (origin !== undefined) {
      const { start, step } = sequence.node.attrs as Attributes['slice'];
      const row = this.#element(origin, { shape: origin.shape.slice(1), dtype });
      return make('slice', [row], { start: start.slice(1), step: step.slice(1) }, shape, dtype);
    }
    const known = this.#rows.get(sequence);
    if (known !== undefined) return known;
    const operand = this.#inputs.push(sequence) - 1;
    const row = { first: this.#attrs.reverse ? this.#attrs.steps - 1 : 0, step: this.#direction };
    const made = read({ name: `input ${operand} of a loop`, shape, dtype, operand, row });
    this.#rows.set(sequence, made);
    return made;
  }

  /** What a sequence repeats in every step. */
  #repeated(sequence: Tensor): Tensor | undefined {
    if (sequence.node.op !== 'broadcast') return undefined;
    const origin = sequence.node.inputs[0] as Tensor;
    if (origin.rank < sequence.rank) return origin;
    return origin.shape[0] === 1 && this.#attrs.steps > 1 ? reshape(origin, origin.shape.slice(1)) : undefined;
  }
}

/** What a sequence takes the same part of in every step. */
function sliceOfRows({ node, shape }: Tensor): Tensor | undefined {
  if (!node.is('slice')) return undefined;
  const { start, step } = node.attrs as Attributes['slice'];
  const origin = node.inputs[0] as Tensor;
  return start[0] === 0 && step[0] === 1 && shape[0] === origin.shape[0] ? origin : undefined;
}

const read = (variable: Place): Tensor => make('variable', [], { variable }, variable.shape, variable.dtype);
