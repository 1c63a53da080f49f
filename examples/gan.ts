// Two networks against each other: one draws digits, one tells them from real ones. A loop of one's own trains them in turn.
import { parseArgs } from 'node:util';
import {
  callbacks,
  initializers,
  input,
  layers,
  loadMnist,
  type Model,
  model,
  optimizers,
  sequential,
  type WeightValue,
} from 'steepest';
import { writeGrid } from './support/pictures.js';

const latent = 64;
const batch = 64;

/** From noise to an image. */
const generatorNetwork = () =>
  sequential(
    [
      layers.dense({ units: 7 * 7 * 64, inputShape: [latent] }),
      layers.reshape({ targetShape: [7, 7, 64] }),
      layers.leakyRelu({ negativeSlope: 0.2 }),
      layers.conv2dTranspose({ filters: 32, kernelSize: 4, strides: 2, padding: 'same' }), // 14 x 14
      layers.leakyRelu({ negativeSlope: 0.2 }),
      layers.conv2dTranspose({ filters: 1, kernelSize: 4, strides: 2, padding: 'same', activation: 'sigmoid' }), // 28 x 28
      layers.flatten(),
    ],
    { name: 'generator' },
  );

/** From an image to the probability that it is real. */
const discriminatorNetwork = () =>
  sequential(
    [
      layers.reshape({ targetShape: [28, 28, 1], inputShape: [784] }),
      layers.conv2d({ filters: 32, kernelSize: 4, strides: 2, padding: 'same' }),
      layers.leakyRelu({ negativeSlope: 0.2 }),
      layers.dropout({ rate: 0.2 }),
      layers.conv2d({ filters: 64, kernelSize: 4, strides: 2, padding: 'same' }),
      layers.leakyRelu({ negativeSlope: 0.2 }),
      layers.dropout({ rate: 0.2 }),
      layers.flatten(),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ],
    { name: 'discriminator' },
  );

/** The weights of a model under the names that they have where it is a part of another one. */
const asPart = (part: Model) =>
  Object.fromEntries(part.getWeights().map(({ name, data }) => [`${part.name}/${name}`, data]));

/** The way back. */
const partOf = (weights: readonly WeightValue[], part: string) =>
  weights.filter(({ name }) => name.startsWith(`${part}/`));

/** A classifier of digits, as the judge of samples. */
async function trainJudge(x: Float32Array, y: Int32Array, seed: number): Promise<Model> {
  const judge = sequential([
    layers.dense({ units: 256, activation: 'relu', inputShape: [784] }),
    layers.dense({ units: 128, activation: 'relu' }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  judge.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], seed });
  await judge.fit(x, y, { epochs: 3, batchSize: 128 });
  return judge;
}

/** What a judge makes of images: the percentage of each digit, and how sure it is on average. */
function opinion(judge: Model, images: Float32Array): string {
  const probabilities = judge.predictSync(images);
  const counts = new Array<number>(10).fill(0);
  let sure = 0;
  for (let i = 0; i < probabilities.length; i += 10) {
    const row = probabilities.subarray(i, i + 10);
    const top = Math.max(...row);
    counts[row.indexOf(top)] += 1000 / probabilities.length;
    sure += (10 * top) / probabilities.length;
  }
  return `${counts.map((share) => share.toFixed(1).padStart(6)).join('')}   sure to ${(100 * sure).toFixed(1)} %`;
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '10' },
      /** How many of the 60,000 images to learn from. */
      limit: { type: 'string', default: '60000' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string', default: 'out/gan.png' },
    },
  });
  const [epochs, seed] = [Number(values.epochs), Number(values.seed)];
  const { train, test } = await loadMnist();
  const images = train.x.subarray(0, 784 * Number(values.limit));
  const steps = Math.floor(images.length / 784 / batch);

  // The two circle around each other; the average of the generator's weights is steadier than any of them.
  const adam = () => optimizers.adam({ learningRate: 1e-3, beta1: 0.5, useEma: true, emaMomentum: 0.999 });
  const generator = generatorNetwork();
  const discriminator = discriminatorNetwork();
  discriminator.compile({ optimizer: adam(), loss: 'binaryCrossentropy', seed });
  // The generator learns through a discriminator that stands still.
  discriminator.trainable = false;
  const noise = input({ shape: [latent] });
  const pair = model({ inputs: noise, outputs: discriminator.apply(generator.apply(noise)) });
  pair.compile({ optimizer: adam(), loss: 'binaryCrossentropy', seed });

  const drawNoise = (rows: number, stream: number) =>
    initializers.randomNormal({ stddev: 1 })([rows, latent], { seed, stream });
  // Smoothed: 0.9 instead of 1 keeps the discriminator from being too sure (Salimans et al., 2016).
  const verdicts = new Float32Array(2 * batch).fill(0.9, 0, batch);
  const real = new Float32Array(batch).fill(1);
  const both = new Float32Array(2 * batch * 784);
  const bar = callbacks.progressBar();

  const start = performance.now();
  for (let epoch = 0; epoch < epochs; epoch++) {
    let [generatorLoss, discriminatorLoss] = [0, 0];
    for (let step = 0; step < steps; step++) {
      const at = 2 * (epoch * steps + step);
      both.set(images.subarray(784 * batch * step, 784 * batch * (step + 1)));
      generator.setWeights(partOf(pair.getWeights(), 'generator'));
      both.set(generator.predictSync(drawNoise(batch, at)), 784 * batch);
      discriminatorLoss += discriminator.trainOnBatch(both, verdicts).loss;

      pair.setWeights(asPart(discriminator));
      generatorLoss += pair.trainOnBatch(drawNoise(batch, at + 1), real).loss;

      const done = step + 1;
      const samplesPerSecond = ((epoch * steps + done) * batch * 1000) / (performance.now() - start);
      const logs = { discriminatorLoss: discriminatorLoss / done, generatorLoss: generatorLoss / done };
      const progress = { epoch, step: done, samplesPerSecond, logs, ended: done === steps };
      await bar.onProgress?.(progress, { model: pair, epochs, steps, samples: steps * batch });
    }
  }
  generator.setWeights(partOf(pair.getAveragedWeights(), 'generator'));
  const judge = await trainJudge(train.x, train.y, seed);
  const { accuracy } = await judge.evaluate(test.x, test.y, { batchSize: 1000 });
  const samples = generator.predictSync(drawNoise(1000, 2 * epochs * steps));
  console.log(`A judge that is right about ${(100 * accuracy).toFixed(2)} % of the test images finds, in percent:`);
  console.log('               0     1     2     3     4     5     6     7     8     9');
  console.log(`in samples${opinion(judge, samples)}`);
  console.log(`in images ${opinion(judge, test.x.subarray(0, 784 * 1000))}`);
  writeGrid(values.out, samples.subarray(0, 100 * 784));
  console.log(`100 samples are in ${values.out}`);
}

main();
