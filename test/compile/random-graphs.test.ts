// Random graphs: fused = unfused = float64, values and gradients, on every CPU target.
// STEEPEST_RANDOM_GRAPHS=10000 runs more of them, STEEPEST_RANDOM_SEED starts elsewhere.
import { gradients } from '../../lib/compile/autodiff';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { interpretWithBounds } from '../helpers/bounds';
import { placeholders } from '../helpers/gradcheck';
import { checkNatively, type Problem } from '../helpers/native';
import { randomFunction } from '../helpers/random-graph';

const count = Number(process.env.STEEPEST_RANDOM_GRAPHS ?? 300);
const first = Number(process.env.STEEPEST_RANDOM_SEED ?? 1);
const addon = loadAddon();
const { targets, target } = addon.info();

afterAll(() => addon.selectTarget(target));

function randomProblem(seed: number): Problem {
  const { inputs, run } = randomFunction(seed);
  const x = placeholders(inputs);
  const outputs = run(...x);
  const loss = outputs.map((t, i) => ops.mean(ops.multiply(t, i + 1))).reduce((a, b) => ops.add(a, b));
  return {
    graph: { inputs: x, outputs: [...outputs, loss, ...gradients(loss, x)], writes: [] },
    feeds: inputs.map(({ values }) => Float32Array.from(values)),
  };
}

const batch = 50;
const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => first + i * batch);

test.each(batches)(
  `${batch} graphs from seed %i on ${targets.join(', ')}`,
  (from) => {
    for (let seed = from; seed < from + batch; seed++) {
      try {
        checkNatively(randomProblem(seed), targets);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  },
  600_000,
);

test('the error bounds are narrow enough to mean something', () => {
  const ratios: number[] = [];
  for (let seed = 1; seed <= 50; seed++) {
    const { graph, feeds } = randomProblem(seed);
    const { values, errors } = interpretWithBounds(graph, { feeds });
    const loss = graph.outputs.findIndex((t) => t.rank === 0);
    ratios.push(errors[loss][0] / Math.max(Math.abs(values[loss][0]), 1));
  }
  const sorted = ratios.sort((a, b) => a - b);
  expect(sorted[25]).toBeLessThan(1e-4);
  expect(sorted[45]).toBeLessThan(1e-2);
});
