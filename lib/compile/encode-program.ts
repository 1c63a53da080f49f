import { encoding, opTable } from '../ir/optable.js';
import type { Program, Step } from '../ir/program.js';

const bits = new DataView(new ArrayBuffer(4));

/** A number as it lies in memory. */
export function constantBits(value: number, lanes: 'f' | 'i'): number {
  if (lanes === 'i') bits.setInt32(0, value);
  else bits.setFloat32(0, value);
  return bits.getUint32(0);
}

/**
 * A program as words. Steps that only rename (a bool read as a number) vanish, and registers of values that nobody reads
 * any more are used again, so that a tile's working set stays small.
 *
 * @throws Error when more registers are live at once than an instruction can name
 */
export function encodeProgram(program: Program): number[] {
  const fixed = program.inputs + program.constants.length;
  const alias = program.steps.map((s, i) => (s.op === 'widen' ? (s.args[0] as number) : fixed + i));
  const real = (r: number): number => {
    let v = r;
    while (v >= fixed && alias[v - fixed] !== v) v = alias[v - fixed] as number;
    return v;
  };
  const lastUse = new Map<number, number>();
  program.steps.forEach((s, i) => {
    for (const a of s.args) lastUse.set(real(a), i);
  });
  for (const r of program.outputs) lastUse.set(real(r), Number.POSITIVE_INFINITY);

  const physical = new Map<number, number>();
  for (let r = 0; r < fixed; r++) physical.set(r, r);
  const free: number[] = [];
  let registers = fixed;
  const steps: number[] = [];
  let count = 0;
  program.steps.forEach((step, i) => {
    const r = fixed + i;
    if (real(r) !== r || !lastUse.has(r)) return;
    const args = step.args.map((a) => physical.get(real(a)) as number);
    const dst = free.pop() ?? registers++;
    physical.set(r, dst);
    // freed after the destination is chosen: a step never writes a register that it reads
    for (const a of new Set(step.args.map(real)))
      if (a >= fixed && lastUse.get(a) === i) free.push(physical.get(a) as number);
    steps.push(...encodeStep(step, dst, args));
    count++;
  });
  if (registers > encoding.maxRegisters) {
    throw new Error(
      `internal: a fused program needs ${registers} registers, at most ${encoding.maxRegisters} can be named`,
    );
  }
  const outputs = program.outputs.map((r) => physical.get(real(r)) as number);
  const constants = program.constants.map((c) => constantBits(c.value, c.lanes));
  return [program.inputs, outputs.length, constants.length, registers, count, ...outputs, ...constants, ...steps];
}

function encodeStep({ op, lanes, immediates }: Step, dst: number, args: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0] = args;
  const [first, second] = immediates ?? [0, 0];
  return [opTable[op].code | (encoding.lanes[lanes] << 8), dst, a | (b << 8) | (c << 16), first >>> 0, second >>> 0];
}
