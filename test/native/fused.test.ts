// The compiled runs of steps (native/cpu/simd/fused_runs.inc) give the same bits as their steps run one by one. Each run is
// built as a graph from its own text; unfused, every operation is an instruction of its own.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { make } from '../../lib/ir/build';
import type { Graph, HostData, Tensor } from '../../lib/ir/graph';
import { opInfo, type ScalarOp } from '../../lib/ir/optable';
import { loadAddon } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { Random } from '../helpers/random';

interface Step {
  readonly op: ScalarOp;
  readonly stored: boolean;
  /** 't0' and 'u1' are operands, 's0' is the value of step 0. */
  readonly args: readonly string[];
}

const file = path.join(__dirname, '..', '..', 'native', 'cpu', 'simd', 'fused_runs.inc');
const runs = [...readFileSync(file, 'utf8').matchAll(/STEEPEST_FUSED\("([^"]*)",((?:\s*"[^"]*")+)\)/g)].map(
  ([, name = '', strings = '']) => {
    const text = [...strings.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join('');
    return { name, steps: text.split('; ').map(parse) };
  },
);

function parse(text: string): Step {
  const words = text.trim().split(' ');
  const stored = words[0] === 'out';
  const [op, ...args] = stored ? words.slice(1) : words;
  return { op: op as ScalarOp, stored, args };
}

/** The run over n elements; the operands that it names are fed in the order of their numbers. */
function graphOf(steps: readonly Step[], n: number): Graph {
  const names = [...new Set(steps.flatMap((s) => s.args))].filter((a) => !a.startsWith('s'));
  names.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  const conditions = new Set(steps.filter((s) => s.op === 'select').map((s) => s.args[0]));
  const inputs = names.map((name, slot) =>
    make('input', [], { slot }, name.startsWith('u') ? [1] : [n], conditions.has(name) ? 'bool' : 'float32'),
  );
  const operands = new Map(
    names.map((name, i) => {
      const x = inputs[i] as Tensor;
      return [name, name.startsWith('u') && n !== 1 ? make('broadcast', [x], {}, [n], x.dtype) : x];
    }),
  );
  const values: Tensor[] = [];
  for (const { op, args } of steps) {
    const of = args.map((a) => (a.startsWith('s') ? values[Number(a.slice(1))] : operands.get(a)) as Tensor);
    values.push(make(op, of, {}, [n], opInfo(op).predicate ? 'bool' : 'float32'));
  }
  return { inputs, outputs: values.filter((_, s) => steps[s]?.stored), writes: [] };
}

function draw(graph: Graph, random: Random): HostData[] {
  const special = [0, -0, 1, -1, 1e-30, -3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  return graph.inputs.map(({ size, dtype }) => {
    if (dtype === 'bool') return Uint8Array.from({ length: size }, () => random.int(0, 1));
    const number = (): number => (random.uniform() < 0.1 ? random.pick(special) : random.normal());
    return Float32Array.from({ length: size }, number);
  });
}

/** The bits; all NaN are one. */
const bitsOf = (data: HostData): readonly number[] =>
  data instanceof Float32Array
    ? Array.from(new Int32Array(data.buffer), (bits, i) => (Number.isNaN(data[i]) ? 0x7fc00000 : bits))
    : Array.from(data);

const addon = loadAddon();
const { targets, target } = addon.info();
afterAll(() => addon.selectTarget(target));

test('the list of runs was read', () => {
  expect(runs.length).toBeGreaterThan(30);
  expect(runs.map((r) => r.name)).toContain('adam');
});

describe.each(targets)('on %s', (name) => {
  test.each(runs)('$name', ({ steps }) => {
    addon.selectTarget(name);
    for (const n of [1, 3, 16, 37, 2050]) {
      const graph = graphOf(steps, n);
      const feeds = draw(graph, new Random(n));
      const [fused, unfused] = [true, false].map((fuse) => new Executable(graph, { fuse }).run(feeds));
      fused?.forEach((values, i) => {
        expect(bitsOf(values)).toEqual(bitsOf(unfused?.[i] as HostData));
      });
    }
  });
});
