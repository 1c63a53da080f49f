import { fuse } from '../../lib/compile/fuse';
import { schedule } from '../../lib/compile/schedule';
import { simplify } from '../../lib/compile/simplify';
import { legalizeViews } from '../../lib/compile/views';
import { tensor } from '../../lib/ir/build';
import type { Node, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { Random } from '../helpers/random';
import { expectSteps, read, variable, write } from '../helpers/stateful';

const [a, b, c] = ['a', 'b', 'c'].map((name) => variable(name, [4, 4]));
const [x, y, z] = [a, b, c].map(read);

const scheduled = (writes: readonly Node[]) =>
  schedule(fuse(legalizeViews(simplify({ inputs: [], outputs: [], writes }))));

describe('state', () => {
  it('is updated where it lies', () => {
    const writes = [write(a, ops.add(x, 1)), write(b, ops.multiply(y, 2))];
    expect(scheduled(writes)).toMatchObject({ order: { length: 2 }, copies: [] });
    expectSteps([a, b], [x], writes);
  });

  it('keeps its old value for every reader of the step', () => {
    const updated = ops.add(x, y);
    expectSteps([a, b], [ops.sum(x), ops.multiply(x, updated), updated], [write(a, updated)]);
    expectSteps([a, b], [x, y], [write(a, ops.add(x, 1)), write(b, ops.add(x, y))]);
  });

  it('is read by what needs the new value too', () => {
    const updated = ops.add(x, 1);
    const product = ops.matmul(updated, y);
    expectSteps([a, b], [ops.add(product, x)], [write(a, updated), write(b, ops.sign(product))]);
  });

  it('swaps, and rotates', () => {
    expectSteps([a, b], [], [write(a, y), write(b, x)]);
    expectSteps([a, b, c], [ops.add(x, y)], [write(a, y), write(b, z), write(c, x)]);
    expectSteps([a, b], [], [write(a, ops.add(y, 1)), write(b, ops.subtract(x, 1))]);
  });

  it('gives up computing in place where readers need the result', () => {
    const next = ops.sum(ops.add(x, y), 0); // a reduction of a
    const grown = ops.add(ops.broadcastTo(next, [4, 4]), 1);
    expectSteps([a, b], [ops.add(x, grown)], [write(a, grown), write(b, ops.sign(ops.add(x, grown)))]);
    const total = ops.multiply(x, 2);
    const later = ops.sign(ops.sum(ops.matmul(x, total), 0)); // reads a and its new value
    expectSteps([a, b], [later], [write(a, ops.sign(total)), write(b, ops.broadcastTo(later, [4, 4]))]);
  });

  it('may be read by its writer as it lies, but in no other order', () => {
    expectSteps([a], [], [write(a, ops.add(x, ops.transpose(x)))], 2);
    expectSteps([a], [], [write(a, ops.subtract(x, ops.flip(x, 0)))]);
    expectSteps([a], [], [write(a, ops.subtract(x, ops.broadcastTo(ops.sliceAxis(x, 0, 1, 2), [4, 4])))]);
    expectSteps([a], [], [write(a, ops.concatenate([ops.sliceAxis(x, 0, 2), ops.sliceAxis(x, 0, 0, 2)], 0))]);
    expectSteps([a], [], [write(a, ops.sign(ops.matmul(x, x)))]);
    expectSteps([a, b], [], [write(a, ops.sign(ops.matmul(x, y))), write(b, ops.sign(ops.matmul(y, x)))]);
  });

  it('takes an epilogue that reads what it writes', () => {
    expectSteps([a, b, c], [], [write(a, ops.subtract(x, ops.multiply(ops.sign(ops.matmul(y, z)), 2)))]);
    expectSteps([a, b], [], [write(a, ops.subtract(x, ops.sign(ops.matmul(y, x))))]);
  });

  it('reads across the segments of one map', () => {
    const small = variable('small', [3]);
    const s = read(small);
    const column = ops.sliceAxis(ops.reshape(x, [16]), 0, 5, 8);
    const writes = [write(a, ops.add(x, y)), write(small, ops.add(s, column)), write(b, ops.add(y, z))];
    expectSteps([a, b, c, small], [], writes);
    const d = variable('d', [2, 8]);
    const flat = ops.reshape(x, [2, 8]);
    expectSteps([a, b, d], [], [write(a, ops.add(x, ops.reshape(read(d), [4, 4]))), write(d, ops.add(read(d), flat))]);
  });

  it('takes views, constants, other variables, and one value for two', () => {
    expectSteps([a], [], [write(a, ops.transpose(x))]);
    expectSteps([a, b], [], [write(a, ops.transpose(ops.add(x, y))), write(b, x)]);
    expectSteps([a, b], [], [write(a, ops.full([4, 4], 3)), write(b, ops.add(x, y))]);
    const ramp = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i),
      [4, 4],
    );
    expectSteps([a, b], [y], [write(a, ramp), write(b, x)]);
    const shared = ops.add(x, y);
    expectSteps([a, b, c], [shared], [write(a, shared), write(b, shared), write(c, y)]);
    expectSteps([a], [], [write(a, x)]);
  });

  it('takes a value of another shape of the same size', () => {
    const flat = variable('flat', [16]);
    expectSteps(
      [a, flat],
      [],
      [write(flat, ops.reshape(ops.add(x, 1), [16])), write(a, ops.reshape(read(flat), [4, 4]))],
    );
  });

  it('packs small counters, flags and sums', () => {
    const counter = variable('counter', [], 'int32');
    const flag = variable('flag', [3], 'bool');
    const sums = variable('sums', [5]);
    const n = read(counter);
    const total = ops.add(read(sums), ops.multiply(ops.cast(n, 'float32'), ops.cast(ops.any(read(flag)), 'float32')));
    const writes = [write(counter, ops.add(n, 1)), write(flag, ops.logicalNot(read(flag))), write(sums, total)];
    expectSteps([counter, flag, sums, a], [n], [...writes, write(a, ops.add(x, ops.sum(read(sums))))]);
  });

  it('follows the definition on random updates of many variables', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = new Random(seed);
      const variables = ['a', 'b', 'c', 'd', 'e'].map((name) => variable(name, name < 'd' ? [4, 4] : [16]));
      const pool = variables.map((v) => ops.reshape(read(v), [4, 4]));
      const any = () => random.pick(pool);
      for (let i = 0; i < random.int(2, 14); i++) pool.push(ops.clip(randomUpdate(any, random), -4, 4));
      const writes = variables
        .filter(() => random.uniform() < 0.7)
        .map((v) => write(v, ops.reshape(random.pick([any, () => pool.at(-1) as Tensor])(), v.shape)));
      expectSteps(variables, random.uniform() < 0.5 ? [] : [any(), ops.sum(any())], writes);
    }
  });

  it('is written once per step', () => {
    expect(() => scheduled([write(a, ops.add(x, 1)), write(a, ops.add(x, 2))])).toThrow(
      'variable a float32[4, 4] is written twice in one step',
    );
  });

  it('takes only values of its size and dtype', () => {
    expect(() => scheduled([write(a, ops.sum(x))])).toThrow('variable a float32[4, 4] cannot take float32[]');
    expect(() => scheduled([write(a, ops.cast(x, 'int32'))])).toThrow(
      'variable a float32[4, 4] cannot take int32[4, 4]',
    );
  });
});

/** Something of 4 x 4 whole numbers that are again small. */
function randomUpdate(any: () => Tensor, random: Random): Tensor {
  return random.pick([
    () => ops.add(any(), any()),
    () => ops.subtract(any(), 1),
    () => ops.multiply(any(), any()),
    () => ops.transpose(any()),
    () => ops.flip(any(), 0),
    () => ops.matmul(any(), any()),
    () => ops.add(ops.matmul(any(), any()), any()),
    () => ops.broadcastTo(ops.sliceAxis(any(), 0, 1, 2), [4, 4]),
    () => ops.add(any(), ops.sum(any(), 1)),
    () => ops.concatenate([ops.sliceAxis(any(), 1, 2), ops.sliceAxis(any(), 1, 0, 2)], 1),
    () => ops.reshape(ops.transpose(any()), [4, 4]),
    () => ops.broadcastTo(ops.max(any()), [4, 4]),
  ])();
}
