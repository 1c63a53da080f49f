import { findHomes } from '../../lib/compile/joins';
import { schedule } from '../../lib/compile/schedule';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { fed } from '../helpers/evaluate';
import { graphOf, randomFeeds } from '../helpers/graphs';
import { expectSound, planned } from '../helpers/memory';
import { checkNatively } from '../helpers/native';
import { Random } from '../helpers/random';

const { target } = loadAddon().info();
const x = fed(0, [2, 16]);
const row = (t: Tensor): Tensor => ops.softmax(t);
/** Input numbers and byte offsets of what is made in place. */
const placesIn = (out: Tensor) =>
  [...findHomes(schedule(graphOf([x], [out]))).values()].map(({ input, offset }) => [input, offset]).sort();

describe('findHomes', () => {
  test('parts along the leading axis are made in place', () => {
    const parts = [row(x), row(ops.multiply(row(x), 2))];
    expect(placesIn(ops.concatenate(parts, 0))).toEqual([[0, 0], [1, 128]]); // biome-ignore format: rows
  });

  test('not so interleaved ones, inputs of the graph, and views of something else', () => {
    expect(placesIn(ops.concatenate([row(x), row(row(x))], 1))).toEqual([]);
    expect(placesIn(ops.concatenate([x, ops.sliceAxis(row(x), 0, 0, 1)], 0))).toEqual([]);
  });

  test('maps along another axis, whose rows then lie apart', () => {
    const [a, b] = [fed(0, [3, 40]), fed(1, [3, 50])];
    const out = ops.concatenate([ops.exp(a), ops.softmax(b), ops.sin(b), ops.sin(ops.sliceAxis(a, 1, 0, 8))], 1);
    const homes = [...findHomes(planned(graphOf([a, b], [out])).steps).values()];
    expect(homes.map(({ input, offset, strides }) => [input, offset, strides]).sort()).toEqual([
      [0, 0, [148, 1]],
      [2, 360, [148, 1]],
    ]); // not what is no map, and not short rows
    checkNatively({ graph: graphOf([a, b], [out]), feeds: randomFeeds([a, b], new Random(1)) }, [target]);
  });

  test('not along another axis what is read in another shape, or fetched', () => {
    const [a, b] = [fed(0, [3, 40]), fed(1, [3, 40])];
    const [exp, sin] = [ops.exp(a), ops.sin(b)];
    const out = ops.concatenate([exp, sin], 1);
    const places = (...outputs: Tensor[]): number => planned(graphOf([a, b], outputs)).arena.homes.size;
    expect(places(out)).toBe(2);
    expect(places(out, exp)).toBe(1);
    expect(places(out, ops.softmax(ops.reshape(sin, [40, 3])))).toBe(1);
    expect(places(out, ops.sum(ops.multiply(ops.sum(exp, 1), 2)))).toBe(2);
  });

  test('a part that is there twice is made in one place and copied to the other', () => {
    const part = row(x);
    expect(placesIn(ops.concatenate([part, part], 0))).toHaveLength(1);
  });

  test('a slice that is not aligned is copied', () => {
    const short = ops.softmax(ops.sliceAxis(x, 1, 0, 3)); // 24 bytes
    expect(placesIn(ops.concatenate([ops.reshape(short, [6]), ops.reshape(row(x), [32])], 0))).toEqual([[0, 0]]);
  });

  test('a concatenation inside another one has its parts in the outer one', () => {
    const inner = ops.concatenate([row(x), row(row(x))], 0);
    const out = ops.concatenate([row(ops.negative(x)), inner], 0);
    expect(placesIn(out).map(([, offset]) => offset)).toEqual([0, 128, 128, 256]);
  });

  test('the plans are sound', () => {
    let h = x;
    const steps: Tensor[] = [];
    for (let t = 0; t < 5; t++) {
      h = ops.tanh(ops.add(row(h), x));
      steps.push(h);
    }
    expectSound(planned(graphOf([x], [ops.add(ops.sum(ops.concatenate(steps, 0)), ops.sum(h))])));
    const wide = fed(0, [5, 33]);
    const gates = [ops.sin(wide), ops.cos(wide), ops.exp(ops.softmax(wide))];
    const joined = ops.softmax(ops.concatenate(gates, 1));
    expectSound(planned(graphOf([wide], [ops.add(ops.sum(joined), ops.sum(ops.exp(ops.softmax(gates[0]))))])));
  });
});
