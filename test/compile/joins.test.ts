import { findHomes } from '../../lib/compile/joins';
import { schedule } from '../../lib/compile/schedule';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { fed } from '../helpers/evaluate';
import { graphOf } from '../helpers/graphs';
import { expectSound, planned } from '../helpers/memory';

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
  });
});
