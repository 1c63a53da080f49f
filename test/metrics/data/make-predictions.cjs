// Trains three models and writes what they predict: node test/metrics/data/make-predictions.cjs (after a build).
// scikit_learn_values.py makes the expected numbers from it. Float32 little-endian, in the order of `parts`, compressed.
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { gzipSync } = require('node:zlib');
const { applyScaling, fitScaling, layers, loadMnist, parseNumbers, sequential } = require('../../../dist/index.js');

async function main() {
  const table = require.resolve('@liquid-carrot/data.pima-indians-diabetes/src/index.csv');
  const { data, rows, width } = parseNumbers(readFileSync(table, 'utf8'));
  const column = (c) => data.filter((_, i) => i % width === c);
  const without = (...columns) => data.filter((_, i) => !columns.includes(i % width));
  const scaled = (x, features) => applyScaling(x, fitScaling(x, features));

  // who has diabetes, from the other columns
  const diagnosis = column(width - 1);
  const patients = scaled(without(width - 1), width - 1);
  const classifier = sequential([
    layers.dense({ units: 10, activation: 'relu', inputShape: [width - 1] }),
    layers.dense({ units: 1, activation: 'sigmoid' }),
  ]);
  classifier.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', seed: 1 });
  await classifier.fit(patients, diagnosis, { epochs: 40, batchSize: 16, verbose: 0 });

  // the body-mass index, column 5, from the other columns
  const bmi = column(5);
  const others = scaled(without(5), width - 1);
  const regressor = sequential([
    layers.dense({ units: 16, activation: 'relu', inputShape: [width - 1] }),
    layers.dense({ units: 1, activation: 'softplus' }),
  ]);
  regressor.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
  await regressor.fit(others, bmi, { epochs: 60, batchSize: 16, verbose: 0 });

  // digits: trained briefly, so that there is something to get wrong
  const { train, test } = await loadMnist();
  const count = 1000;
  const digits = sequential([
    layers.dense({ units: 32, activation: 'relu', inputShape: [784] }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  digits.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', seed: 1 });
  await digits.fit(train.x.subarray(0, 784 * 4000), train.y.subarray(0, 4000), { epochs: 2, verbose: 0 });

  const weights = (n) => Float32Array.from({ length: n }, (_, i) => 0.25 + ((i * 7) % 11) / 4);
  const parts = {
    diagnosis: { rows, values: diagnosis },
    diagnosisProbability: { rows, values: classifier.predictSync(patients) },
    bmi: { rows, values: bmi },
    bmiPrediction: { rows, values: regressor.predictSync(others) },
    patientWeight: { rows, values: weights(rows) },
    digit: { rows: count, values: Float32Array.from(test.y.subarray(0, count)) },
    digitProbability: { rows: count, values: digits.predictSync(test.x.slice(0, 784 * count)) },
    digitWeight: { rows: count, values: weights(count) },
  };
  const all = Float32Array.from(Object.values(parts).flatMap(({ values }) => [...values]));
  writeFileSync(path.join(__dirname, 'predictions.f32.gz'), gzipSync(Buffer.from(all.buffer), { level: 9 }));
  const sizes = Object.entries(parts).map(([name, { rows: n, values }]) => [name, [n, values.length / n]]);
  writeFileSync(path.join(__dirname, 'parts.json'), `${JSON.stringify(Object.fromEntries(sizes))}\n`);
}

main();
