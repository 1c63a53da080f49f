import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callbacks, loadModel } from '../../lib/training/index';
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

describe('averaged weights', () => {
  const average = { useEma: true, emaMomentum: 0.9 } as const;

  test('can be read while training goes on with the weights; they are what is left at the end', async () => {
    const plain = linear();
    plain.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse', seed: 1 });
    const walk: number[][] = [];
    await plain.fit(x, y, { ...fitOptions, callbacks: [{ onBatchEnd: () => void walk.push(valuesOf(plain)) }] });
    const expected = walk.reduce((a, w) => a.map((v, i) => 0.9 * v + 0.1 * w[i]));

    const net = linear();
    net.compile({ optimizer: optimizers.sgd({ learningRate: 0.1, ...average }), loss: 'mse', seed: 1 });
    let last: number[] = [];
    let atEnd: number[] = [];
    const callback = {
      onEpochEnd: () => {
        last = valuesOf(net);
      },
      onTrainEnd: () => {
        atEnd = valuesOf(net);
      },
    };
    await net.fit(x, y, { ...fitOptions, callbacks: [callback] });
    expect(last).toEqual(valuesOf(plain));
    near(atEnd, expected);
    expect(valuesOf(net)).toEqual(atEnd);
    const averages = net.getAveragedWeights();
    expect(averages.map((w) => w.name)).toEqual(['line/kernel', 'line/bias']);
    expect(averages.flatMap((w) => [...w.data])).toEqual(atEnd);
    expect(() => plain.getAveragedWeights()).toThrow('getAveragedWeights: the optimizer sgd keeps no averages');
  });

  test('do not replace the weights of a training without an update', async () => {
    const optimizer = optimizers.sgd({ learningRate: 0.1, ...average, gradientAccumulationSteps: 7 });
    const net = linear();
    net.compile({ optimizer, loss: 'mse', seed: 1 });
    const before = bits(net);
    await net.fit(x, y, { ...fitOptions, epochs: 1 });
    expect(bits(net)).toBe(before);
    await net.fit(x, y, { ...fitOptions, epochs: 1 });
    expect(bits(net)).not.toBe(before);
  });
});

describe('a dynamic loss scale', () => {
  const options = { initialScale: 2 ** 10, dynamicGrowthSteps: 4 } as const;
  const scaled = () => optimizers.lossScale(optimizers.adam({ learningRate: 0.05 }), options);

  test('changes no bit of a training with finite gradients', async () => {
    const plain = await trained(optimizers.adam({ learningRate: 0.05 }));
    const net = await trained(scaled());
    expect(bits(net)).toBe(bits(plain));
    net.optimizer.learningRate = 0.01;
    expect(net.optimizer.learningRate).toBe(0.01);
  });

  test('leaves out steps whose gradients are not finite', async () => {
    const spoiled = x.slice();
    spoiled[2 * 25] = 3e38; // in the third batch
    const rest = (values: Float32Array, width: number) =>
      Float32Array.from([...values.subarray(0, 20 * width), ...values.subarray(30 * width)]);
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    const net = linear();
    net.compile({ optimizer: scaled(), loss: 'mse', seed: 1 });
    await net.fit(spoiled, y, { ...fitOptions, epochs: 2 });
    const other = linear();
    other.compile({ optimizer: optimizers.adam({ learningRate: 0.05 }), loss: 'mse', seed: 1 });
    await other.fit(rest(x, 2), rest(y, 1), { ...fitOptions, epochs: 2 });
    warn.mockRestore();
    expect(bits(net)).toBe(bits(other));
  });

  test('is saved, and training goes on with the same bits', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'steepest-scale-'));
    try {
      const whole = await trained(scaled());
      const net = linear();
      net.compile({ optimizer: scaled(), loss: 'mse', seed: 1 });
      await net.fit(x, y, { ...fitOptions, epochs: 1 });
      await net.save(folder);
      const loaded = await loadModel(folder);
      expect(loaded.optimizer.getConfig()).toMatchObject(options);
      await loaded.fit(x, y, { ...fitOptions, ...loaded.resumePoint });
      expect(bits(loaded)).toBe(bits(whole));
      const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'));
      expect(config.training.compile.optimizer).toMatchObject({
        kind: 'optimizers.lossScale',
        config: { optimizer: { kind: 'optimizers.adam' }, ...options },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test.each(['adafactor', 'lamb', 'muon', 'ftrl', 'nadam', 'radam'] as const)('%s trains', async (name) => {
  const rate = name === 'ftrl' ? 0.5 : 0.05;
  const net = linear();
  net.compile({ optimizer: optimizers[name]({ learningRate: rate }), loss: 'mse', seed: 1 });
  const { history } = await net.fit(x, y, { ...fitOptions, epochs: 20 });
  expect(history.loss[19]).toBeLessThan(0.7 * history.loss[0]);
});
