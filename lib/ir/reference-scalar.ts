// The float64 reference of scalar operations and programs.
import type { Attributes, Node } from './graph.js';
import type { ScalarOp } from './optable.js';
import { uniforms } from './philox.js';
import type { Program } from './program.js';
import { fill } from './reference-arrays.js';
import { scalarFunction } from './scalar.js';

/** An operation on each of `size` elements. */
function elementwise(
  op: ScalarOp,
  lanes: 'f' | 'i',
  args: readonly Float64Array[],
  immediates: readonly number[],
  size: number,
): Float64Array {
  if (op === 'random') {
    const [seeds, counters] = args;
    return fill(size, (at) => uniforms(1, seeds[at], immediates[0], counters[at], at)[0]);
  }
  if (op === 'iota') return fill(size, (at) => Math.floor(at / immediates[0]) % immediates[1]);
  const f = scalarFunction(op, lanes);
  // a function does not look at more operands than its operation has
  const [a, b = a, c = a] = args;
  const out = new Float64Array(size);
  for (let at = 0; at < size; at++) out[at] = f(a[at], b[at], c[at]);
  return out;
}

export function scalarOperation(node: Node, x: readonly Float64Array[]): Float64Array {
  const lanes = node.inputs.at(-1)?.dtype === 'int32' ? 'i' : 'f';
  let immediates: readonly number[] = [];
  if (node.is('random')) immediates = [(node.attrs as Attributes['random']).stream];
  if (node.is('iota')) {
    const { inner, size } = node.attrs as Attributes['iota'];
    immediates = [inner, size];
  }
  return elementwise(node.op as ScalarOp, lanes, x, immediates, node.outputs[0].size);
}

/** The outputs of a program, each step of it on all of `size` elements. */
export function runProgram(program: Program, inputs: readonly Float64Array[], size: number): Float64Array[] {
  const registers = [...inputs, ...program.constants.map((c) => new Float64Array(size).fill(c.value))];
  for (const { op, lanes, args, immediates } of program.steps) {
    const operands = args.map((r) => registers[r]);
    registers.push(elementwise(op, lanes, operands, immediates ?? [], size));
  }
  return program.outputs.map((r) => registers[r]);
}

export function map(node: Node, x: readonly Float64Array[]): Float64Array[] {
  const { program, segments } = node.attrs as Attributes['map'];
  const perSegment = program.outputs.length;
  return Array.from({ length: segments }, (_, s) => {
    const inputs = x.slice(s * program.inputs, (s + 1) * program.inputs);
    return runProgram(program, inputs, node.outputs[s * perSegment].size);
  }).flat();
}
