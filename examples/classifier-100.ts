// Ten classes from a hundred features. Training stops by itself when the validation loss no longer falls.
import { callbacks, layers, makeClassification, optimizers, sequential, trainTestSplit } from 'steepest';

async function main() {
  const samples = 5000;
  const { x, y } = makeClassification({ samples, features: 100, classes: 10, separation: 3, seed: 1 });
  const { train, test } = trainTestSplit([x, y], samples, { testSize: 0.2, seed: 1 });

  const model = sequential([
    layers.dense({ units: 64, activation: 'relu', inputShape: [100] }),
    layers.dense({ units: 32, activation: 'relu' }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    seed: 1,
  });
  const { epochs } = await model.fit(...train, {
    epochs: 50,
    batchSize: 32,
    validationSplit: 0.1,
    callbacks: [callbacks.earlyStopping({ patience: 3, restoreBestWeights: true })],
  });
  console.log(`Stopped after ${epochs.length} epochs`);

  const { loss, accuracy } = await model.evaluate(...test);
  console.log(`Test loss ${loss.toFixed(4)}, test accuracy ${accuracy.toFixed(3)}`);
}

main();
