import type { DType, Shape } from '../../lib/ir/graph';
import * as metrics from '../../lib/metrics/index';
import { sequential } from '../../lib/training/index';
import { evaluate, fed } from '../helpers/evaluate';
import { Random } from '../helpers/random';
import { layers, losses } from '../training/library';
import { classes as samples } from '../training/support';

interface Values {
  readonly shape: Shape;
  readonly values: readonly number[];
  readonly dtype?: DType;
}
interface Batch {
  readonly y: Values;
  readonly p: Values;
  readonly weights?: readonly number[];
}

function totalsOf(metric: metrics.Metric, batches: readonly Batch[]): Float64Array {
  const totals = new Float64Array(metric.size);
  for (const { y, p, weights } of batches) {
    const w = weights && fed(2, [weights.length]);
    const update = metric.update(fed(0, y.shape, y.dtype), fed(1, p.shape), w, undefined, fed(3, [metric.size]));
    expect(update.shape).toEqual([metric.size]);
    const [sums] = evaluate([update], [y.values, p.values, weights ?? [], totals]).outputs;
    for (let i = 0; i < totals.length; i++) totals[i] += sums[i];
  }
  return totals;
}
/** A hundred points, 1 inside of a circle. */
function circles(): { x: Float32Array; labels: Float32Array } {
  const random = new Random(3);
  const x = Float32Array.from({ length: 200 }, () => random.uniform(-1, 1));
  const labels = Float32Array.from({ length: 100 }, (_, i) => (Math.hypot(x[2 * i], x[2 * i + 1]) < 0.7 ? 1 : 0));
  return { x, labels };
}
const report = (metric: metrics.Metric, ...batches: Batch[]): number => metric.result(totalsOf(metric, batches));

/** True classes 0 0 1 2 2, taken for 0 1 1 2 0. */
const three: Batch = {
  y: { shape: [5], values: [0, 0, 1, 2, 2], dtype: 'int32' },
  p: { shape: [5, 3], values: [0.8, 0.1, 0.1, 0.3, 0.6, 0.1, 0, 1, 0, 0.2, 0.2, 0.6, 0.5, 0.1, 0.4] },
};
const oneHot: Batch = { ...three, y: { shape: [5, 3], values: [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1] } };

describe('precision, recall and F over classes', () => {
  // precision 1/2, 1/2, 1; recall 1/2, 1, 1/2; F1 1/2, 2/3, 2/3
  test.each([
    ['micro', 3 / 5],
    ['macro', (1 / 2 + 1 / 2 + 1) / 3],
    ['weighted', (2 * (1 / 2) + 1 * (1 / 2) + 2 * 1) / 5],
    ['none', (1 / 2 + 1 / 2 + 1) / 3],
  ] as const)('precision, %s', (average, expected) => {
    expect(report(metrics.precision({ classes: 3, average }), three)).toBeCloseTo(expected, 6);
  });

  test('one-hot targets use the threshold', () => {
    // above 0.5: 0, 1, 1, 2, nothing
    expect(report(metrics.precision({ classes: 3 }), oneHot)).toBeCloseTo(3 / 4, 6);
    expect(report(metrics.recall({ classes: 3 }), oneHot)).toBeCloseTo(3 / 5, 6);
  });

  test('each class, over several batches', () => {
    const metric = metrics.recall({ classes: 3, average: 'none' });
    const all = metric.resultAll?.(totalsOf(metric, [three, three])) ?? [];
    expect(all).toHaveLength(3);
    for (const [i, r] of [0.5, 1, 0.5].entries()) expect(all[i]).toBeCloseTo(r, 6);
  });

  test('F scores, and sample weights', () => {
    expect(report(metrics.f1Score({ classes: 3, average: 'macro' }), three)).toBeCloseTo(
      (1 / 2 + 2 / 3 + 2 / 3) / 3,
      6,
    );
    const beta = metrics.fBetaScore({ beta: 2, classes: 3, average: 'macro' });
    const f2 = (p: number, r: number): number => (5 * p * r) / (4 * p + r);
    expect(report(beta, three)).toBeCloseTo((f2(0.5, 0.5) + f2(0.5, 1) + f2(1, 0.5)) / 3, 6);
    expect(report(metrics.precision({ classes: 3 }), { ...three, weights: [1, 0, 1, 1, 2] })).toBeCloseTo(3 / 5, 6);
    expect(
      report(metrics.recall({ classes: 3, average: 'macro' }), { ...three, weights: [3, 1, 1, 1, 1] }),
    ).toBeCloseTo((0.75 + 1 + 0.5) / 3, 6);
  });

  test('errors', () => {
    expect(() => metrics.precision({ average: 'macro' })).toThrow("metrics.precision: average 'macro' needs classes");
    expect(() => metrics.fBetaScore({ beta: 0 })).toThrow('metrics.fBetaScore: beta must be');
    expect(() => report(metrics.recall({ classes: 4 }), three)).toThrow('recall: expected predictions of 4 classes');
  });
});

describe('auc', () => {
  const y = [0, 0, 1, 1, 0, 1, 1, 0];
  const p = [0.1, 0.4, 0.35, 0.8, 0.65, 0.9, 0.55, 0.2];
  const batch: Batch = { y: { shape: [8, 1], values: y }, p: { shape: [8, 1], values: p } };
  const pairs = y.flatMap((a, i) => (a === 1 ? y.flatMap((b, j) => (b === 0 ? [Math.sign(p[i] - p[j])] : [])) : []));
  const exact = pairs.reduce((acc, s) => acc + (s + 1) / 2, 0) / pairs.length;

  test('ROC: the share of pairs in the right order', () => {
    expect(report(metrics.auc(), batch)).toBeCloseTo(exact, 6);
    const half = (from: number): Batch => ({
      y: { shape: [4], values: y.slice(from, from + 4) },
      p: { shape: [4], values: p.slice(from, from + 4) },
    });
    expect(report(metrics.auc(), half(0), half(4))).toBeCloseTo(exact, 6);
    const z = p.map((q) => Math.log(q / (1 - q)));
    expect(report(metrics.auc({ fromLogits: true }), { ...batch, p: { shape: [8, 1], values: z } })).toBeCloseTo(
      exact,
      6,
    );
    expect(report(metrics.auc(), { ...batch, weights: y.map(() => 3) })).toBeCloseTo(exact, 6);
  });

  test('ties count half; a perfect, a reversed and a missing class', () => {
    const of = (values: number[], targets = [0, 0, 1, 1]): number =>
      report(metrics.auc(), { y: { shape: [4], values: targets }, p: { shape: [4], values } });
    expect(of([0.5, 0.5, 0.5, 0.5])).toBeCloseTo(0.5, 6);
    expect(of([0, 0, 1, 1])).toBe(1);
    expect(of([1, 1, 0, 0])).toBe(0);
    expect(of([0, 0.2, 1, 1], [1, 1, 1, 1])).toBe(0);
  });

  test('PR: 1 for a perfect order, the share of positives for none', () => {
    const of = (values: number[], targets: number[]): number => {
      const shape = [values.length];
      return report(metrics.auc({ curve: 'PR' }), { y: { shape, values: targets }, p: { shape, values } });
    };
    expect(of([0.1, 0.2, 0.7, 0.9], [0, 0, 1, 1])).toBeCloseTo(1, 6);
    expect(of([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 1])).toBeCloseTo(0.25, 6);
    // from 1 of 2 to 2 of 3 the curve is (1 + t) / (2 + t)
    expect(of([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBeCloseTo((2 - Math.log(1.5)) / 2, 6);
  });
});

describe('the exact area under a curve', () => {
  const [batches, size] = [[4, 1, 7, 3], 15];
  const random = new Random(5);
  // ties, zeros of both signs, numbers that are no probabilities
  const y = Array.from({ length: size }, () => random.int(0, 1));
  const p = Array.from({ length: size }, (_, i) =>
    i === 3 ? -0 : i === 9 ? Number.POSITIVE_INFINITY : random.int(-2, 2),
  );
  const w = Array.from({ length: size }, () => random.int(0, 3) / 2);
  const split = (weighted: boolean): Batch[] => {
    let at = 0;
    return batches.map((n) => {
      const part = (v: readonly number[]) => v.slice(at, at + n);
      const [values, scores, weights] = [part(y), part(p), part(w)];
      at += n;
      const batch = { y: { shape: [n, 1], values }, p: { shape: [n, 1], values: scores } };
      return weighted ? { ...batch, weights } : batch;
    });
  };
  const pairs = (weights: readonly number[]): number => {
    let [right, all] = [0, 0];
    for (const i of y.keys()) {
      for (const j of y.keys()) {
        if (y[i] !== 1 || y[j] !== 0) continue;
        const weight = weights[i] * weights[j];
        right += weight * (p[i] > p[j] ? 1 : p[i] === p[j] ? 0.5 : 0);
        all += weight;
      }
    }
    return right / all;
  };
  /** As scikit-learn: the thresholds are the different scores. */
  const precisions = (weights: readonly number[]): number => {
    const above = (t: number, label: number): number =>
      y.reduce((total, v, i) => total + (v === label && p[i] >= t ? weights[i] : 0), 0);
    let [before, area] = [0, 0];
    for (const t of [...new Set(p)].sort((a, b) => b - a)) {
      const [tp, fp] = [above(t, 1), above(t, 0)];
      if (tp + fp === 0) continue;
      area += (tp - before) * (tp / (tp + fp));
      before = tp;
    }
    return area / before;
  };

  test.each([false, true])('over batches (weights: %s), against the definitions', (weighted) => {
    const weights = weighted ? w : w.map(() => 1);
    for (const capacity of [size, 40]) {
      expect(report(metrics.auc({ capacity }), ...split(weighted))).toBeCloseTo(pairs(weights), 12);
      const pr = metrics.auc({ curve: 'PR', capacity });
      expect(report(pr, ...split(weighted))).toBeCloseTo(precisions(weights), 12);
    }
  });

  test('NaN is ranked below all others, as a tie', () => {
    const nan = Number.NaN;
    const batch = (targets: number[], scores: number[]): Batch => {
      const shape = [targets.length];
      return { y: { shape, values: targets }, p: { shape, values: scores } };
    };
    const metric = metrics.auc({ capacity: 8 });
    expect(report(metric, batch([1, 0, 1], [nan, -3, 2]))).toBe(0.5);
    expect(report(metric, batch([1, 0], [nan, nan]))).toBe(0.5);
    expect(report(metric, batch([1, 1], [1, 2]))).toBe(0);
    expect(report(metrics.auc({ curve: 'PR', capacity: 8 }), batch([0, 0], [1, 2]))).toBe(0);
  });

  test('errors', () => {
    expect(() => report(metrics.auc({ capacity: size - 1 }), ...split(false))).toThrow(
      'metric auc: an epoch has 15 predictions, more than its capacity of 14',
    );
    expect(() => metrics.auc({ capacity: 0 })).toThrow('metrics.auc: capacity must be a whole number in 1 .. 8388608');
    expect(() => metrics.auc({ capacity: 9, numThresholds: 9 })).toThrow('capacity and numThresholds exclude');
  });

  test('in fit, with validation: the same as afterwards', async () => {
    const { x, labels } = circles();
    const net = sequential([
      layers.dense({ units: 8, activation: 'tanh', inputShape: [2] }),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ]);
    const list = [metrics.auc({ capacity: 100 }), metrics.auc({ curve: 'PR', capacity: 100, name: 'precision' })];
    net.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: list, seed: 1 });
    const { history } = await net.fit(x, labels, {
      ...{ epochs: 3, batchSize: 7, verbose: 0, validationData: [x, labels] as never },
    });
    const scores = net.predictSync(x);
    let [right, all] = [0, 0];
    for (const [i, a] of labels.entries()) {
      for (const [j, b] of labels.entries()) {
        if (a !== 1 || b !== 0) continue;
        all++;
        right += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
      }
    }
    expect(history.valAuc?.at(-1)).toBeCloseTo(right / all, 12);
    const { auc } = await net.evaluate(x, labels, { batchSize: 30 });
    expect(auc).toBe(history.valAuc?.at(-1));
    expect(history.auc).toHaveLength(3);
    net.dispose();
  });
});
describe('confusion matrix and intersection over union', () => {
  test('counts rows of true classes', () => {
    const metric = metrics.confusionMatrix({ classes: 3 });
    const totals = totalsOf(metric, [three, { ...oneHot, weights: [1, 1, 1, 1, 3] }]);
    expect(metric.resultAll?.(totals)).toEqual([2, 2, 0, 0, 2, 0, 4, 0, 2]);
    expect(metric.result(totals)).toBeCloseTo(6 / 12, 6);
  });

  test('mean over the classes that occur', () => {
    expect(report(metrics.meanIoU({ classes: 3 }), three)).toBeCloseTo((1 / 3 + 1 / 2 + 1 / 2) / 3, 6);
    const pixels: Batch = {
      y: { shape: [1, 2, 2], values: [0, 0, 0, 0], dtype: 'int32' },
      p: { shape: [1, 2, 2, 3], values: [1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0] },
    };
    expect(report(metrics.meanIoU({ classes: 3 }), pixels)).toBeCloseTo((3 / 4 + 0) / 2, 6);
    expect(() => metrics.meanIoU({ classes: 1 })).toThrow('metrics.meanIoU: classes must be an integer >= 2');
  });
});

test('top k', () => {
  const top2 = report(metrics.sparseTopKCategoricalAccuracy({ k: 2 }), three);
  expect(top2).toBeCloseTo(1, 6);
  expect(report(metrics.sparseTopKCategoricalAccuracy({ k: 1 }), three)).toBeCloseTo(3 / 5, 6);
  expect(report(metrics.topKCategoricalAccuracy({ k: 2 }), oneHot)).toBeCloseTo(1, 6);
  const broken = { ...three, p: { shape: [5, 3], values: three.p.values.map(() => Number.NaN) } };
  expect(report(metrics.sparseTopKCategoricalAccuracy({ k: 1 }), broken)).toBe(0);
});

test('regression', () => {
  const data: Batch = { y: { shape: [4], values: [1, 2, 3, 4] }, p: { shape: [4], values: [1.5, 2, 2, 4] } };
  expect(report(metrics.r2Score(), data)).toBeCloseTo(1 - 1.25 / 5, 6);
  expect(report(metrics.r2Score(), { ...data, y: { shape: [4], values: [2, 2, 2, 2] } })).toBe(0);
  const vectors: Batch = { y: { shape: [2, 2], values: [1, 0, 1, 1] }, p: { shape: [2, 2], values: [2, 0, 1, -1] } };
  expect(report(metrics.cosineSimilarity(), vectors)).toBeCloseTo(0.5, 6);
  expect(report(metrics.meanAbsolutePercentageError(), data)).toBeCloseTo((100 * (0.5 + 1 / 3)) / 4, 4);
});

test('perplexity of a uniform guess is the number of classes', () => {
  const uniform = { ...three, p: { shape: [5, 3], values: three.p.values.map(() => 0) } };
  expect(report(metrics.perplexity({ fromLogits: true }), uniform)).toBeCloseTo(3, 5);
});

describe('options', () => {
  const { meanMetric: _, sumMetric: __, ...factories } = metrics;
  const required: Partial<Record<string, object>> = { confusionMatrix: { classes: 3 }, meanIoU: { classes: 3 } };

  test.each(Object.entries(factories))(
    '%s has a name that can be chosen, and refuses what it does not know',
    (kind, factory) => {
      const make = factory as (options?: unknown) => metrics.Metric;
      const options = required[kind];
      expect(make(options).name).toBe(kind);
      expect(make({ ...options, name: 'err' }).name).toBe('err');
      for (const name of ['', 5, Number.NaN, null, {}, Symbol('a')]) {
        const message = `metrics.${kind}: name must be a string that is not empty, got`;
        expect(() => make({ ...options, name })).toThrow(message);
      }
      expect(() => make({ ...options, name: '__proto__' })).toThrow(`metrics.${kind}: name must be another string`);
      expect(() => make({ ...options, nmae: 'err' })).toThrow(`metrics.${kind}: unknown option 'nmae'`);
      expect(() => make(5)).toThrow(`metrics.${kind}: the options must be an object, got 5`);
    },
  );

  test('those of perplexity are its own', () => {
    expect(() => metrics.perplexity({ fromLogits: 1 as never })).toThrow('metrics.perplexity: fromLogits must be');
    expect(() => metrics.perplexity({ ignoreClass: 0.5 })).toThrow('metrics.perplexity: ignoreClass must be');
  });
});

test('means and sums of a function', () => {
  const first = metrics.sumMetric('total', losses.meanSquaredError());
  const data: Batch = { y: { shape: [2, 1], values: [1, 2] }, p: { shape: [2, 1], values: [3, 3] }, weights: [1, 2] };
  expect(report(first, data)).toBeCloseTo(6, 6);
  expect(report(metrics.meanMetric('mean', losses.meanSquaredError()), data)).toBeCloseTo(2, 6);
});

test('training reports all numbers of a metric', async () => {
  const net = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })]);
  const list = [
    metrics.confusionMatrix({ classes: 3 }),
    metrics.recall({ classes: 3, average: 'none' as const }),
    'accuracy' as const,
  ];
  net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: list, seed: 1 });
  const { x, y } = samples(50);
  const { history } = await net.fit(x, y, { epochs: 2, batchSize: 16, seed: 1 });
  const cells = Array.from({ length: 9 }, (_, i) => history[`confusionMatrix[${i}]`][1]);
  expect(cells.reduce((a, b) => a + b, 0)).toBe(50);
  expect((cells[0] + cells[4] + cells[8]) / 50).toBeCloseTo(history.accuracy[1], 6);
  expect(history.confusionMatrix[1]).toBeCloseTo(history.accuracy[1], 6);
  expect(history['recall[0]'][1]).toBeCloseTo(cells[0] / (cells[0] + cells[1] + cells[2]), 6);
  net.dispose();
});
