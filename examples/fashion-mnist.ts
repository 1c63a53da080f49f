// Ten kinds of clothing in 70,000 small pictures: as many as MNIST has digits, and harder to tell apart.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type ImageSet, type Layer, layers, loadMnist, losses, optimizers, schedules, sequential } from 'steepest';

const batchSize = 128;

/** Normalized convolution. A pooled image is a quarter of the work for what follows. */
const block = (filters: number, pool = false): Layer[] => [
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', useBias: false, kernelInitializer: 'heNormal' }),
  ...(pool ? [layers.maxPooling2d()] : []),
  layers.batchNormalization({ momentum: 0.9 }),
  layers.relu(),
];

async function readData(folder: string) {
  if (!existsSync(path.join(folder, 'train-images-idx3-ubyte.gz'))) {
    throw new Error(
      `There is no Fashion-MNIST in ${folder}: run "apt-get install dataset-fashion-mnist" (Debian, Ubuntu), ` +
        'or give the folder of its four IDX files: --data FOLDER',
    );
  }
  return loadMnist(folder);
}

const head = ({ x, y }: ImageSet, count: number) => ({ x: x.subarray(0, 28 * 28 * count), y: y.subarray(0, count) });

async function main() {
  const { values } = parseArgs({
    options: {
      data: { type: 'string', default: '/usr/share/datasets/fashion-mnist' },
      epochs: { type: 'string', default: '7' },
      seed: { type: 'string', default: '1' },
      /** Use only so many pictures of each part. */
      limit: { type: 'string', default: '60000' },
    },
  });
  const data = await readData(values.data);
  const [train, test] = [data.train, data.test].map((part) => head(part, Number(values.limit)));
  const epochs = Number(values.epochs);

  const model = sequential([
    layers.reshape({ targetShape: [28, 28, 1], inputShape: [28 * 28] }),
    layers.randomFlip({ mode: 'horizontal' }), // in training only; the pictures are centred already
    ...block(32, true),
    ...block(64, true),
    ...block(128, true),
    ...block(128),
    layers.flatten(),
    layers.dropout({ rate: 0.25 }),
    layers.dense({ units: 10 }),
  ]);
  model.compile({
    optimizer: optimizers.adamw({
      learningRate: schedules.oneCycle({
        maxLearningRate: 5e-3,
        totalSteps: Math.max(1, epochs * Math.ceil(train.y.length / batchSize)),
      }),
      weightDecay: 0.01,
    }),
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
    metrics: ['accuracy'],
    seed: Number(values.seed),
  });
  console.log(model.summary());

  const start = performance.now();
  await model.fit(train.x, train.y, { epochs, batchSize, verbose: 1 });
  console.log(`Trained in ${((performance.now() - start) / 1000).toFixed(1)} s`);

  const { loss, accuracy } = await model.evaluate(test.x, test.y, { batchSize: 1000 });
  console.log(`Test loss ${loss.toFixed(4)}, test accuracy ${(100 * accuracy).toFixed(2)} %`);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
