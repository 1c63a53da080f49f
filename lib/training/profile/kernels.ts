import type { InstructionInfo } from '../../compile/index.js';
import { costOf, familyOf, type Operand } from '../../ir/costs.js';
import type { Attributes } from '../../ir/graph.js';
import type { MachineLimits, NativeProfile } from '../../runtime/addon.js';
import { layersOf } from './origins.js';

/** What a step spends on one instruction of its plan, or on a group of them. */
export interface ProfileTotals {
  /** Per step. */
  readonly seconds: number;
  /** Part of the step's time, 0 to 1. */
  readonly share: number;
  /** How often it runs in a step. */
  readonly calls: number;
  /** Floating-point operations of a step: 2 for a multiply-add, 16 for an exponential and its like. */
  readonly flops: number;
  /** Bytes that a step has to read and write for it, each operand once. */
  readonly bytes: number;
  /** What it would take at the machine's limits, the larger of arithmetic and memory. */
  readonly limitSeconds: number;
}

/** An instruction of the plan: a kernel that runs once in each step, or, in a loop, once in each of the loop's. */
export interface KernelProfile extends ProfileTotals {
  /** Number in the plan: '3', and '3.0' for the first instruction of the loop that is number 3. */
  readonly id: string;
  /** 'matmul', 'map' (a fused elementwise program), 'conv', ... A loop's own row has what its body does not account for: all of it, where it is one launch on a GPU. */
  readonly operation: string;
  /** 'product', 'convolution', 'elementwise', ... */
  readonly family: string;
  /**
   * Where it comes from, its main origin first: 'dense_1', 'dense_1 (backward)', 'optimizer adam', 'loss of dense_2';
   * 'step' for what belongs to the step as a whole. Fused kernels have several.
   */
  readonly layers: readonly string[];
  /** '[128, 784] x [784, 256] -> [128, 256]' */
  readonly shapes: string;
}

/**
 * Bytes per second for a kernel with so much to read and write: those of the smallest cache level that has room for it, so
 * that no kernel can be faster. What comes from farther away takes longer.
 */
export function bandwidthFor({ bandwidth }: MachineLimits, bytes: number): number {
  const level = bandwidth.find((l) => bytes <= l.bytes) ?? bandwidth.at(-1);
  return level === undefined ? Number.POSITIVE_INFINITY : Math.max(level.read, level.triad);
}

/** Rows in the order of the plan, loops before their bodies. */
export function kernelsOf(
  instructions: readonly InstructionInfo[],
  { nanoseconds, calls, steps }: NativeProfile,
  limits: MachineLimits,
): KernelProfile[] {
  const stepCount = steps.length;
  const total = steps.reduce((sum, ns) => sum + ns, 0);
  const rows: KernelProfile[] = [];
  let next = 0;
  /** Returns nanoseconds in all. */
  const visit = (list: readonly InstructionInfo[], prefix: string): number =>
    list.reduce((sum, info, i) => {
      const number = next++;
      const id = `${prefix}${i}`;
      const at = rows.length;
      const inside = info.body === undefined ? 0 : visit(info.body.instructions, `${id}.`);
      const all = nanoseconds[number] as number;
      const own = Math.max(0, all - inside);
      const perStep = (calls[number] as number) / stepCount;
      const once = costOf(info);
      const limit = Math.max(once.flops / rateOf(info, limits), once.bytes / bandwidthFor(limits, once.bytes));
      rows.splice(at, 0, {
        id,
        operation: info.op,
        family: familyOf(info.op),
        layers: layersOf(info),
        shapes: shapesOf(info),
        seconds: own / stepCount / 1e9,
        share: own / total,
        calls: perStep,
        flops: once.flops * perStep,
        bytes: once.bytes * perStep,
        limitSeconds: limit * perStep,
      });
      return sum + all;
    }, 0);
  visit(instructions, '');
  return rows;
}

/** Operations per second that the instruction could reach. */
function rateOf({ op, attrs }: InstructionInfo, limits: MachineLimits): number {
  if (op === 'matmulInt8') return limits.int8Ops;
  return (attrs as Attributes['matmul']).precision === 'bfloat16' ? limits.bfloat16Flops : limits.flops;
}

const formatShape = ({ shape }: Operand): string => `[${shape.join(', ')}]`;

function shapesOf({ op, inputs, outputs, body }: InstructionInfo): string {
  if (body !== undefined) return `${body.steps} steps`;
  const family = familyOf(op);
  const [made, ...others] = outputs.map(formatShape);
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  if (family === 'elementwise') return `${made}${more}`;
  const products = family === 'product' || family === 'convolution';
  const read = products
    ? inputs.slice(0, 2).map(formatShape).join(' x ')
    : inputs.slice(0, 2).map(formatShape).join(', ');
  return [read, made === undefined ? '' : `-> ${made}${more}`].join(' ').trim();
}
