import { constantValue } from '../ir/build.js';
import type { Attributes, Node, Tensor } from '../ir/graph.js';
import { isScalar, opInfo, type ScalarOp } from '../ir/optable.js';
import type { Constant, Program, Step } from '../ir/program.js';
import type { Uses } from './rewrite.js';

/** Elementwise nodes that run together, all of one shape, producers first. */
export interface Region {
  readonly nodes: readonly Node[];
  readonly level: number;
  /** Regions of one stage do not depend on each other: the level, and which piece of a region that was cut. */
  readonly stage: string;
}

/** What a region reads and stores, and the program in between. */
export interface RegionProgram {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly program: Program;
}

/** Regions larger than this are cut: registers of a tile must stay in the nearest cache. */
export const maxSteps = 96;

/** Whether a node computes each element of its results from the same element of its operands: an operation, or a program. */
export const isElementwise = ({ op }: Node): boolean => isScalar(op) || op === 'map';

/** Steps that a node takes in a program. */
export const stepsOf = (node: Node): number => (node.is('map') ? node.attrs.program.steps.length : 1);

/** Registers that steps of a node have to themselves, beside those of its operands and results. */
export const ownRegistersOf = (node: Node): number =>
  node.is('map') ? node.attrs.program.constants.length + stepsOf(node) - node.outputs.length : 0;

/** Whether anybody outside of a region reads a tensor. */
export const isStored = (t: Tensor, inside: ReadonlySet<Node>, { consumers, fetched }: Uses): boolean =>
  fetched.has(t) || (consumers.get(t) ?? []).some((consumer) => !inside.has(consumer));

/** Writes the program of a region. */
export function programOf(nodes: readonly Node[], uses: Uses): RegionProgram {
  const inside = new Set(nodes);
  const inputs: Tensor[] = [];
  const constants: Constant[] = [];
  const known = ({ value, lanes }: Constant): Constant => {
    const found = constants.find((c) => c.lanes === lanes && Object.is(c.value, value));
    if (found !== undefined) return found;
    const added = { value, lanes };
    constants.push(added);
    return added;
  };
  // two passes: registers of inputs and constants come before those of the steps
  const external = new Map<Tensor, number | Constant>();
  for (const node of nodes) {
    for (const t of node.inputs) {
      if (inside.has(t.node) || external.has(t)) continue;
      const value = constantValue(t);
      if (value === undefined || opInfo(node.op).positional) {
        external.set(t, inputs.length);
        inputs.push(t);
      } else {
        external.set(t, known({ value, lanes: t.dtype === 'int32' ? 'i' : 'f' }));
      }
    }
    if (node.is('map')) node.attrs.program.constants.forEach(known);
  }
  const constantAt = (constant: Constant): number => inputs.length + constants.indexOf(constant);
  const registers = new Map<Tensor, number>();
  for (const [t, where] of external) registers.set(t, typeof where === 'number' ? where : constantAt(where));
  const steps: Step[] = [];
  const add = (step: Step): number => inputs.length + constants.length + steps.push(step) - 1;
  for (const node of nodes) {
    const operands = node.inputs.map((t) => registers.get(t) as number);
    if (node.is('map')) {
      const { program } = node.attrs;
      const own = [...operands, ...program.constants.map((c) => constantAt(known(c)))];
      for (const step of program.steps) own.push(add({ ...step, args: step.args.map((r) => own[r] as number) }));
      for (const t of node.outputs) registers.set(t, own[program.outputs[t.index] as number] as number);
    } else {
      registers.set(node.outputs[0] as Tensor, add(stepOf(node, operands)));
    }
  }
  const outputs = nodes.flatMap((node) => node.outputs).filter((t) => isStored(t, inside, uses));
  const program = { inputs: inputs.length, constants, steps, outputs: outputs.map((t) => registers.get(t) as number) };
  return { inputs, outputs, program };
}

function stepOf(node: Node, args: readonly number[]): Step {
  const op = node.op as ScalarOp;
  const typed = node.inputs[node.inputs.length - 1];
  const lanes = typed?.dtype === 'int32' || op === 'iota' ? 'i' : 'f';
  return { op, lanes, args, ...immediates(node) };
}

function immediates(node: Node): { immediates: [number, number] } | undefined {
  if (node.is('random')) return { immediates: [(node.attrs as Attributes['random']).stream, 0] };
  if (!node.is('iota')) return undefined;
  const { inner, size } = node.attrs as Attributes['iota'];
  return { immediates: [inner, size] };
}
