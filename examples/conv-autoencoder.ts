// A convolutional autoencoder: squeezes each handwritten digit into 32 numbers, and draws it again from those.
import { parseArgs } from 'node:util';
import { layers, loadMnist, optimizers, sequential } from 'steepest';
import { writeGrid } from './support/pictures.js';

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '5' },
      /** How many of the 60,000 images to learn from. */
      limit: { type: 'string', default: '60000' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: 'out/conv-autoencoder.png' },
    },
  });
  const { train, test } = await loadMnist();
  const images = train.x.subarray(0, 784 * Number(values.limit));

  const same = { kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' } as const;
  const autoencoder = sequential([
    layers.reshape({ targetShape: [28, 28, 1], inputShape: [784] }),
    layers.conv2d({ ...same, filters: 16 }), // 14 x 14
    layers.conv2d({ ...same, filters: 32 }), // 7 x 7
    layers.flatten(),
    layers.dense({ units: 32, name: 'code' }),
    layers.dense({ units: 7 * 7 * 32, activation: 'relu' }),
    layers.reshape({ targetShape: [7, 7, 32] }),
    layers.conv2dTranspose({ ...same, filters: 16 }), // 14 x 14
    layers.conv2dTranspose({ ...same, filters: 1, activation: 'sigmoid' }), // 28 x 28
    layers.flatten(),
  ]);
  autoencoder.compile({
    optimizer: optimizers.adam({ learningRate: 2e-3 }),
    loss: 'binaryCrossentropy',
    metrics: ['meanSquaredError'],
    seed: Number(values.seed),
  });
  console.log(autoencoder.summary());
  await autoencoder.fit(images, images, { epochs: Number(values.epochs), batchSize: 128, verbose: 1 });

  const { loss, meanSquaredError } = await autoencoder.evaluate(test.x, test.x, { batchSize: 1000 });
  console.log(`Test cross-entropy ${loss.toFixed(4)}, mean squared error ${meanSquaredError.toFixed(5)} per pixel`);
  console.log(`Drawing the mean image each time has ${errorOfMean(images, test.x).toFixed(5)}`);

  const originals = test.x.subarray(0, 784 * 20);
  const drawn = autoencoder.predictSync(originals);
  const [first, second] = [0, 784 * 10].map((i) => [
    ...originals.subarray(i, i + 7840),
    ...drawn.subarray(i, i + 7840),
  ]);
  writeGrid(values.out, [...first, ...second]);
  console.log(`20 test images, each above its copy, are in ${values.out}`);
}

/** The mean squared error of an answer that ignores the question. */
function errorOfMean(images: Float32Array, others: Float32Array): number {
  const mean = new Float64Array(784);
  images.forEach((v, i) => {
    mean[i % 784] += (784 * v) / images.length;
  });
  return others.reduce((total, v, i) => total + (v - mean[i % 784]) ** 2, 0) / others.length;
}

main();
