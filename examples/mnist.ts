// Handwritten digits: learns 60,000 images and recognises more than 97.5 % of 10,000 others.
import { parseArgs } from 'node:util';
import { layers, loadMnist, optimizers, type Precision, sequential } from 'steepest';

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      precision: { type: 'string', default: 'float32' },
    },
  });
  const { train, test } = await loadMnist();

  const model = sequential([
    layers.dense({ units: 256, activation: 'relu', inputShape: [784] }),
    layers.dense({ units: 128, activation: 'relu' }),
    layers.dense({ units: 64, activation: 'relu' }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    seed: Number(values.seed),
    precision: values.precision as Precision,
  });
  console.log(model.summary());

  const start = performance.now();
  await model.fit(train.x, train.y, {
    epochs: Number(values.epochs),
    batchSize: 128,
    verbose: 1,
  });
  console.log(`Trained in ${((performance.now() - start) / 1000).toFixed(1)} s`);

  const { loss, accuracy } = await model.evaluate(test.x, test.y, { batchSize: 1000 });
  console.log(`Test loss ${loss.toFixed(4)}, test accuracy ${(100 * accuracy).toFixed(2)} %`);
}

main();
