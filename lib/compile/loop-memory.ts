import { isPlace, type Place } from '../ir/body.js';
import { type Attributes, type Node, sameShape, type Tensor } from '../ir/graph.js';
import { opInfo } from '../ir/optable.js';
import type { Home } from './joins.js';
import { memoryOf, type Schedule, segmentOf } from './schedule.js';
import { rowMajorStrides, type StridedView } from './views.js';

/** The body of a loop as it will run. */
interface Body {
  readonly steps: Schedule;
  readonly homes: ReadonlyMap<Tensor, Home>;
}

/**
 * Whether the rows that a loop collects can be written over the rows of an input, a sequence that is read for the last time in
 * the loop: both have the same row in every step, and a step writes it when it has read it. Where one instruction does both, it
 * reads each element just before it writes that element.
 *
 * @param input number of the input
 */
export function canWriteOver(loop: Node<'loop'>, input: number, output: Tensor, { steps, homes }: Body): boolean {
  const { starts } = loop.attrs as Attributes['loop'];
  if (starts.some((start) => start.input === input || start.output === output.index)) return false;
  const written = loop.inputs.length + output.index;
  const [made, place] = [...steps.direct].find(([, v]) => isPlace(v) && v.operand === written) ?? [];
  if (made === undefined || !sameShape(place?.shape ?? [], output.shape.slice(1))) return false;
  const parts = [made, ...[...homes].filter(([, home]) => home.root === made).map(([t]) => t)];
  const time = new Map(steps.order.map((node, i) => [node, i]));
  const first = Math.min(...parts.map((t) => time.get(t.node) as number));

  for (const [now, node] of steps.order.entries()) {
    for (const [i, t] of node.inputs.entries()) {
      const source = placeOf(t);
      if (source?.operand === written) return false;
      if (source?.operand !== input) continue;
      if (!sameRow(source, place as Place) || now > first) return false;
      if (now === first && !parts.every((part) => readsBefore(node, i, part, homes.get(part)))) return false;
    }
  }
  return !steps.copies.some(({ value }) => [input, written].includes(placeOf(value)?.operand ?? -1));
}

function placeOf(t: Tensor): Place | undefined {
  const { node } = memoryOf(t).base;
  if (!node.is('variable')) return undefined;
  const { variable } = node.attrs as Attributes['variable'];
  return isPlace(variable) ? variable : undefined;
}

const sameRow = (a: Place, b: Place): boolean =>
  a.row !== undefined && a.row.first === b.row?.first && a.row.step === b.row.step && sameShape(a.shape, b.shape);

/** Whether an instruction reads what an input shows before it, or any other, writes a part there. */
function readsBefore(node: Node, input: number, part: Tensor, home: Home | undefined): boolean {
  if (part.node !== node) return part.node.is('concat') && home === undefined; // all parts of which are made in it
  const elementwise = node.op === 'map' || (opInfo(node.op).epilogue && input >= 2);
  if (!elementwise || segmentOf(node, 'inputs', input) !== segmentOf(node, 'outputs', part.index)) return false;
  const offset = (home?.offset ?? 0) / 4;
  const strides = home?.strides ?? rowMajorStrides(part.shape);
  return together(memoryOf(node.inputs[input] as Tensor), { offset, shape: part.shape, strides });
}

/** Whether two views show the same elements at the same positions, or different columns of the same rows. */
function together(a: Omit<StridedView, 'base'>, b: Omit<StridedView, 'base'>): boolean {
  if (!sameShape(a.shape, b.shape) || !sameShape(a.strides, b.strides)) return false;
  if (a.offset === b.offset) return true;
  const columns = a.shape.at(-1) ?? 0;
  const pitch = a.strides.at(-2);
  if (
    pitch === undefined ||
    a.strides.at(-1) !== 1 ||
    a.strides.some((s, i) => i < a.strides.length - 1 && s % pitch)
  ) {
    return false;
  }
  const [first, second] = [a.offset % pitch, b.offset % pitch];
  return Math.abs(first - second) >= columns && Math.max(first, second) + columns <= pitch;
}
