// Male or female? Logistic regression on the measures of 333 penguins: as many weights as features, and all can be read.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { applyScaling, fitScaling, layers, optimizers, sequential, trainTestSplit } from 'steepest';
import { dataFile } from './support/datasets.js';

const measures = ['Beak Length (mm)', 'Beak Depth (mm)', 'Flipper Length (mm)', 'Body Mass (g)'];
const species = ['Chinstrap', 'Gentoo']; // both 0: Adelie
const features = [...measures, ...species];

/** Row-major features, and 1 for males, of the penguins that were measured and whose sex is known. */
async function readPenguins() {
  const all: Record<string, number | string | null>[] = JSON.parse(
    await readFile(dataFile('vega-datasets/data/penguins.json'), 'utf8'),
  );
  const known = all.filter((p) => p.Sex === 'MALE' || p.Sex === 'FEMALE');
  const x = known.flatMap((p) => [
    ...measures.map((m) => Number(p[m])),
    ...species.map((s) => Number(p.Species === s)),
  ]);
  return { x: Float32Array.from(x), y: Float32Array.from(known, (p) => Number(p.Sex === 'MALE')) };
}

async function main() {
  const { values } = parseArgs({
    options: { epochs: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
  });
  const seed = Number(values.seed);
  const { x, y } = await readPenguins();
  const { train, test } = trainTestSplit([x, y], y.length, { testSize: 0.25, seed });
  const scaling = fitScaling(train[0], features.length);

  const net = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [features.length] })]);
  net.compile({
    optimizer: optimizers.adam({ learningRate: 0.05 }),
    loss: 'binaryCrossentropy',
    metrics: ['accuracy', 'auc'],
    seed,
  });
  await net.fit(applyScaling(train[0], scaling), train[1], { epochs: Number(values.epochs), batchSize: 32 });

  const { loss, accuracy, auc } = await net.evaluate(applyScaling(test[0], scaling), test[1]);
  const males = test[1].reduce((sum, v) => sum + v, 0) / test[1].length;
  console.log(`Test accuracy ${accuracy.toFixed(3)} on ${test[1].length} penguins, ${males.toFixed(3)} of them male`);
  console.log(`Test loss ${loss.toFixed(4)}, area under the curve ${auc.toFixed(4)}`);

  const [kernel, bias] = net.getWeights();
  console.log('Weight of each feature, and what one standard deviation more makes of the odds of a male:');
  features.forEach((name, i) => {
    const w = kernel.data[i];
    console.log(`${name.padEnd(20)} ${w.toFixed(2).padStart(6)}   x ${Math.exp(w).toPrecision(3)}`);
  });
  console.log(`${'intercept'.padEnd(20)} ${bias.data[0].toFixed(2).padStart(6)}`);
}

main();
