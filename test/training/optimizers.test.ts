import { callbacks } from '../../lib/training/index';
import { optimizers, schedules } from './library';
import { bits, linear, messageOf, noise } from './support';

const rows = 60;
const x = noise(rows * 2, 3);
const y = Float32Array.from({ length: rows }, (_, i) => x[2 * i] - 2 * x[2 * i + 1] + 0.5);
const fitOptions = { batchSize: 10, epochs: 3, shuffle: false };

async function trained(optimizer: optimizers.Optimizer, batchSize = 10) {
  const net = linear();
  net.compile({ optimizer, loss: 'mse', seed: 1 });
  await net.fit(x, y, { ...fitOptions, batchSize });
  return net;
}
const valuesOf = (net: ReturnType<typeof linear>): number[] => net.getWeights().flatMap((w) => [...w.data]);
const near = (got: number[], expected: number[]): void => {
  for (const [i, v] of got.entries()) expect(v).toBeCloseTo(expected[i], 5);
};

test('a schedule runs natively: as the same rates set by hand', async () => {
  const schedule = schedules.exponentialDecay({
    initialLearningRate: 0.2,
    decaySteps: 3,
    decayRate: 0.5,
    staircase: true,
  });
  const net = await trained(optimizers.sgd({ learningRate: schedule }));
  const other = linear();
  other.compile({ optimizer: optimizers.sgd(), loss: 'mse', seed: 1 });
  let step = 0;
  await other.fit(x, y, {
    ...fitOptions,
    callbacks: [
      {
        onBatchBegin: (_, { model }) => {
          model.optimizer.learningRate = 0.2 * 0.5 ** Math.floor(step++ / 3);
        },
      },
    ],
  });
  near(valuesOf(net), valuesOf(other));
});

test('callbacks refuse to change a schedule', async () => {
  const net = linear();
  net.compile({ optimizer: optimizers.sgd({ learningRate: schedules.constant(0.1) }), loss: 'mse', seed: 1 });
  const fit = net.fit(x, y, { callbacks: [callbacks.learningRateScheduler(() => 0.1)] });
  expect(await messageOf(fit)).toContain("the optimizer's learningRate is a schedule");
});

test('accumulated gradients of small batches are those of a large one', async () => {
  const settings = { learningRate: 0.05 } as const;
  const whole = await trained(optimizers.adam(settings), 20);
  const parts = await trained(optimizers.adam({ ...settings, gradientAccumulationSteps: 4 }), 5);
  near(valuesOf(parts), valuesOf(whole));
});

test('a loss scale of a power of 2 changes no bit', async () => {
  const plain = await trained(optimizers.adam({ learningRate: 0.05 }));
  const scaled = await trained(optimizers.adam({ learningRate: 0.05, lossScaleFactor: 4096 }));
  expect(bits(scaled)).toBe(bits(plain));
});

test('averaged weights can be read and used', async () => {
  const net = await trained(optimizers.sgd({ learningRate: 0.1, useEma: true, emaMomentum: 0.9 }));
  const plain = await trained(optimizers.sgd({ learningRate: 0.1 }));
  expect(bits(net)).toBe(bits(plain));
  const averages = net.getAveragedWeights();
  expect(averages.map((w) => w.name)).toEqual(['line/kernel', 'line/bias']);
  const distance = (values: number[]): number => Math.hypot(...values.map((v, i) => v - valuesOf(plain)[i]));
  const moved = distance(averages.flatMap((w) => [...w.data]));
  expect(moved).toBeGreaterThan(0.001);
  // between the beginning and the end
  expect(moved).toBeLessThan(distance([0.5, -0.25, 0.1]));
  net.setWeights(averages);
  expect(valuesOf(net)).toEqual(averages.flatMap((w) => [...w.data]));
  expect(() => plain.getAveragedWeights()).toThrow('getAveragedWeights: the optimizer sgd keeps no averages');
});

test.each(['adafactor', 'lamb', 'muon', 'ftrl', 'nadam', 'radam'] as const)('%s trains', async (name) => {
  const rate = name === 'ftrl' ? 0.5 : 0.05;
  const net = linear();
  net.compile({ optimizer: optimizers[name]({ learningRate: rate }), loss: 'mse', seed: 1 });
  const { history } = await net.fit(x, y, { ...fitOptions, epochs: 20 });
  expect(history.loss[19]).toBeLessThan(0.7 * history.loss[0]);
});
