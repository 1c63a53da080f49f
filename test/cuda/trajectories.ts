// Small models trained on a device and on the CPU, from the same weights in the same order: losses have to agree.
import { layers, type Model, type Precision, sequential, tensor } from '../../lib/index';
import type { Item } from '../helpers/isolated';
import { Random } from '../helpers/random';

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

/** Trains on the device and on the CPU. Rounding may make a loss differ by 1e-3 of it. @throws Error when one differs by more */
async function compare(trained: Trained, device: string): Promise<void> {
  const [cpu, other] = [await lossesOf(trained, 'cpu'), await lossesOf(trained, device)];
  const difference = Math.max(...cpu.map((loss, i) => Math.abs((other[i] as number) - loss) / Math.abs(loss)));
  if (!(difference < 1e-3)) throw new Error(`losses ${other}, on the CPU ${cpu}`);
}

export const trainings = (device: string): readonly Item[] =>
  models.map((trained) => ({ name: `training ${trained.name}`, run: () => compare(trained, device) }));
