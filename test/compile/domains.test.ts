import { inShapeOfProducts } from '../../lib/compile/domains';
import { fuse } from '../../lib/compile/fuse';
import { simplify } from '../../lib/compile/simplify';
import { legalizeViews } from '../../lib/compile/views';
import { make } from '../../lib/ir/build';
import { type Graph, type Tensor, topological } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { isScalar } from '../../lib/ir/optable';
import { loadAddon } from '../../lib/runtime/native';
import { fed } from '../helpers/evaluate';
import { checkNatively } from '../helpers/native';
import { Random } from '../helpers/random';

const { targets, target } = loadAddon().info();
afterAll(() => loadAddon().selectTarget(target));

/** A dense layer on [batch, steps, features], as layers make it. */
const dense = (x: Tensor, w: Tensor): Tensor =>
  ops.reshape(ops.matmul(ops.reshape(x, [-1, w.shape[0]]), w), [...x.shape.slice(0, -1), w.shape[1]]);

const graphOf = (inputs: readonly Tensor[], outputs: readonly Tensor[]): Graph => ({ inputs, outputs, writes: [] });

/** What becomes of a graph: `map` for each that is left, and the operations of each epilogue. */
function fused(graph: Graph): string[] {
  return topological(fuse(legalizeViews(simplify(graph)))).flatMap(({ op, attrs }) => {
    if (op === 'map') return ['map'];
    if (op !== 'matmul') return [];
    const { epilogue } = attrs as { epilogue?: { steps: { op: string }[] } };
    return [epilogue === undefined ? 'matmul' : `matmul ${epilogue.steps.map((s) => s.op).join(' ')}`];
  });
}

function check({ inputs, outputs }: Graph): void {
  const random = new Random(1);
  const feeds = inputs.map((t) => Float32Array.from({ length: t.size }, () => random.normal()));
  checkNatively({ graph: graphOf(inputs, outputs), feeds }, targets);
}

const [batch, steps, features, units] = [3, 5, 8, 6];
const x = () => fed(0, [batch, steps, features]);
const w = () => fed(1, [features, units]);

test('what is added to a dense layer of steps ends the product', () => {
  const [a, kernel, residual] = [x(), w(), fed(2, [batch, steps, units])];
  const y = ops.relu(ops.add(ops.multiply(dense(a, kernel), 0.5), residual));
  const graph = graphOf([a, kernel, residual], [y]);
  expect(fused(graph)).toEqual(['matmul mul add max']);
  check(graph);
});

test('so it does where the sum is normalized, and added to again', () => {
  const [a, kernel, square] = [x(), w(), fed(2, [units, units])];
  const first = dense(a, kernel);
  const rows = ops.sum(first, -1, { keepDims: true }); // reads it, so it is stored
  const second = ops.add(first, dense(ops.multiply(first, rows), square));
  const third = ops.add(second, dense(ops.cumsum(second), square));
  const graph = graphOf([a, kernel, square], [ops.cumsum(third)]);
  expect(fused(graph)).toEqual(['matmul', 'map', 'matmul add', 'matmul add']);
  check(graph);
});

test('what nobody else wants is computed in the shape of the product', () => {
  const [a, kernel, noise] = [x(), w(), fed(2, [batch, steps, units])];
  const kept = ops.cast(ops.greater(noise, 0.5), 'float32');
  const graph = graphOf([a, kernel, noise], [ops.multiply(dense(a, kernel), kept)]);
  expect(fused(graph)).toEqual(['matmul gt widen mul']);
  check(graph);
});

test('positions stay those of the elements', () => {
  const [a, kernel] = [x(), w()];
  const shape = [batch, steps, units];
  const column = ops.cast(make('iota', [], { inner: 1, size: units }, shape, 'int32'), 'float32');
  const graph = graphOf([a, kernel], [ops.multiply(dense(a, kernel), column)]);
  expect(fused(graph)).toHaveLength(1);
  check(graph);
});

test('numbers of columns and of rows are repeated in either shape', () => {
  const [a, kernel, bias] = [x(), w(), fed(2, [units])];
  const y = ops.add(dense(a, kernel), bias);
  expect(fused(graphOf([a, kernel, bias], [y]))).toEqual(['matmul add']);
  check(graphOf([a, kernel, bias], [y]));
  // one number for all steps of a sample: no strides say that in two axes
  const scale = fed(2, [batch, 1, 1]);
  const other = graphOf([a, kernel, scale], [ops.multiply(dense(a, kernel), scale)]);
  expect(fused(other)).toEqual(['matmul', 'map']);
  check(other);
});

test('nothing is stored for it that was not before', () => {
  const [a, kernel, p, q] = [x(), w(), fed(2, [batch, steps, units]), fed(3, [batch, steps, units])];
  const shared = ops.multiply(p, q); // read by two, stored by none
  const graph = graphOf([a, kernel, p, q], [ops.add(dense(a, kernel), shared), ops.exp(shared)]);
  const moved = topological(inShapeOfProducts(legalizeViews(simplify(graph)))).filter((n) => isScalar(n.op));
  expect(moved.every((n) => n.outputs[0].rank === 3)).toBe(true);
  check(graph);
});
