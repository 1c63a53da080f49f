import { fuse } from '../../lib/compile/fuse';
import { type ArenaPlan, planMemory } from '../../lib/compile/memory';
import { memoryOf, type Schedule, schedule } from '../../lib/compile/schedule';
import { simplify } from '../../lib/compile/simplify';
import { bytesPerElement } from '../../lib/compile/state-layout';
import { legalizeViews } from '../../lib/compile/views';
import type { Graph, Tensor } from '../../lib/ir/graph';
import { encoding, opInfo } from '../../lib/ir/optable';

export interface Planned {
  readonly graph: Graph;
  readonly steps: Schedule;
  readonly arena: ArenaPlan;
}

export function planned(graph: Graph): Planned {
  const lowered = fuse(legalizeViews(simplify(graph)));
  const steps = schedule(lowered);
  return { graph: lowered, steps, arena: planMemory(steps, lowered.outputs) };
}

const bytesOf = (t: Tensor): number => Math.max(1, t.size) * bytesPerElement(t.dtype);

/**
 * Plays a plan back and remembers which tensor every unit of the arena holds, or every word where rows of several take turns:
 * each value must still be there when it is read, and what one instruction writes may lie over what it reads only element by
 * element.
 */
export function expectSound({ graph, steps: { order, direct, copies }, arena }: Planned): void {
  // more than one: a part of a concatenation that was made in its place is both
  const holders = new Map<number, Set<Tensor>>();
  const grain = [...arena.homes.values()].some(({ strides }) => strides !== undefined) ? 4 : encoding.unit;
  const units = (t: Tensor): number[] => {
    const begin = arena.offsets.get(t) as number;
    const strides = arena.homes.get(t)?.strides;
    const aligned = Number.isInteger(begin / (strides === undefined ? encoding.unit : 4));
    if (!aligned || begin + bytesOf(t) > arena.bytes) throw new Error(`bad offset ${begin} of ${arena.bytes}`);
    if (strides === undefined) {
      return Array.from({ length: Math.ceil(bytesOf(t) / grain) }, (_, i) => begin / grain + i);
    }
    const further = (starts: number[], n: number, axis: number) =>
      starts.flatMap((start) => Array.from({ length: n }, (_, i) => start + i * (strides[axis] as number)));
    return t.shape.reduce(further, [begin / grain]);
  };
  const expectHeld = (t: Tensor, by: string): void => {
    const { base } = memoryOf(t);
    if (!arena.offsets.has(base)) return; // state or constant
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
    const fresh = new Set<number>();
    node.outputs.forEach((output, o) => {
      if (direct.has(output)) return;
      for (const unit of units(output)) {
        if (fresh.has(unit)) throw new Error(`two results of ${node.op} share unit ${unit}`);
        fresh.add(unit);
      }
      node.inputs.forEach((input, i) => {
        const view = memoryOf(input);
        const begin = arena.offsets.get(view.base);
        if (begin === undefined || isInPlace(input) || !units(view.base).some((unit) => units(output).includes(unit)))
          return;
        const elementwise = node.op === 'map' || (opInfo(node.op).epilogue && i >= 2);
        const whole = view.offset === 0 && view.base.size === output.size && view.base.size === input.size;
        const dense = input.shape.reduceRight(
          (stride, n, axis) => (n === 1 || view.strides[axis] === stride ? stride * n : NaN),
          1,
        );
        const same = begin === arena.offsets.get(output) && whole && !Number.isNaN(dense);
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
  for (const { value } of copies) expectHeld(value, 'write');
  for (const output of graph.outputs) if (output.size > 0) expectHeld(output, 'fetch');
}

/** The most bytes that are in use at once when nothing is shared in place: no plan needs much more. */
export function liveBytes({ graph, steps: { order, direct } }: Planned): number {
  const last = new Map<Tensor, number>();
  order.forEach((node, i) => {
    for (const t of [...node.outputs, ...node.inputs.map((input) => memoryOf(input).base)]) last.set(t, i);
  });
  for (const t of graph.outputs) last.set(memoryOf(t).base, order.length);
  const live = order.map((_, now) => {
    const made = order.slice(0, now + 1).flatMap((node) => node.outputs);
    return made.filter((t) => !direct.has(t) && (last.get(t) as number) >= now).reduce((sum, t) => sum + bytesOf(t), 0);
  });
  return Math.max(0, ...live);
}
