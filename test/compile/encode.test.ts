import { compile, StateLayout } from '../../lib/compile/index';
import { printPlan } from '../../lib/compile/print';
import { tensor } from '../../lib/ir/build';
import type { Graph } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { cases } from '../helpers/cases';
import { fed } from '../helpers/evaluate';
import { graphOf, randomProblem } from '../helpers/graphs';
import { problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { read, variable, write } from '../helpers/stateful';

/** The plan as text, which must be the same on both sides; the addon validates what it prints. */
function text(graph: Graph, layout = new StateLayout(), fuse = true): string {
  const { words } = compile(graph, layout, { fuse });
  const printed = printPlan(words);
  expect(loadAddon().printPlan(words)).toBe(printed);
  return printed;
}

describe('encode', () => {
  it('writes feeds, a program and fetches', () => {
    const x = fed(0, [32, 7]);
    expect(text(graphOf([x], [ops.multiply(ops.exp(x), 3)]))).toBe(`\
plan arena=896 state=0 constants=0
feed 0 float32[32, 7]
fetch 0 float32[32, 7]
0 feed 0 -> arena+0 float32[32, 7]
1 map 1 (arena+0 float32[32, 7]) -> arena+0 float32[32, 7] { r1 = 0x40400000; r2 = exp.f r0; r3 = mul.f r2 r1; return r3 }
2 fetch 0 (arena+0 float32[32, 7])
`);
  });

  it('computes into state, reads constants in place, and packs small variables', () => {
    const [w, n] = [variable('w', [4, 4]), variable('n', [], 'int32')];
    const layout = new StateLayout();
    for (const v of [variable('other', [3]), n, w]) layout.add(v);
    const matrix = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i),
      [4, 4],
    );
    const writes = [write(w, ops.add(read(w), ops.transpose(matrix))), write(n, ops.add(read(n), 1))];
    expect(text({ inputs: [], outputs: [], writes }, layout)).toBe(`\
plan arena=0 state=128 constants=64
0 map 1 (state+64 float32[4, 4], constant+0 float32[4, 4] offset 0 strides [1, 4]) -> state+64 float32[4, 4] \
{ r2 = add.f r0 r1; return r2 }
1 map 1 (state+0 int32[] offset 3 strides []) -> state+0 int32[] offset 3 strides [] \
{ r1 = 0x00000001; r2 = add.i r0 r1; return r2 }
`);
  });

  it('stores a constant once, however often it is read', () => {
    const c = tensor([1, 2, 3]);
    const x = fed(0, [3]);
    expect(text(graphOf([x], [ops.add(x, c), ops.matmul(c, x), c]))).toMatch(/^plan arena=\d+ state=0 constants=64\n/);
  });

  it('copies parts of a concatenation to where they belong', () => {
    const [x, y] = [fed(0, [2, 3]), fed(1, [2, 1])];
    const printed = text(graphOf([x, y], [ops.concatenate([x, y], 1)]));
    expect(printed).toMatch(
      /copy \(arena\+\d+ float32\[2, 3\]\) -> arena\+\d+ float32\[2, 3\] offset 0 strides \[4, 1\]/,
    );
    expect(printed).toMatch(
      /copy \(arena\+\d+ float32\[2, 1\]\) -> arena\+\d+ float32\[2, 1\] offset 3 strides \[4, 0\]/,
    );
  });

  it('gives tensors without elements no slot', () => {
    const inputs = [fed(0, [0, 2]), fed(1, [2]), fed(2, [3, 0]), fed(3, [3])];
    const printed = text(graphOf(inputs, [inputs[0], ops.exp(inputs[1]), ops.sum(inputs[0], 0), ops.exp(inputs[3])]));
    expect(printed.match(/^(feed|fetch) .*$/gm)).toEqual([
      ...['feed 0 float32[2]', 'feed 1 float32[3]'],
      ...['fetch 0 float32[2]', 'fetch 1 float32[2]', 'fetch 2 float32[3]'],
    ]);
  });

  it('feeds nothing that is not used', () => {
    const [x, unused] = [fed(0, [2]), fed(1, [3])];
    expect(text(graphOf([x, unused], [x])).match(/^\d+ \w+/gm)).toEqual(['0 feed', '1 fetch']);
  });

  it('names a variable that has no place', () => {
    const v = variable('kernel', [2]);
    const graph = { inputs: [], outputs: [ops.exp(read(v))], writes: [] };
    expect(() => compile(graph, new StateLayout())).toThrow('variable kernel float32[2] is not part of this state');
  });

  it('makes plans that the addon accepts and prints the same: every case, random graphs', () => {
    for (const { build, differentiable } of cases) {
      const { graph } = problem(build(new Random(5)), differentiable, 5);
      for (const fuse of [true, false]) text(graph, new StateLayout(), fuse);
    }
    for (let seed = 1; seed <= 100; seed++) text(randomProblem(new Random(seed), 40).graph);
  });
});
