import { fuse } from '../../lib/compile/fuse';
import { lowerLoops } from '../../lib/compile/loops';
import { type ArenaPlan, type BodyPlan, planMemory } from '../../lib/compile/memory';
import { withBodies } from '../../lib/compile/rewrite';
import { memoryOf, type Schedule, schedule } from '../../lib/compile/schedule';
import { simplify } from '../../lib/compile/simplify';
import { legalizeViews, rowMajorStrides, type StridedView } from '../../lib/compile/views';
import { isPlace, type Place } from '../../lib/ir/body';
import {
  type Attributes,
  bytesPerElement,
  type Graph,
  type Node,
  type Tensor,
  type Variable,
} from '../../lib/ir/graph';
import { encoding, opInfo } from '../../lib/ir/optable';

export interface Planned {
  readonly graph: Graph;
  readonly steps: Schedule;
  readonly arena: ArenaPlan;
}

export function planned(graph: Graph): Planned {
  const passes = [lowerLoops, ...[simplify, legalizeViews, (g: Graph) => fuse(g)].map(withBodies)];
  const lowered = passes.reduce((g, pass) => pass(g), graph);
  const steps = schedule(lowered);
  return { graph: lowered, steps, arena: planMemory(steps, lowered.outputs) };
}

/** A piece of the arena, or of a variable. */
type Unit = number | string;

/** The same for the same memory: places of a loop are made anew for every use. */
const nameOf = (variable: Variable): unknown =>
  isPlace(variable) ? `operand ${variable.operand}, row ${variable.row?.first}` : variable;

const bytesOf = (t: Tensor): number => Math.max(1, t.size) * bytesPerElement(t.dtype);

/**
 * Plays a plan back and remembers which tensor every unit of the arena holds, or every word where rows of several take turns:
 * each value must still be there when it is read, and what one instruction writes may lie over what it reads only element by
 * element. State, and the places of loops, must not be read after they got their new value. A loop's body is a plan of its
 * own, which holds a part of the arena while the loop runs.
 */
export function expectSound({ graph, steps: { order, direct, copies }, arena }: Planned): void {
  // more than one: a part of a concatenation that was made in its place is both
  const holders = new Map<Unit, Set<Tensor>>();
  const grain = [...arena.homes.values()].some(({ strides }) => strides !== undefined) ? 4 : encoding.unit;
  /** The variable that a tensor is made in as a part of what is made there. */
  const hostOf = (t: Tensor): Variable | undefined => direct.get(arena.homes.get(t)?.root as Tensor);
  const units = (t: Tensor): Unit[] => {
    const home = arena.homes.get(t);
    const host = hostOf(t);
    const [begin, bytes] =
      host === undefined
        ? [arena.offsets.get(t) as number, arena.bytes]
        : [home?.offset as number, bytesOf(home?.root as Tensor)];
    const strides = home?.strides;
    const aligned = Number.isInteger(begin / (strides === undefined ? encoding.unit : 4));
    if (!aligned || begin + bytesOf(t) > bytes) throw new Error(`bad offset ${begin} of ${bytes}`);
    const further = (starts: number[], n: number, axis: number) =>
      starts.flatMap((start) => Array.from({ length: n }, (_, i) => start + i * (strides?.[axis] as number)));
    const numbers =
      strides === undefined
        ? Array.from({ length: Math.ceil(bytesOf(t) / grain) }, (_, i) => begin / grain + i)
        : t.shape.reduce(further, [begin / grain]);
    return host === undefined ? numbers : numbers.map((unit) => `${host.name} ${nameOf(host)} ${unit}`);
  };
  const isPlaced = (t: Tensor): boolean => arena.offsets.has(t) || hostOf(t) !== undefined;
  const written = new Set<unknown>();
  const expectHeld = (t: Tensor, by: string): void => {
    const { base } = memoryOf(t);
    if (base.node.is('variable')) {
      const { variable } = base.node.attrs as Attributes['variable'];
      if (written.has(nameOf(variable))) throw new Error(`${by} reads ${variable.name} after it was overwritten`);
    }
    if (!isPlaced(base)) return; // state or constant
    for (const unit of units(base)) {
      if (!holders.get(unit)?.has(base))
        throw new Error(`${by} reads ${base.node.op}, but unit ${unit} was overwritten`);
    }
  };
  for (const node of order) {
    for (const input of node.inputs) expectHeld(input, node.op);
    const isInPlace = (input: Tensor): boolean => arena.homes.get(memoryOf(input).base)?.concat === node;
    const inPlace = new Set(node.inputs.filter(isInPlace).flatMap((input) => units(memoryOf(input).base)));
    const segments = node.op === 'map' ? (node.attrs as { segments: number }).segments : 1;
    const segment = (i: number, of: readonly Tensor[]): number => Math.floor((i * segments) / of.length);
    const fresh = new Set<Unit>();
    const body = arena.bodies.get(node);
    if (body !== undefined) {
      if (body.offset % encoding.unit !== 0 || body.offset + body.arena.bytes > arena.bytes)
        throw new Error(`bad offset ${body.offset} of a body in ${arena.bytes}`);
      expectSound({ graph: (node.attrs as Attributes['loop']).body, steps: body.steps, arena: body.arena });
      const first = body.offset / grain;
      for (let unit = first; unit < first + body.arena.bytes / grain; unit++) fresh.add(unit);
      for (const input of node.inputs) {
        const { base } = memoryOf(input);
        if (arena.offsets.has(base) && units(base).some((unit) => fresh.has(unit)))
          throw new Error(`the body of a loop lies over ${base.node.op}, which it reads`);
      }
      for (const unit of fresh) holders.delete(unit);
    }
    node.outputs.forEach((output, o) => {
      const variable = direct.get(output);
      if (variable !== undefined) {
        written.add(nameOf(variable));
        return;
      }
      const host = hostOf(output);
      if (host !== undefined) written.add(nameOf(host));
      for (const unit of units(output)) {
        if (fresh.has(unit)) throw new Error(`two results of ${node.op} share unit ${unit}`);
        fresh.add(unit);
      }
      node.inputs.forEach((input, i) => {
        const view = memoryOf(input);
        if (!isPlaced(view.base) || isInPlace(input)) return;
        const made = units(output);
        if (!units(view.base).some((unit) => made.includes(unit))) return;
        if (body !== undefined) {
          expectRowsReadFirst(node as Node<'loop'>, body, i, o);
          return;
        }
        const elementwise = node.op === 'map' || (opInfo(node.op).epilogue && i >= 2);
        const whole = view.offset === 0 && view.base.size === output.size && view.base.size === input.size;
        const dense = input.shape.reduceRight(
          (stride, n, axis) => (n === 1 || view.strides[axis] === stride ? stride * n : NaN),
          1,
        );
        const same = arena.offsets.get(view.base) === arena.offsets.get(output) && whole && !Number.isNaN(dense);
        if (!elementwise || !same || segment(i, node.inputs) !== segment(o, node.outputs)) {
          throw new Error(`result ${o} of ${node.op} lies over its input ${i}`);
        }
      });
    });
    for (const output of node.outputs) {
      if (direct.has(output)) continue;
      for (const unit of units(output)) {
        if (inPlace.has(unit)) holders.get(unit)?.add(output);
        else holders.set(unit, new Set([output]));
      }
    }
  }
  for (const { value, variable } of copies) {
    expectHeld(value, 'write');
    written.add(nameOf(variable));
  }
  for (const output of graph.outputs) if (output.size > 0) expectHeld(output, 'fetch');
}

/**
 * Plays the steps of a loop that collects an output in the memory of an input: no element of the input may have been written when
 * it is read, except by an instruction that reads it at the very position at which it writes it.
 */
function expectRowsReadFirst(loop: Node<'loop'>, { steps, arena }: BodyPlan, input: number, output: number): void {
  const name = `result ${output} of loop lies over its input ${input}`;
  const whole = memoryOf(loop.inputs[input] as Tensor);
  const made = loop.outputs[output] as Tensor;
  if (whole.offset !== 0 || whole.base.size !== made.size || whole.base.dtype !== made.dtype) throw new Error(name);
  const shape = made.shape.slice(1);
  const size = shape.reduce((product, n) => product * n, 1);
  const operand = loop.inputs.length + output;
  const placeOf = ({ node }: Tensor, direct?: Variable): Place | undefined => {
    const variable = node.is('variable') ? (node.attrs as Attributes['variable']).variable : direct;
    return variable !== undefined && isPlace(variable) ? variable : undefined;
  };
  /** Element numbers in the operand, in the order of a view's elements. */
  const elementsOf = ({ row }: Place, step: number, view: Omit<StridedView, 'base'>): number[] => {
    if (row === undefined) throw new Error(`${name}, which is read as a whole`);
    const further = (starts: number[], n: number, axis: number) =>
      starts.flatMap((start) => Array.from({ length: n }, (_, k) => start + k * (view.strides[axis] as number)));
    return view.shape.reduce(further, [(row.first + step * row.step) * size + view.offset]);
  };
  const written = new Set<number>();
  for (let step = 0; step < (loop.attrs as Attributes['loop']).steps; step++) {
    for (const node of steps.order) {
      const reads = node.inputs.map((t) => {
        const view = memoryOf(t);
        const place = placeOf(view.base);
        return place?.operand === input ? elementsOf(place, step, view) : [];
      });
      for (const element of reads.flat()) {
        if (written.has(element)) throw new Error(`${name}: ${node.op} reads element ${element} after it was written`);
      }
      for (const t of node.outputs) {
        const home = arena.homes.get(t);
        const place = placeOf(t, steps.direct.get(home?.root ?? t));
        if (place?.operand !== operand) continue;
        const strides = home?.strides ?? rowMajorStrides(t.shape);
        const elements = elementsOf(place, step, { offset: (home?.offset ?? 0) / 4, shape: t.shape, strides });
        const position = new Map(elements.map((element, k) => [element, k]));
        for (const [i, read] of reads.entries()) {
          const isEpilogue = opInfo(node.op).epilogue && i >= 2;
          for (const [k, element] of read.entries()) {
            if (!position.has(element)) continue;
            if ((node.op !== 'map' && !isEpilogue) || position.get(element) !== k) {
              throw new Error(`${name}: ${node.op} writes element ${element} before it is read`);
            }
          }
        }
        for (const element of elements) written.add(element);
      }
    }
  }
}

/** The most bytes that are in use at once when nothing is shared in place: no plan needs much more. */
export function liveBytes({ graph, steps: { order, direct }, arena }: Planned): number {
  const last = new Map<Tensor, number>();
  order.forEach((node, i) => {
    for (const t of [...node.outputs, ...node.inputs.map((input) => memoryOf(input).base)]) last.set(t, i);
  });
  for (const t of graph.outputs) last.set(memoryOf(t).base, order.length);
  const live = order.map((_, now) => {
    const made = order.slice(0, now + 1).flatMap((node) => node.outputs);
    const held = made.filter((t) => !direct.has(t) && (last.get(t) as number) >= now);
    return held.reduce((sum, t) => sum + bytesOf(t), arena.bodies.get(order[now])?.arena.bytes ?? 0);
  });
  return Math.max(0, ...live);
}
