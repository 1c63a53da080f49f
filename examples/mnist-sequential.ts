// The shortest way from images to predictions.
import { parseArgs } from 'node:util';
import { layers, loadMnist, sequential } from 'steepest';

async function main() {
  const { values } = parseArgs({ options: { epochs: { type: 'string', default: '5' } } });
  const { train, test } = await loadMnist();

  const model = sequential([
    layers.dense({ units: 128, activation: 'relu', inputShape: [784] }),
    layers.dense({ units: 64, activation: 'relu' }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], seed: 1 });

  await model.fit(train.x, train.y, { epochs: Number(values.epochs), batchSize: 128, verbose: 1 });
  const { accuracy } = await model.evaluate(test.x, test.y, { batchSize: 1000 });
  console.log(`Test accuracy ${(100 * accuracy).toFixed(2)} %`);

  const probabilities = model.predictSync(test.x.subarray(0, 784));
  const digit = probabilities.indexOf(Math.max(...probabilities));
  console.log(`The first test image is a ${test.y[0]}; the model says ${digit}`);
}

main();
