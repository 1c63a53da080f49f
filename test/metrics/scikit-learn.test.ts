// Metrics against scikit-learn, on predictions of models that were trained on the Pima table and on MNIST: whole and in
// batches, with and without sample weights. data/ has the predictions, the numbers, and the scripts that made them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { layers, losses, metrics, sequential } from '../../lib/index';
import type { Results } from '../../lib/training/evaluator';
import type { LossArgument } from '../../lib/training/objective';

type Values = Readonly<Record<string, number | readonly number[]>>;
const folder = path.join(__dirname, 'data');
const read = (name: string) => JSON.parse(readFileSync(path.join(folder, name), 'utf8'));
const expected = read('scikit-learn.json') as Record<string, Values>;
const sizes = read('parts.json') as Record<string, [rows: number, width: number]>;
const bytes = gunzipSync(readFileSync(path.join(folder, 'predictions.f32.gz')));
const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));

let next = 0;
const parts = Object.fromEntries(
  Object.entries(sizes).map(([name, [rows, width]]) => {
    const values = all.subarray(next, next + rows * width);
    next += rows * width;
    return [name, values];
  }),
);
const part = (name: string): Float32Array => parts[name] as Float32Array;

interface Answers {
  readonly y: Float32Array;
  readonly p: Float32Array;
  readonly width?: number;
  readonly weights?: Float32Array | undefined;
}

/** The numbers of the native metrics, for predictions that a model passes through. */
async function evaluated(
  { y, p, width = 1, weights }: Answers,
  loss: LossArgument,
  list: readonly metrics.Metric[],
  batchSize: number,
): Promise<Results> {
  const net = sequential([layers.activation({ activation: 'linear', inputShape: [width] })]);
  const weighted = weights !== undefined;
  net.compile({ optimizer: 'sgd', loss, ...(weighted ? { weightedMetrics: list } : { metrics: list }) });
  const results = await net.evaluate(p, y, { batchSize, ...(weighted ? { sampleWeight: weights } : {}) });
  net.dispose();
  const plain = (key: string): string => key.replace(/^weighted(.)/, (_, c: string) => c.toLowerCase());
  return Object.fromEntries(Object.entries(results).map(([key, value]) => [plain(key), value])) as Results;
}

function compare(results: Results, values: Values, names: readonly string[], tolerance = 2e-6): void {
  for (const name of names) {
    const wanted = values[name];
    const pairs: [string, number | undefined, number][] = Array.isArray(wanted)
      ? wanted.map((v: number, i) => [`${name}[${i}]`, results[`${name}[${i}]`], v])
      : [[name, results[name], wanted as number]];
    for (const [key, got, value] of pairs) {
      if (!(Math.abs((got ?? Number.NaN) - value) <= tolerance * (1 + Math.abs(value)))) {
        throw new Error(`${key}: got ${got}, scikit-learn has ${value}`);
      }
    }
  }
}

const runs: readonly (readonly [string, boolean, number])[] = [
  ['at once', false, 1000],
  ['in batches of 37', false, 37],
  ['weighted, at once', true, 1000],
  ['weighted, in batches of 64', true, 64],
];

const diagnosis = (weighted: boolean): Answers => ({
  ...{ y: part('diagnosis'), p: part('diagnosisProbability') },
  ...(weighted ? { weights: part('patientWeight') } : {}),
});

describe.each(runs)('%s', (_, weighted, batchSize) => {
  const valuesOf = (kind: string): Values => expected[weighted ? `${kind}Weighted` : kind] as Values;

  test('yes or no', async () => {
    const list = [
      metrics.binaryAccuracy(),
      metrics.precision(),
      metrics.recall(),
      metrics.f1Score(),
      metrics.fBetaScore({ beta: 2, name: 'fBeta2' }),
      metrics.precision({ threshold: 0.3, name: 'precisionAt0.3' }),
      metrics.hinge(),
      // more thresholds than there are different predictions between any two of different classes: exact
      metrics.auc({ numThresholds: 1 << 17, name: 'rocAuc' }),
      metrics.auc({ capacity: 1000, name: 'rocAucExact' }),
      metrics.auc({ capacity: 768, curve: 'PR', name: 'averagePrecision' }),
      metrics.meanMetric('logLoss', losses.binaryCrossentropy()),
      metrics.meanSquaredError(),
    ];
    const results = await evaluated(diagnosis(weighted), 'binaryCrossentropy', list, batchSize);
    const values = valuesOf('binary');
    compare({ ...results, brier: results.meanSquaredError as number }, values, [
      ...['binaryAccuracy', 'precision', 'recall', 'f1Score', 'fBeta2', 'precisionAt0.3', 'hinge'],
      ...['rocAuc', 'logLoss', 'brier'],
    ]);
    // to the last digits: from the same float32 predictions, computed in float64
    compare({ ...results, rocAuc: results.rocAucExact as number }, values, ['rocAuc', 'averagePrecision'], 1e-14);
    if (!weighted) expect(results.loss).toBeCloseTo(values.logLoss as number, 6);
  });

  test('a number', async () => {
    const list = [
      metrics.meanSquaredError(),
      metrics.rootMeanSquaredError(),
      metrics.meanAbsoluteError(),
      metrics.meanSquaredLogarithmicError(),
      metrics.r2Score(),
    ];
    const answers = {
      y: part('bmi'),
      p: part('bmiPrediction'),
      ...(weighted ? { weights: part('patientWeight') } : {}),
    };
    const results = await evaluated(answers, 'mse', list, batchSize);
    compare(
      results,
      valuesOf('regression'),
      list.map((metric) => metric.name).filter((name) => name !== 'r2Score'),
    );
    compare(results, valuesOf('regression'), ['r2Score'], 1e-5); // sums of squares in float32
    // scikit-learn divides by a smaller number where the target is 0
    const positive = (values: Float32Array): Float32Array => values.filter((_v, i) => (answers.y[i] as number) > 0);
    const rest = { ...answers, y: positive(answers.y), p: positive(answers.p) };
    const kept = weighted ? { weights: positive(part('patientWeight')) } : {};
    const percentage = await evaluated({ ...rest, ...kept }, 'mse', [metrics.meanAbsolutePercentageError()], batchSize);
    compare(percentage, valuesOf('regression'), ['meanAbsolutePercentageError']);
  });

  test('one of ten classes', async () => {
    const classes = 10;
    const averages = (['micro', 'macro', 'weighted'] as const).flatMap((average) => [
      metrics.precision({ classes, average, name: `precision.${average}` }),
      metrics.recall({ classes, average, name: `recall.${average}` }),
      metrics.f1Score({ classes, average, name: `f1Score.${average}` }),
      metrics.fBetaScore({ classes, average, beta: 0.5, name: `fBeta0.5.${average}` }),
    ]);
    const list = [
      metrics.sparseCategoricalAccuracy(),
      metrics.sparseTopKCategoricalAccuracy({ k: 2, name: 'top2' }),
      metrics.sparseTopKCategoricalAccuracy({ k: 3, name: 'top3' }),
      metrics.confusionMatrix({ classes }),
      metrics.meanIoU({ classes }),
      metrics.perplexity(),
      metrics.f1Score({ classes, average: 'none', name: 'f1Score.none' }),
      ...averages,
    ];
    const answers = {
      ...{ y: part('digit'), p: part('digitProbability'), width: classes },
      ...(weighted ? { weights: part('digitWeight') } : {}),
    };
    const results = await evaluated(answers, 'sparseCategoricalCrossentropy', list, batchSize);
    const values = valuesOf('classes');
    compare(results, values, [
      ...list.map((metric) => metric.name).filter((name) => name !== 'perplexity'),
      ...['f1Score.none'],
    ]);
    compare(results, values, ['perplexity'], 1e-5);
    expect(results.confusionMatrix).toBeCloseTo(values.sparseCategoricalAccuracy as number, 6);
    if (!weighted) expect(results.loss).toBeCloseTo(values.logLoss as number, 5);

    const oneHot = Float32Array.from(answers.p, (_v, i) =>
      answers.y[Math.floor(i / classes)] === i % classes ? 1 : 0,
    );
    const wide = [
      metrics.categoricalAccuracy({ name: 'sparseCategoricalAccuracy' }),
      metrics.topKCategoricalAccuracy({ k: 2, name: 'top2' }),
      metrics.cosineSimilarity(),
      metrics.auc({ numThresholds: 1 << 20, name: 'rocAucMicro' }),
      metrics.auc({ capacity: 10_000, name: 'exactMicro' }),
      metrics.confusionMatrix({ classes }),
    ];
    const others = await evaluated({ ...answers, y: oneHot }, 'categoricalCrossentropy', wide, batchSize);
    compare(
      others,
      values,
      wide.map((metric) => metric.name).filter((name) => name !== 'exactMicro'),
      5e-6,
    );
    compare({ ...others, rocAucMicro: others.exactMicro as number }, values, ['rocAucMicro'], 1e-14);
  });
});

describe('the area under a curve', () => {
  const { y, p } = diagnosis(false);
  const areas = async (curve: 'ROC' | 'PR', numThresholds: number) =>
    (await evaluated({ y, p }, 'binaryCrossentropy', [metrics.auc({ curve, numThresholds })], 100)).auc as number;
  const values = expected.binary as Record<string, number>;

  test.each([50, 200, 1000])(
    'ROC with %i thresholds: off by less than half the share of pairs in one bucket',
    async (n) => {
      const buckets = Array.from({ length: n }, () => [0, 0] as [number, number]);
      for (const [i, v] of p.entries()) {
        const bucket = buckets[Math.max(1, Math.ceil(v * (n - 1)))] as [number, number];
        bucket[y[i] as 0 | 1]++;
      }
      const [negatives, positives] = [0, 1].map((c) => y.filter((v) => v === c).length) as [number, number];
      const ties = buckets.reduce((total, [a, b]) => total + a * b, 0) / (negatives * positives);
      const error = Math.abs((await areas('ROC', n)) - values.rocAuc);
      expect(error).toBeLessThan(ties / 2 + 1e-6);
      // what the documentation says about the default
      if (n === 200) expect(error).toBeLessThan(1e-3);
    },
  );

  test('precision and recall: interpolated, so near the average precision and the trapezoids', async () => {
    for (const n of [200, 1 << 17]) {
      const area = await areas('PR', n);
      expect(Math.abs(area - values.averagePrecision)).toBeLessThan(2e-3);
      expect(Math.abs(area - values.prTrapezoid)).toBeLessThan(2e-3);
    }
  });
});
