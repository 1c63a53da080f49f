// The functional API: layers are applied to values, which allows a branch around two of them. Validates while it trains.
import { parseArgs } from 'node:util';
import { input, layers, loadMnist, model, optimizers } from 'steepest';

async function main() {
  const { values } = parseArgs({ options: { epochs: { type: 'string', default: '5' } } });
  const { train, test } = await loadMnist();

  const image = input({ shape: [784], name: 'image' });
  const hidden = layers.dense({ units: 128, activation: 'relu' }).apply(image);
  const detail = layers.dense({ units: 128, activation: 'relu' }).apply(layers.dropout({ rate: 0.2 }).apply(hidden));
  const joined = layers.add().apply([hidden, detail]);
  const digit = layers.dense({ units: 10, activation: 'softmax', name: 'digit' }).apply(joined);

  const net = model({ inputs: image, outputs: digit });
  net.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    seed: 1,
  });
  const { history } = await net.fit(train.x, train.y, {
    epochs: Number(values.epochs),
    batchSize: 128,
    validationData: [test.x, test.y],
    verbose: 1,
  });
  const percent = history.valAccuracy.map((accuracy) => `${(100 * accuracy).toFixed(2)} %`);
  console.log(`Validation accuracy by epoch: ${percent.join(', ')}`);
}

main();
