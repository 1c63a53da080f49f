// How much carbon dioxide will be in the air? A recurrent network forecasts the next twelve monthly means on Mauna Loa. It
// learns from the years up to 1995, stops by those up to 2003, and is tested on the years since then.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { callbacks, layers, optimizers, sequential, type Tensor } from 'steepest';
import { dataFile } from './support/datasets.js';

const year = 12;
const past = 5 * year;

interface Month {
  readonly date: string; // 1964-05-01
  readonly value: number; // parts per million
}

/** From May 1964 on no month is missing. */
async function readMonths(): Promise<Month[]> {
  const text = await readFile(dataFile('vega-datasets/data/co2-concentration.csv'), 'utf8');
  const cells = text.split('\n').map((line) => line.split(','));
  return cells
    .map(([date = '', value]) => ({ date, value: Number(value) }))
    .filter(({ date, value }) => date >= '1964-05' && value > 0);
}

/**
 * Windows over the growth since the same month of the year before, which has neither seasons nor (much of) a trend. Both the
 * past and the year to forecast are relative to the growth in the last known month: 0 means it goes on like that.
 */
function windows(months: readonly Month[], from: string, to: string) {
  const value = (i: number) => (months[i] as Month).value;
  const growth = (i: number) => value(i) - value(i - year);
  const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
  const starts = range(year + past, months.length - year + 1).filter((now) => {
    const [first, last] = [months[now]?.date ?? '', months[now + year - 1]?.date ?? ''];
    return first >= from && last < to;
  });
  const relative = (start: number, end: number, now: number) =>
    range(start, end).map((i) => growth(i) - growth(now - 1));
  return {
    x: Float32Array.from(starts.flatMap((now) => relative(now - past, now, now))),
    y: Float32Array.from(starts.flatMap((now) => relative(now, now + year, now))),
    growth: Float32Array.from(starts.flatMap((now) => range(now, now + year).map(() => growth(now - 1)))),
    count: starts.length,
  };
}

async function main() {
  const { values } = parseArgs({
    options: { epochs: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
  });
  const months = await readMonths();
  const train = windows(months, '1964', '1996');
  const validation = windows(months, '1996', '2004');
  const test = windows(months, '2004', '2100');

  const model = sequential([layers.gru({ units: 16, inputShape: [past, 1] }), layers.dense({ units: year })]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'meanAbsoluteError',
    seed: Number(values.seed),
  });
  await model.fit(train.x, train.y, {
    epochs: Number(values.epochs),
    batchSize: 32,
    validationData: [validation.x, validation.y],
    callbacks: [callbacks.earlyStopping({ patience: 20, restoreBestWeights: true })],
    verbose: 1,
  });

  const { data } = (await model.predict(test.x)) as Tensor;
  const error = (forecast: (i: number) => number) =>
    (test.y.reduce((sum, y, i) => sum + Math.abs(y - forecast(i)), 0) / test.y.length).toFixed(3);
  console.log(`Mean absolute error of ${test.count} forecasts of twelve months since 2004:`);
  console.log(`${error((i) => -(test.growth[i] as number))} ppm: as a year before`);
  console.log(`${error(() => 0)} ppm: as a year before, and growth goes on as in the last year`);
  console.log(`${error((i) => data[i] as number)} ppm: the network`);
}

main();
