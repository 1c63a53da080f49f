import { type Callback, callbacks, type Logs, sequential } from '../../lib/training/index';
import { formatProgress } from '../../lib/training/progress';
import { layers } from './library';
import { bits, classes, messageOf, mlp } from './support';

const { earlyStopping, learningRateScheduler, progressBar, reduceLROnPlateau } = callbacks;
const { x, y } = classes(64);

/** Replaces a number of the logs, so that other callbacks see a course that is known. */
const pretend = (key: string, values: readonly number[]): Callback => ({
  onEpochEnd: (epoch, logs) => {
    logs[key] = values[epoch] as number;
  },
});

describe('earlyStopping', () => {
  const epochsWith = async (values: number[], options: Parameters<typeof earlyStopping>[0]): Promise<number> => {
    const net = mlp();
    const { epochs } = await net.fit(x, y, {
      epochs: values.length,
      callbacks: [pretend('valLoss', values), earlyStopping(options)],
    });
    net.dispose();
    return epochs.length;
  };

  test('waits for `patience` epochs without improvement', async () => {
    const values = [5, 4, 3, 3, 3.5, 2, 3, 3, 3, 3];
    expect(await epochsWith(values, { patience: 1 })).toBe(4);
    expect(await epochsWith(values, { patience: 2 })).toBe(5);
    expect(await epochsWith(values, { patience: 3 })).toBe(9);
    expect(await epochsWith(values, { patience: 9 })).toBe(10);
  });

  test('minDelta, mode, baseline, startFromEpoch', async () => {
    expect(await epochsWith([5, 4.9, 4.8, 4.7], { patience: 1, minDelta: 0.5 })).toBe(2);
    expect(await epochsWith([5, 6, 7, 8], { patience: 1, mode: 'max' })).toBe(4);
    expect(await epochsWith([5, 4, 3, 2], { patience: 2, baseline: 1 })).toBe(2);
    expect(await epochsWith([5, 6, 7, 8], { patience: 1, startFromEpoch: 2 })).toBe(4);
  });

  test('restores the weights of the best epoch', async () => {
    const net = mlp();
    const seen: string[] = [];
    await net.fit(x, y, {
      epochs: 10,
      callbacks: [
        { onEpochEnd: (_e, _l, { model }) => void seen.push(bits(model)) },
        pretend('valLoss', [5, 3, 4, 4, 4, 4, 4, 4, 4, 4]),
        earlyStopping({ patience: 3, restoreBestWeights: true }),
      ],
    });
    expect(seen).toHaveLength(5);
    expect(bits(net)).toBe(seen[1]);
    expect(bits(net)).not.toBe(seen[4]);
    net.dispose();
  });

  test('says so when there is no such number', async () => {
    const net = mlp();
    const message = await messageOf(net.fit(x, y, { callbacks: [earlyStopping()] }));
    expect(message).toMatch(/no 'valLoss', only loss, accuracy; fit needs validationData or validationSplit/);
    await net.fit(x, y, { callbacks: [earlyStopping({ monitor: 'loss' })] });
    net.dispose();
  });

  test('refuses options that are not valid', () => {
    expect(() => earlyStopping({ patience: -1 })).toThrow(/patience must be/);
    expect(() => earlyStopping({ mode: 'best' as never })).toThrow(/mode must be/);
    expect(() => earlyStopping({ waiting: 1 } as never)).toThrow(/unknown option 'waiting'/);
  });
});

test('hooks come in order, with the numbers so far', async () => {
  const net = mlp();
  const calls: string[] = [];
  const batchLosses: number[] = [];
  let epochLogs: Logs = {};
  await net.fit(x, y, {
    epochs: 2,
    batchSize: 40,
    shuffle: false,
    callbacks: [
      {
        onTrainBegin: ({ steps, samples, epochs }) => void calls.push(`train ${steps} ${samples} ${epochs}`),
        onEpochBegin: async (epoch) => void calls.push(`epoch ${epoch}`),
        onBatchBegin: (batch) => void calls.push(`batch ${batch}`),
        onBatchEnd: (batch, logs) => {
          calls.push(`end ${batch}`);
          batchLosses.push(logs.loss as number);
        },
        onEpochEnd: (epoch, logs) => {
          calls.push(`epoch end ${epoch}`);
          epochLogs = logs;
        },
        onTrainEnd: () => void calls.push('train end'),
      },
    ],
  });
  const epoch = (n: number) => [`epoch ${n}`, 'batch 0', 'end 0', 'batch 1', 'end 1', `epoch end ${n}`];
  expect(calls).toEqual(['train 2 64 2', ...epoch(0), ...epoch(1), 'train end']);
  expect(batchLosses).toHaveLength(4);
  expect(batchLosses[3]).toBe(epochLogs.loss);
  net.dispose();
});

test('stopTraining ends at the end of a batch', async () => {
  const net = mlp();
  let batches = 0;
  const { epochs } = await net.fit(x, y, {
    epochs: 3,
    batchSize: 8,
    callbacks: [
      {
        onBatchEnd: (_batch, _logs, { model }) => {
          if (++batches === 3) model.stopTraining = true;
        },
      },
    ],
  });
  expect(batches).toBe(3);
  expect(epochs).toEqual([0]);
  net.dispose();
});

test('an error in a callback ends fit with it, and the model stays usable', async () => {
  const net = mlp();
  const callback: Callback = {
    onEpochEnd: () => {
      throw new Error('mine');
    },
  };
  expect(await messageOf(net.fit(x, y, { callbacks: [callback] }))).toBe('mine');
  await net.fit(x, y);
  net.dispose();
});

describe('learning rate', () => {
  test('learningRateScheduler sets it before each epoch', async () => {
    const net = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })]);
    net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
    const states: string[] = [];
    await net.fit(x, y, {
      epochs: 3,
      callbacks: [
        learningRateScheduler((epoch) => (epoch === 1 ? 0 : 0.1)),
        { onEpochEnd: (_e, _l, { model }) => void states.push(bits(model)) },
      ],
    });
    expect(states[1]).toBe(states[0]);
    expect(states[2]).not.toBe(states[1]);
    net.dispose();
  });

  test('reduceLROnPlateau multiplies it when nothing improves', async () => {
    const net = mlp();
    net.optimizer.learningRate = 1;
    const rates: number[] = [];
    await net.fit(x, y, {
      epochs: 6,
      callbacks: [
        pretend('valLoss', [5, 5, 5, 4, 4, 4]),
        reduceLROnPlateau({ factor: 0.5, patience: 2 }),
        { onEpochEnd: (_e, _l, { model }) => void rates.push(model.optimizer.learningRate as number) },
      ],
    });
    expect(rates).toEqual([1, 1, 0.5, 0.5, 0.5, 0.25]);
    net.dispose();
  });
});

describe('progress', () => {
  test('a line', () => {
    const line = formatProgress(
      { epoch: 2, step: 312, samplesPerSecond: 12345.4, logs: { loss: 0.12341, accuracy: 0.96117 }, ended: false },
      { epochs: 10, steps: 469, samples: 60000 },
    );
    expect(line).toBe(
      'Epoch 3/10 [============>       ] 312/469 - 12,345 samples/s - ETA 2s - loss 0.1234 - accuracy 0.9612',
    );
  });

  test('the speed at the end of an epoch is that of the whole epoch, not of its last and small batch', async () => {
    const net = sequential([
      layers.dense({ units: 512, activation: 'relu', inputShape: [256] }),
      layers.dense({ units: 1 }),
    ]);
    net.compile({ optimizer: 'sgd', loss: 'meanSquaredError', seed: 1 });
    const samples = 1025;
    let begin = 0;
    let [seconds, speed] = [0, 0];
    const watch: Callback = {
      onEpochBegin: () => {
        begin = performance.now();
      },
      onBatchEnd: () => {}, // so that each of the two batches is a native call
      onProgress: ({ samplesPerSecond, ended }) => {
        if (!ended) return;
        seconds = (performance.now() - begin) / 1000;
        speed = samplesPerSecond;
      },
    };
    await net.fit(new Float32Array(256 * samples), new Float32Array(samples), { batchSize: 1024, callbacks: [watch] });
    expect(speed).toBeGreaterThan((0.99 * samples) / seconds);
    expect(speed).toBeLessThan((10 * samples) / seconds);
    net.dispose();
  });

  test('verbose 2 writes a line for each epoch, with the validation', async () => {
    const net = mlp();
    const write = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    await net.fit(x, y, { epochs: 2, verbose: 2, validationSplit: 0.25 });
    const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
    write.mockRestore();
    const lines = text.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(
      /^Epoch 2\/2 \[={20}\] 2\/2 - [\d,]+ samples\/s - loss \d.* - accuracy .* - valLoss .* - valAccuracy \d/,
    );
    net.dispose();
  });

  test('a bar is drawn over and over on a terminal; in a pipe nothing is written unless asked', async () => {
    const net = mlp();
    const chunks: string[] = [];
    const stream = { isTTY: true, columns: 60, write: (text: string) => void chunks.push(text) };
    await net.fit(x, y, { epochs: 3, batchSize: 8, callbacks: [progressBar({ stream }), { onBatchEnd: () => {} }] });
    const text = chunks.join('');
    expect(text.match(/\n/g)).toHaveLength(3);
    expect(text).toContain('\r\u001b[2KEpoch 1/3');
    const write = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    await net.fit(x, y, { verbose: 0 });
    expect(write).not.toHaveBeenCalled();
    write.mockRestore();
    net.dispose();
  });
});
