// A variational autoencoder: learns a space of 20 dimensions in which every point is a handwritten digit.
import { parseArgs } from 'node:util';
import { input, layers, loadMnist, losses, model, ops, optimizers, sequential, type Tensor } from 'steepest';
import { writeGrid } from './support/pictures.js';

const latent = 20;

/**
 * Draws z from the normal distribution with the given mean and log variance [batch, latent]: mean + deviation * noise, so
 * that gradients reach both. Adds to the loss how far the distribution is from a standard normal one, in nats per image:
 * KL = (mean^2 + variance - log variance - 1) / 2, summed over the dimensions (Kingma and Welling, 2014).
 */
const sampling = () =>
  layers.define({
    kind: 'sampling',
    call: ([mean, logVariance], _weights, context) => {
      const variance = ops.exp(logVariance);
      const terms = ops.subtract(ops.add(ops.square(mean), variance), ops.add(logVariance, 1));
      context.addLoss(ops.mean(ops.multiply(ops.sum(terms, -1), 0.5)));
      const noise = ops.randomNormal(mean.shape);
      return ops.add(mean, ops.multiply(ops.sqrt(variance), noise));
    },
  });

/** -log p(x | z) in nats per image. A grey pixel counts as the probability that it is white. */
const reconstruction = (x: Tensor, p: Tensor) => ops.multiply(losses.binaryCrossentropy()(x, p), 784);

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '30' },
      /** How many of the 60,000 images to learn from. */
      limit: { type: 'string', default: '60000' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: 'out/vae.png' },
    },
  });
  const seed = Number(values.seed);
  const { train, test } = await loadMnist();
  const images = train.x.subarray(0, 784 * Number(values.limit));

  const x = input({ shape: [784] });
  const hidden = layers.dense({ units: 512, activation: 'relu' }).apply(x);
  const features = layers.dense({ units: 256, activation: 'relu' }).apply(hidden);
  const mean = layers.dense({ units: latent, name: 'mean' }).apply(features);
  const logVariance = layers.dense({ units: latent, name: 'logVariance' }).apply(features);
  const z = sampling().apply([mean, logVariance]);
  const decoder = sequential(
    [
      layers.dense({ units: 256, activation: 'relu', inputShape: [latent] }),
      layers.dense({ units: 512, activation: 'relu' }),
      layers.dense({ units: 784, activation: 'sigmoid' }),
    ],
    { name: 'decoder' },
  );
  const vae = model({ inputs: x, outputs: decoder.apply(z) });
  vae.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: reconstruction,
    metrics: [reconstruction],
    seed,
  });
  await vae.fit(images, images, { epochs: Number(values.epochs), batchSize: 128, verbose: 1 });

  const onTest = await vae.evaluate(test.x, test.x, { batchSize: 1000 });
  const kl = onTest.loss - onTest.reconstruction;
  console.log(`Test ELBO ${(-onTest.loss).toFixed(2)} nats per image`);
  console.log(`of which reconstruction ${(-onTest.reconstruction).toFixed(2)} and divergence ${(-kl).toFixed(2)}`);

  // The decoder is a model of its own, and takes over what it learned as a part of the other.
  decoder.setWeights(vae.getWeights().filter(({ name }) => name.startsWith('decoder/')));
  const points = ops.randomNormal([100, latent], 0, 1, { seed }).data as Float32Array;
  writeGrid(values.out, decoder.predictSync(points));
  console.log(`100 digits that nobody wrote are in ${values.out}`);
}

main();
