// Two clouds of points in the plane: which one does a point belong to?
import { layers, makeClassification, optimizers, sequential, trainTestSplit } from 'steepest';

async function main() {
  const samples = 1000;
  const { x, y } = makeClassification({ samples, features: 2, seed: 1 });
  const { train, test } = trainTestSplit([x, y], samples, { testSize: 0.2, seed: 1 });

  const model = sequential([
    layers.dense({ units: 64, activation: 'relu', inputShape: [2] }),
    layers.dense({ units: 1, activation: 'sigmoid' }),
  ]);
  model.compile({
    optimizer: optimizers.sgd({ learningRate: 0.01 }),
    loss: 'binaryCrossentropy',
    metrics: ['accuracy'],
    seed: 1,
  });
  const history = await model.fit(...train, { epochs: 50, batchSize: 32, validationSplit: 0.1 });
  console.log(`Validation accuracy ${history.last.valAccuracy.toFixed(3)}`);

  const { loss, accuracy } = await model.evaluate(...test);
  console.log(`Test loss ${loss.toFixed(4)}, test accuracy ${accuracy.toFixed(3)}`);

  const [xTest, yTest] = test;
  const probabilities = model.predictSync(xTest.subarray(0, 2 * 5));
  probabilities.forEach((p, i) => {
    console.log(`Point ${i + 1}: class ${yTest[i]}, probability of class 1 is ${p.toFixed(3)}`);
  });
}

main();
