// Who has diabetes? 768 patients, eight measurements each, read from a CSV file.
import { readFile } from 'node:fs/promises';
import { applyScaling, fitScaling, layers, optimizers, parseNumbers, sequential, trainTestSplit } from 'steepest';

async function main() {
  const path = require.resolve('@liquid-carrot/data.pima-indians-diabetes/src/index.csv');
  const { data, rows, width } = parseNumbers(await readFile(path, 'utf8'));
  const features = width - 1; // the last column is the answer
  const x = data.filter((_, i) => i % width !== features);
  const y = data.filter((_, i) => i % width === features);

  const { train, test } = trainTestSplit([x, y], rows, { testSize: 0.2, seed: 1 });
  const scaling = fitScaling(train[0], features);
  const [xTrain, yTrain] = [applyScaling(train[0], scaling), train[1]];
  const [xTest, yTest] = [applyScaling(test[0], scaling), test[1]];

  const model = sequential([
    layers.dense({ units: 10, activation: 'relu', inputShape: [features] }),
    layers.dense({ units: 1, activation: 'sigmoid' }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'binaryCrossentropy',
    metrics: ['accuracy'],
    seed: 1,
  });
  await model.fit(xTrain, yTrain, { epochs: 100, batchSize: 10 });

  const onTrain = await model.evaluate(xTrain, yTrain);
  const onTest = await model.evaluate(xTest, yTest);
  console.log(`Accuracy: ${onTrain.accuracy.toFixed(3)} on ${yTrain.length} patients trained on`);
  console.log(`Accuracy: ${onTest.accuracy.toFixed(3)} on ${yTest.length} others`);
}

main();
