import * as constraints from '../../lib/constraints/index';
import { resolveConstraint } from '../../lib/constraints/resolve';
import { tensor } from '../../lib/ir/build';
import { sequential } from '../../lib/training/index';
import { evaluate, expectClose } from '../helpers/evaluate';
import { layers, optimizers } from '../training/library';

/** Columns of length 5 and 0.5. */
const weight = tensor([
  [3, -0.3],
  [-4, 0.4],
]);

test.each([
  ['nonNeg', constraints.nonNeg(), [3, 0, 0, 0.4]],
  ['maxNorm', constraints.maxNorm({ maxValue: 2 }), [1.2, -0.3, -1.6, 0.4]],
  ['maxNorm of rows', constraints.maxNorm({ maxValue: 1, axis: 1 }), [0.9950372, -0.0995037, -0.9950372, 0.0995037]],
  ['maxNorm of all', constraints.maxNorm({ maxValue: 1, axis: [0, 1] }), [0.597022, -0.0597022, -0.7960298, 0.079603]],
  ['unitNorm', constraints.unitNorm(), [0.6, -0.6, -0.8, 0.8]],
  ['minMaxNorm', constraints.minMaxNorm({ minValue: 1, maxValue: 2 }), [1.2, -0.6, -1.6, 0.8]],
  ['minMaxNorm, half way', constraints.minMaxNorm({ minValue: 1, maxValue: 2, rate: 0.5 }), [2.1, -0.45, -2.8, 0.6]],
])('%s', (_, constraint, expected) => {
  expectClose(evaluate([constraint(weight)]).outputs[0], expected);
});

test('arguments are checked', () => {
  expect(() => (constraints.nonNeg as (options: object) => unknown)({ axis: 0 })).toThrow(
    "constraints.nonNeg: unknown option 'axis'; there are none",
  );
  expect(() => constraints.maxNorm({ maxValue: -1 })).toThrow('constraints.maxNorm: maxValue must be');
  expect(() => constraints.minMaxNorm({ minValue: 3, maxValue: 2 })).toThrow('maxValue must be a finite number >= 3');
  expect(() => constraints.unitNorm({ axis: 0.5 })).toThrow('axis must be an integer');
  expect(() => resolveConstraint('layers.x', 'kernelConstraint', 'norm' as never)).toThrow(
    /one of 'maxNorm'.*got 'norm'/,
  );
  expect(() => layers.dense({ units: 1, kernelConstraint: 'norm' as never })).toThrow('layers.dense: kernelConstraint');
});

test('training keeps weights where the constraint wants them', async () => {
  const dense = layers.dense({ units: 2, inputShape: [3], kernelConstraint: 'unitNorm', biasConstraint: 'nonNeg' });
  const net = sequential([dense]);
  net.compile({ optimizer: optimizers.adam({ learningRate: 0.1 }), loss: 'mse', seed: 1 });
  const x = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i));
  const y = Float32Array.from({ length: 40 }, (_, i) => -1 - Math.cos(i));
  await net.fit(x, y, { epochs: 3, batchSize: 5, seed: 1 });
  const [kernel, bias] = net.getWeights().map((w) => [...w.data]);
  for (const unit of [0, 1]) {
    expect(Math.hypot(...[0, 1, 2].map((i) => kernel[2 * i + unit]))).toBeCloseTo(1, 5);
  }
  // the targets pull the biases below 0
  expect(bias).toEqual([0, 0]);
  net.dispose();
});
