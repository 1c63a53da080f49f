import { make } from '../../lib/ir/build';
import * as ops from '../../lib/ir/ops/index';
import { expectWithin, interpretWithBounds } from './bounds';
import { Random } from './random';

const random = new Random(5);
const values = (n: number) => Float32Array.from({ length: n }, () => random.normal());
const input = (slot: number, shape: number[]) => make('input', [], { slot }, shape, 'float32');

test('the bound of a float32 sum holds for its order from the left, and is not much wider than needed', () => {
  const x = input(0, [4096]);
  const feed = values(4096);
  const graph = { inputs: [x], outputs: [ops.sum(x)], writes: [] };
  const { values: exact, errors } = interpretWithBounds(graph, { feeds: [feed] });
  const rounded = feed.reduce((sum, v) => Math.fround(sum + v), 0);
  expect(Math.abs(rounded - exact[0][0])).toBeLessThanOrEqual(errors[0][0]);
  expect(errors[0][0]).toBeLessThan(4096 * 4096 * 2 ** -23);
});

test('cancellation widens the bound', () => {
  const [a, b] = [input(0, []), input(1, [])];
  const difference = ops.subtract(ops.multiply(a, 3), ops.multiply(b, 3));
  const graph = { inputs: [a, b], outputs: [difference], writes: [] };
  const { values: exact, errors } = interpretWithBounds(graph, { feeds: [[1000], [999.9999]] });
  expect(errors[0][0] / exact[0][0]).toBeGreaterThan(0.1);
  expect(errors[0][0]).toBeLessThan(1e-3);
});

test('an uncertain comparison makes the choice uncertain', () => {
  const x = input(0, [3]);
  const third = ops.multiply(ops.multiply(x, 1 / 3), 3);
  const graph = { inputs: [x], outputs: [ops.where(ops.less(third, x), 5, 7)], writes: [] };
  const { errors } = interpretWithBounds(graph, { feeds: [[1, 1, 1]] });
  expect([...errors[0]]).toEqual([2, 2, 2]);
});

test('wrong numbers are found', () => {
  const [expected, errors] = [Float64Array.of(1, 2), Float64Array.of(1e-7, 1e-7)];
  expect(() => expectWithin('y', [1, 2], expected, errors)).not.toThrow();
  expect(() => expectWithin('y', [1, 2.001], expected, errors)).toThrow(
    'y: element 1 is 2.001, expected 2 within 1e-7',
  );
  expect(() => expectWithin('y', [Number.NaN, 2], expected, errors)).toThrow('element 0 is NaN');
  expect(() => expectWithin('y', [1], expected, errors)).toThrow('y: 1 values, expected 2');
  const special = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY);
  expect(() => expectWithin('y', [Number.NaN, Number.POSITIVE_INFINITY], special, errors)).not.toThrow();
  expect(() => expectWithin('y', [Number.NaN, Number.NEGATIVE_INFINITY], special, errors)).toThrow('element 1');
});
