// How far does a car go on a gallon? Linear regression, by gradient descent and by the formula: they find the same line.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { applyScaling, fitScaling, layers, optimizers, sequential, trainTestSplit } from 'steepest';
import { dataFile } from './support/datasets.js';

const features = ['cylinders', 'displacement', 'horsepower', 'weight', 'acceleration', 'year', 'European', 'Japanese'];

type Car = Readonly<Record<string, number | string | null>>;

/** Row-major features, and miles per gallon, of the cars of which everything is known. */
async function readCars() {
  const cars: Car[] = JSON.parse(await readFile(dataFile('vega-datasets/data/cars.json'), 'utf8'));
  const complete = cars.filter((car) => !Object.values(car).includes(null));
  const x = complete.flatMap((car) => [
    ...['Cylinders', 'Displacement', 'Horsepower', 'Weight_in_lbs', 'Acceleration'].map((key) => Number(car[key])),
    new Date(String(car.Year)).getUTCFullYear(),
    ...['Europe', 'Japan'].map((origin) => Number(car.Origin === origin)),
  ]);
  return { x: Float32Array.from(x), y: Float32Array.from(complete, (car) => Number(car.Miles_per_Gallon)) };
}

/**
 * The w that minimizes |X w - y|^2, where X has a column of ones behind the features: solves X'X w = X'y by Gaussian
 * elimination in float64.
 */
function leastSquares(x: Float32Array, y: Float32Array): number[] {
  const n = features.length;
  const rows = Array.from(y, (target, i) => [...x.subarray(i * n, (i + 1) * n), 1, target]);
  const columns = Array.from({ length: n + 1 }, (_, i) => i);
  // X'X with X'y behind it
  const system = columns.map((i) =>
    [...columns, n + 1].map((j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)),
  );
  for (const i of columns) {
    for (const other of columns.filter((k) => k !== i)) {
      const factor = system[other][i] / system[i][i]; // X'X is positive definite: no pivot is 0
      system[other] = system[other].map((value, j) => value - factor * system[i][j]);
    }
  }
  return columns.map((i) => system[i][n + 1] / system[i][i]);
}

/** Root of the mean squared error, and the share of the variance that predictions explain. */
function quality(y: Float32Array, predicted: ArrayLike<number>) {
  const mean = y.reduce((sum, v) => sum + v, 0) / y.length;
  const squares = y.reduce((sum, v, i) => sum + (v - predicted[i]) ** 2, 0);
  const spread = y.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { rmse: Math.sqrt(squares / y.length), r2: 1 - squares / spread };
}

async function main() {
  const { values } = parseArgs({
    options: { epochs: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
  });
  const seed = Number(values.seed);
  const { x, y } = await readCars();
  const { train, test } = trainTestSplit([x, y], y.length, { testSize: 0.2, seed });
  const scaling = fitScaling(train[0], features.length);
  const [xTrain, xTest] = [applyScaling(train[0], scaling), applyScaling(test[0], scaling)];
  console.log(`${train[1].length} cars to learn from, ${test[1].length} others to be tested on`);

  const net = sequential([layers.dense({ units: 1, inputShape: [features.length] })]);
  net.compile({
    optimizer: optimizers.sgd({ learningRate: 0.05, momentum: 0.9 }),
    loss: 'meanSquaredError',
    metrics: ['rootMeanSquaredError', 'r2Score'],
    seed,
  });
  // all cars in each step: no noise is left where the steps end
  await net.fit(xTrain, train[1], { epochs: Number(values.epochs), batchSize: train[1].length });
  const { rootMeanSquaredError, r2Score } = await net.evaluate(xTest, test[1]);

  const exact = leastSquares(xTrain, train[1]);
  const predicted = Float64Array.from(test[1], (_, i) =>
    exact.reduce((sum, w, j) => sum + w * (j < features.length ? xTest[i * features.length + j] : 1), 0),
  );
  const { rmse, r2 } = quality(test[1], predicted);

  const row = (name: string, a: number, b: number, digits = 3) =>
    console.log(name.padEnd(14), a.toFixed(digits).padStart(16), b.toFixed(digits).padStart(16));
  console.log('Miles per gallon for each standard deviation of a feature:');
  console.log('gradient descent'.padStart(31), 'least squares'.padStart(16));
  const [kernel, bias] = net.getWeights();
  [...kernel.data, ...bias.data].forEach((w, i) => {
    row(features[i] ?? 'intercept', w, exact[i]);
  });
  row('Test RMSE', rootMeanSquaredError, rmse, 4);
  row('Test R2', r2Score, r2, 4);
}

main();
