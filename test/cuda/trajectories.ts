// Small models trained on a device and on the CPU, from the same weights in the same order: losses have to agree.
import { layers, type Model, type Precision, sequential, tensor } from '../../lib/index';
import { Random } from '../helpers/random';

export interface Difference {
  readonly model: string;
  readonly ok: boolean;
  /** The largest relative difference of a loss. */
  readonly difference: number;
  readonly why: string;
}

interface Trained {
  readonly name: string;
  readonly shape: readonly number[];
  readonly optimizer: string;
  readonly precision?: Precision;
  build(): Model;
}

const classes = 3;
const head = () => layers.dense({ units: classes, activation: 'softmax' });

const models: readonly Trained[] = [
  {
    name: 'MLP with dropout, Adam',
    shape: [8],
    optimizer: 'adam',
    build: () =>
      sequential([
        layers.dense({ units: 16, activation: 'relu', inputShape: [8] }),
        layers.dropout({ rate: 0.2 }),
        head(),
      ]),
  },
  {
    name: 'MLP in mixed bfloat16, SGD',
    shape: [8],
    optimizer: 'sgd',
    precision: 'mixedBfloat16',
    build: () => sequential([layers.dense({ units: 16, activation: 'gelu', inputShape: [8] }), head()]),
  },
  {
    name: 'CNN with batch normalization, AdamW',
    shape: [8, 8, 2],
    optimizer: 'adamw',
    build: () =>
      sequential([
        layers.conv2d({ filters: 4, kernelSize: 3, useBias: false, inputShape: [8, 8, 2] }),
        layers.batchNormalization(),
        layers.relu(),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.flatten(),
        head(),
      ]),
  },
  {
    name: 'LSTM, RMSprop',
    shape: [6, 4],
    optimizer: 'rmsprop',
    build: () => sequential([layers.lstm({ units: 5, inputShape: [6, 4] }), head()]),
  },
];

async function lossesOf({ build, shape, optimizer, precision }: Trained, device: string): Promise<number[]> {
  const random = new Random(7);
  const rows = 48;
  const size = shape.reduce((n, s) => n * s, rows);
  const x = tensor(
    Float32Array.from({ length: size }, () => random.normal()),
    [rows, ...shape],
  );
  const y = tensor(
    Int32Array.from({ length: rows }, (_, i) => i % classes),
    [rows],
  );
  const model = build();
  model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', seed: 3, device, precision } as never);
  const { history } = await model.fit(x, y, { epochs: 4, batchSize: 10, verbose: 0 });
  return [...(history.loss as readonly number[])];
}

/** Trains all of them, on the device and on the CPU. Rounding may make a loss differ by 1e-3 of it. */
export async function trajectories(device: string): Promise<Difference[]> {
  const results: Difference[] = [];
  for (const trained of models) {
    const model = trained.name;
    try {
      const [cpu, other] = [await lossesOf(trained, 'cpu'), await lossesOf(trained, device)];
      const difference = Math.max(...cpu.map((loss, i) => Math.abs((other[i] as number) - loss) / Math.abs(loss)));
      const ok = difference < 1e-3;
      results.push({ model, ok, difference, why: ok ? '' : `losses ${other}, on the CPU ${cpu}` });
    } catch (error) {
      results.push({ model, ok: false, difference: Number.NaN, why: (error as Error).message });
    }
  }
  return results;
}
