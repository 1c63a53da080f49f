import { currentScope, make } from './build.js';
import { Node, type Tensor, type TensorType, type Variable } from './graph.js';
import { opInfo } from './optable.js';

/**
 * The sub-graph of a `scan` node, which has these as
 *
 * - inputs: `constants`, the first value of every carry, a sequence [steps, ...] for every element
 * - outputs: the last value of every carry, the values [steps, ...] of every result
 *
 * Carries and elements stand in the sub-graph as nodes `variable`. Constants are the tensors themselves that the body uses
 * from outside; once a pass has given the node other inputs, they only stand for those.
 */
export class Body {
  #nodes: readonly Node[] | undefined;

  constructor(
    readonly constants: readonly Tensor[],
    readonly carries: readonly Tensor[],
    readonly elements: readonly Tensor[],
    /** What each carry becomes. */
    readonly next: readonly Tensor[],
    /** What is collected. The compiler drops what nobody reads, so everything that a gradient may want is here. */
    readonly results: readonly Tensor[],
  ) {}

  /** Where the sub-graph begins. */
  get parameters(): readonly Tensor[] {
    return [...this.constants, ...this.carries, ...this.elements];
  }

  /** Every node of the sub-graph, producers before consumers. */
  get nodes(): readonly Node[] {
    const borders = new Set(this.parameters);
    this.#nodes ??= nodesBetween([...this.next, ...this.results], (t) => borders.has(t));
    return this.#nodes;
  }

  /** A text that is the same for bodies that compute the same. */
  toJSON(): unknown {
    const names = new Map(this.parameters.map((t, i) => [t, `p${i}`]));
    const lines = this.nodes.map((node, n) => {
      node.outputs.forEach((t, i) => {
        if (!names.has(t)) names.set(t, `n${n}.${i}`);
      });
      return [node.op, node.inputs.map((t) => names.get(t)), node.attrs, node.outputs.map((t) => [t.dtype, t.shape])];
    });
    const name = (t: Tensor) => names.get(t);
    const types = this.parameters.map((t) => [t.dtype, t.shape]);
    return [types, lines, this.next.map(name), this.results.map(name)];
  }
}

/** Nodes that lead to `results`, as far back as the borders, producers before consumers. */
export function nodesBetween(results: readonly Tensor[], isBorder: (t: Tensor) => boolean): Node[] {
  const seen = new Set<Node>();
  const stack = [...results];
  for (let t = stack.pop(); t !== undefined; t = stack.pop()) {
    if (isBorder(t) || seen.has(t.node)) continue;
    seen.add(t.node);
    for (const operand of t.node.inputs) stack.push(operand);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/** What is carried from step to step. */
export interface Carry {
  /** Stands for it in the body. */
  readonly parameter: Tensor;
  readonly initial: Tensor;
  readonly next: Tensor;
}

/** What a step gets of a sequence [steps, ...]. */
export interface Element {
  /** Stands for it in the body. */
  readonly parameter: Tensor;
  readonly sequence: Tensor;
}

export interface Loop {
  readonly steps: number;
  /** From the last element to the first; results stay at the positions of their elements. */
  readonly reverse: boolean;
  readonly carries: readonly Carry[];
  readonly elements: readonly Element[];
  readonly outputs: readonly Tensor[];
}

/** Stands for a carry or an element while a body is traced. */
export const parameter = (name: string, { shape, dtype }: TensorType): Tensor =>
  make('variable', [], { variable: { name, shape, dtype } }, shape, dtype);

/**
 * Makes a `scan` node of a body that has been traced after its parameters were made. What depends on none of them stays
 * outside, where it is computed once.
 */
export function makeScan(loop: Loop): { last: Tensor[]; outputs: Tensor[] } {
  const { steps, reverse, elements, outputs } = loop;
  const parameters = [...loop.carries, ...elements].map((p) => p.parameter);
  const inside = dependents([...loop.carries.map((c) => c.next), ...outputs], parameters);
  const carries = withoutTwins(loop.carries, new Set([...inside.flatMap((node) => node.inputs), ...outputs]));
  const next = carries.map((c) => c.next);
  const nodes = new Set(inside);
  const used = [...inside.flatMap((node) => node.inputs), ...next, ...outputs];
  const constants = [...new Set(used)].filter((t) => !nodes.has(t.node) && !parameters.includes(t));
  // a gradient may want whatever is not cheap to compute again
  const kept = inside.filter((node) => !isCheap(node)).flatMap((node) => node.outputs);
  const states = carries.map((c) => c.parameter);
  const results = [...new Set([...outputs, ...states, ...next, ...kept])];
  const body = new Body(
    constants,
    states,
    elements.map((e) => e.parameter),
    next,
    results,
  );
  const inputs = [...constants, ...carries.map((c) => c.initial), ...elements.map((e) => e.sequence)];
  const stacked = results.map(({ dtype, shape }): TensorType => ({ dtype, shape: [steps, ...shape] }));
  const node = new Node('scan', inputs, { steps, reverse, body }, [...states, ...stacked], currentScope());
  return {
    last: loop.carries.map((c) => node.outputs[next.indexOf(c.next)] as Tensor),
    outputs: outputs.map((t) => node.outputs[states.length + results.indexOf(t)] as Tensor),
  };
}

/** Drops carries that no step reads and that end as another one does: an output that is also the state, for example. */
function withoutTwins(carries: readonly Carry[], read: ReadonlySet<Tensor>): Carry[] {
  const kept = carries.filter((c) => read.has(c.parameter) || carries.some((other) => other.next === c.parameter));
  for (const c of carries) {
    if (!kept.includes(c) && !kept.some((other) => other.next === c.next)) kept.push(c);
  }
  return kept;
}

/** Nodes between parameters and results that depend on a parameter. */
function dependents(results: readonly Tensor[], parameters: readonly Tensor[]): Node[] {
  const found = new Set(parameters.map((t) => t.node));
  // ids grow: what was made before the parameters does not depend on them
  const first = Math.min(...parameters.map((t) => t.node.id));
  const seen = new Set<Node>();
  const stack = results.map((t) => t.node);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.id < first || seen.has(node) || found.has(node)) continue;
    seen.add(node);
    for (const input of node.inputs) stack.push(input.node);
  }
  return [...seen]
    .sort((a, b) => a.id - b.id)
    .filter((node) => {
      const depends = node.inputs.some((t) => found.has(t.node));
      if (depends) found.add(node);
      return depends;
    });
}

function isCheap(node: Node): boolean {
  // its rule speaks of tensors of this body, and could not be moved to another one
  if (node.op === 'customGradient') return false;
  const { kind, costly } = opInfo(node.op);
  return kind === 'view' || (kind === 'scalar' && !costly);
}

/**
 * A part of a loop's memory as the body's graph sees it: a variable whose value is an operand of the `loop` node, or with
 * `row` the part of it that belongs to a step.
 */
export interface Place extends Variable {
  /** Number of the operand: inputs, then outputs. */
  readonly operand: number;
  /** Of the operand's leading axis: the row in the first step, and how far it moves with each step. */
  readonly row?: { readonly first: number; readonly step: 1 | -1 };
}

export const isPlace = (variable: Variable): variable is Place => 'operand' in variable;
export const slides = (variable: Variable): boolean => isPlace(variable) && variable.row !== undefined;

/** Where a carry begins: an input is copied to an output, or to one row of it. */
export interface Start {
  readonly input: number;
  readonly output: number;
  readonly row?: number;
}
