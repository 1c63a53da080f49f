// What is on a photograph? A convolutional network with batch normalization and augmented images learns ten answers.
import { parseArgs } from 'node:util';
import { type Layer, layers, losses, optimizers, schedules, sequential } from 'steepest';
import { classNames, readCifar10 } from './support/cifar10';

const batchSize = 128;

/** Normalized convolution. A pooled image is a quarter of the work for what follows. */
const block = (filters: number, pool = false): Layer[] => [
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', useBias: false, kernelInitializer: 'heNormal' }),
  ...(pool ? [layers.maxPooling2d()] : []),
  layers.batchNormalization({ momentum: 0.9 }),
  layers.relu(),
];

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      /** Use only so many photographs of each part. */
      limit: { type: 'string', default: '50000' },
    },
  });
  const { train, test } = readCifar10(Number(values.limit));
  const epochs = Number(values.epochs);

  const model = sequential([
    layers.inputLayer({ shape: [32, 32, 3] }),
    // in training only: mirrored, and moved by up to four pixels
    layers.randomFlip({ mode: 'horizontal' }),
    layers.randomTranslation({ heightFactor: 0.125, widthFactor: 0.125, interpolation: 'nearest' }),
    ...block(32, true),
    ...block(64),
    ...block(64, true),
    ...block(128),
    ...block(128, true),
    ...block(256),
    layers.globalMaxPooling2d(),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: classNames.length }),
  ]);
  model.compile({
    optimizer: optimizers.sgd({
      learningRate: schedules.oneCycle({
        maxLearningRate: 0.1,
        totalSteps: Math.max(1, epochs * Math.ceil(train.y.length / batchSize)),
      }),
      momentum: 0.9,
      nesterov: true,
      weightDecay: 5e-4,
      weightDecayMode: 'l2',
    }),
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
    metrics: ['accuracy'],
    seed: Number(values.seed),
  });
  console.log(model.summary());

  const start = performance.now();
  await model.fit(train.x, train.y, { epochs, batchSize, verbose: 1 });
  const seconds = (performance.now() - start) / 1000;
  const rate = (epochs * train.y.length) / seconds;
  console.log(`Trained in ${seconds.toFixed(1)} s, ${rate.toFixed(0)} photographs per second`);

  const { loss, accuracy } = await model.evaluate(test.x, test.y, { batchSize: 500 });
  console.log(`Test loss ${loss.toFixed(4)}, test accuracy ${(100 * accuracy).toFixed(2)} %`);

  const [first] = test.y;
  const logits = model.predictSync(test.x.subarray(0, 32 * 32 * 3)) as Float32Array;
  const answer = classNames[logits.indexOf(Math.max(...logits))];
  console.log(`The first test photograph shows: ${classNames[first as number]}. The model says: ${answer}`);
}

main();
