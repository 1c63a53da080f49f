// The float64 reference of scalar operations and programs.
import type { Attributes, Node } from './graph.js';
import type { ScalarOp } from './optable.js';
import { uniforms } from './philox.js';
import type { Program, Step } from './program.js';
import { fill } from './reference-arrays.js';
import { evaluateScalar } from './scalar.js';

function step(
  op: ScalarOp,
  lanes: 'f' | 'i',
  args: readonly number[],
  immediates: readonly number[],
  at: number,
): number {
  if (op === 'random') return uniforms(1, args[0], immediates[0], args[1], at)[0];
  if (op === 'iota') return Math.floor(at / immediates[0]) % immediates[1];
  return evaluateScalar(op, lanes, args);
}

export function scalarOperation(node: Node, x: readonly Float64Array[]): Float64Array {
  const y = node.outputs[0];
  const lanes = node.inputs.at(-1)?.dtype === 'int32' ? 'i' : 'f';
  let immediates: readonly number[] = [];
  if (node.is('random')) immediates = [(node.attrs as Attributes['random']).stream];
  if (node.is('iota')) {
    const { inner, size } = node.attrs as Attributes['iota'];
    immediates = [inner, size];
  }
  return fill(y.size, (at) =>
    step(
      node.op as ScalarOp,
      lanes,
      x.map((values) => values[at]),
      immediates,
      at,
    ),
  );
}

/** The outputs of a program for one element. */
export function runProgram(program: Program, inputs: readonly number[], at: number): number[] {
  const registers = [...inputs, ...program.constants.map((c) => c.value)];
  for (const { op, lanes, args, immediates } of program.steps as readonly Step[]) {
    const operands = args.map((r) => registers[r]);
    registers.push(step(op, lanes, operands, immediates ?? [], at));
  }
  return program.outputs.map((r) => registers[r]);
}

export function map(node: Node, x: readonly Float64Array[]): Float64Array[] {
  const { program, segments } = node.attrs as Attributes['map'];
  const results = node.outputs.map((t) => new Float64Array(t.size));
  const perSegment = program.outputs.length;
  for (let s = 0; s < segments; s++) {
    const inputs = x.slice(s * program.inputs, (s + 1) * program.inputs);
    const outputs = results.slice(s * perSegment, (s + 1) * perSegment);
    for (let at = 0; at < outputs[0].length; at++) {
      const values = runProgram(
        program,
        inputs.map((v) => v[at]),
        at,
      );
      outputs.forEach((out, k) => {
        out[at] = values[k];
      });
    }
  }
  return results;
}
