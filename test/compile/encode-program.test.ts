import { encodeProgram } from '../../lib/compile/encode-program';
import { encoding, opTable } from '../../lib/ir/optable';
import type { Program, Step } from '../../lib/ir/program';
import { Random } from '../helpers/random';

const { stepWords, maxRegisters } = encoding;

/** The words of a program, by name. */
function parse(words: readonly number[]) {
  const [inputs, outputCount, constantCount, registers, stepCount] = words;
  const rest = words.slice(5);
  const steps = rest.slice(outputCount + constantCount);
  expect(steps).toHaveLength(stepCount * stepWords);
  return {
    inputs,
    registers,
    outputs: rest.slice(0, outputCount),
    constants: rest.slice(outputCount, outputCount + constantCount),
    steps: Array.from({ length: stepCount }, (_, i) => steps.slice(i * stepWords, (i + 1) * stepWords)),
  };
}

/** Runs integer additions and subtractions, as numbered registers that may be written again. */
function run(words: readonly number[], inputs: readonly number[]): number[] {
  const program = parse(words);
  const registers = [...inputs, ...program.constants.map((c) => c | 0)];
  for (const [op, dst, args] of program.steps) {
    const [a, b] = [registers[args & 0xff], registers[(args >>> 8) & 0xff]];
    if (a === undefined || b === undefined) throw new Error('reads a register that holds nothing');
    expect(dst).toBeGreaterThanOrEqual(program.inputs + program.constants.length);
    expect(dst).toBeLessThan(program.registers);
    registers[dst] = ((op & 0xff) === opTable.add.code ? a + b : a - b) | 0;
  }
  return program.outputs.map((r) => registers[r]);
}

function define({ steps, outputs, constants }: Program, inputs: readonly number[]): number[] {
  const registers = [...inputs, ...constants.map((c) => c.value)];
  for (const { op, args } of steps) {
    const [a, b] = args.map((r) => registers[r]);
    registers.push((op === 'add' ? a + b : a - b) | 0);
  }
  return outputs.map((r) => registers[r]);
}

function randomProgram(random: Random, length: number, reach: number): Program {
  const inputs = random.int(1, 5);
  const constants = Array.from({ length: random.int(0, 3) }, () => ({ value: random.int(-9, 9), lanes: 'i' as const }));
  const fixed = inputs + constants.length;
  const operand = (i: number) => random.int(Math.max(0, fixed + i - reach), fixed + i - 1);
  const steps = Array.from(
    { length },
    (_, i): Step => ({ op: random.pick(['add', 'sub'] as const), lanes: 'i', args: [operand(i), operand(i)] }),
  );
  const outputs = Array.from({ length: random.int(1, 4) }, () => random.int(0, fixed + length - 1));
  return { inputs, constants, steps, outputs };
}

/** A sum of `count` differences that are all computed before the first is used. */
function manyLive(count: number): Program {
  const made = Array.from({ length: count }, (): Step => ({ op: 'sub', lanes: 'i', args: [0, 0] }));
  const used = Array.from(
    { length: count - 1 },
    (_, i): Step => ({ op: 'add', lanes: 'i', args: [i === 0 ? 1 : count + i, i + 2] }),
  );
  return { inputs: 1, constants: [], steps: [...made, ...used], outputs: [2 * count - 1] };
}

describe('encodeProgram', () => {
  it('writes counts, outputs, constants and steps', () => {
    const program: Program = {
      inputs: 2,
      constants: [
        { value: -0.5, lanes: 'f' },
        { value: -1, lanes: 'i' },
      ],
      steps: [
        { op: 'mul', lanes: 'f', args: [0, 2] },
        { op: 'random', lanes: 'i', args: [1, 3], immediates: [9, 0] },
        { op: 'select', lanes: 'f', args: [5, 4, 0] },
      ],
      outputs: [6, 0],
    };
    expect(encodeProgram(program)).toEqual([
      ...[2, 2, 2, 7, 3],
      ...[6, 0],
      ...[0xbf000000, 0xffffffff],
      ...[opTable.mul.code, 4, 0 | (2 << 8), 0, 0],
      ...[opTable.random.code | (1 << 8), 5, 1 | (3 << 8), 9, 0],
      ...[opTable.select.code, 6, 5 | (4 << 8) | (0 << 16), 0, 0],
    ]);
  });

  it('drops renamings and steps that nobody reads', () => {
    const steps: Step[] = [
      { op: 'castBool', lanes: 'f', args: [0] },
      { op: 'widen', lanes: 'f', args: [1] },
      { op: 'widen', lanes: 'f', args: [2] },
      { op: 'exp', lanes: 'f', args: [0] },
      { op: 'add', lanes: 'f', args: [3, 0] },
    ];
    const words = parse(encodeProgram({ inputs: 1, constants: [], steps, outputs: [5, 2] }));
    expect(words.steps.map(([op, dst, args]) => [op, dst, args])).toEqual([
      [opTable.castBool.code, 1, 0],
      [opTable.add.code, 2, 1 | (0 << 8)],
    ]);
    expect(words.outputs).toEqual([2, 1]);
  });

  it('uses registers again without changing results', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const program = randomProgram(random, random.int(1, 96), random.pick([3, 10, 100]));
      const inputs = Array.from({ length: program.inputs }, () => random.int(-99, 99));
      expect(run(encodeProgram(program), inputs)).toEqual(define(program, inputs));
    }
  });

  it('needs few registers for a long chain', () => {
    const steps = Array.from({ length: 96 }, (_, i): Step => ({ op: 'add', lanes: 'i', args: [i, 0] }));
    const words = encodeProgram({ inputs: 1, constants: [], steps, outputs: [96] });
    expect(parse(words).registers).toBeLessThanOrEqual(3);
    expect(run(words, [1])).toEqual([97]);
  });

  it('takes as many live registers as can be named, and refuses more', () => {
    const most = maxRegisters - 1; // besides the input
    const words = encodeProgram(manyLive(most - 1));
    expect(parse(words).registers).toBeLessThanOrEqual(maxRegisters);
    expect(run(words, [5])).toEqual([0]);
    expect(() => encodeProgram(manyLive(most + 1))).toThrow(`at most ${maxRegisters} can be named`);
  });
});
