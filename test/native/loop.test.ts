import { gradients } from '../../lib/compile/autodiff';
import { compile, StateLayout } from '../../lib/compile/index';
import { make } from '../../lib/ir/build';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { loadAddon } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { Random } from '../helpers/random';
import { traceWith } from '../helpers/trace-layer';
import { sumsPlan } from './plan-words';

const addon = loadAddon();
const threads = addon.info().threads;
afterEach(() => addon.setThreads(threads));

/** Value and gradients of an LSTM over `time` steps. */
function lstm(time: number, batch: number, units: number) {
  const shapes = [[batch, time, 8], [8, 4 * units], [units, 4 * units], [4 * units]];
  const x = shapes.map((shape, slot) => make('input', [], { slot }, shape, 'float32'));
  const [sequence, kernel, recurrentKernel, bias] = x;
  const layer = layers.lstm({ units, returnSequences: true });
  const [y] = traceWith(layer, [sequence], { kernel, recurrentKernel, bias });
  const random = new Random(1);
  return {
    graph: { inputs: x, outputs: [ops.mean(y), ...gradients(ops.mean(ops.square(y)), x)], writes: [] },
    feeds: shapes.map((shape) =>
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.uniform(-0.3, 0.3)),
    ),
  };
}

test('a loop written by hand: running sums in the state', () => {
  const session = new addon.Session(64);
  const plan = session.addPlan(sumsPlan());
  session.writeState(
    0,
    Float32Array.from({ length: 16 }, (_, i) => i),
  );
  const state = () => {
    const values = new Float32Array(16);
    session.readState(0, values);
    return [...values];
  };
  session.runSync(plan, [], []);
  expect(state()).toEqual([0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 12, 13, 14, 15]);
  // views have gone back to where they began
  session.runSync(plan, [], []);
  expect(state().slice(4, 12)).toEqual([4, 7, 10, 13, 16, 22, 28, 34]);
  session.dispose();
});

test('the same bits for any number of threads', () => {
  const { graph, feeds } = lstm(9, 96, 64);
  const results = [1, 2, 3].map((count) => {
    addon.setThreads(count);
    return new Executable(graph).run(feeds).map((values) => Buffer.from(values.buffer).toString('base64'));
  });
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});

test('the plan does not grow with the number of steps', () => {
  const words = (time: number) => compile(lstm(time, 4, 128).graph, new StateLayout()).words.length;
  // a view more or less, as buffers happen to share their places
  expect(words(1000)).toBeLessThan(words(10) + 50);
});
