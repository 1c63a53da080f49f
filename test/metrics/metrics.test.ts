import type { DType, Shape, Tensor } from '../../lib/ir/graph';
import { abs, subtract } from '../../lib/ir/ops/elementwise';
import { mean } from '../../lib/ir/ops/reduce';
import { resolveLoss } from '../../lib/losses/resolve';
import * as metrics from '../../lib/metrics/index';
import { type MetricTarget, resolveMetric } from '../../lib/metrics/resolve';
import { evaluate, fed } from '../helpers/evaluate';

type Data = { readonly shape: Shape; readonly values: readonly number[]; readonly dtype?: DType };

/** The reported number after batches whose sums are added up. */
function report(metric: metrics.Metric, batches: readonly { y: Data; p: Data; weights?: readonly number[] }[]): number {
  const totals = new Float64Array(metric.size);
  for (const { y, p, weights } of batches) {
    const w = weights && fed(2, [weights.length]);
    const update = metric.update(fed(0, y.shape, y.dtype), fed(1, p.shape), w, undefined, fed(3, [metric.size]));
    expect(update.shape).toEqual([metric.size]);
    const [sums] = evaluate([update], [y.values, p.values, weights ?? []]).outputs;
    sums.forEach((v, i) => {
      totals[i] += v;
    });
  }
  return metric.result(totals);
}
const binary = { y: { shape: [4, 1], values: [1, 0, 1, 1] }, p: { shape: [4, 1], values: [0.9, 0.6, 0.4, 0.7] } };
const classes = {
  y: { shape: [3], values: [0, 2, 1], dtype: 'int32' as const },
  p: { shape: [3, 3], values: [0.6, 0.3, 0.1, 0.1, 0.2, 0.7, 0.9, 0.1, 0] },
};

describe('values', () => {
  test('binary accuracy, weighted', () => {
    expect(report(metrics.binaryAccuracy(), [binary])).toBeCloseTo(0.5, 6);
    expect(report(metrics.binaryAccuracy(), [{ ...binary, weights: [3, 1, 1, 3] }])).toBeCloseTo(0.75, 6);
    expect(report(metrics.binaryAccuracy({ threshold: 0.3 }), [binary])).toBeCloseTo(0.75, 6);
  });

  test('categorical and sparse accuracy over unequal batches', () => {
    const single = {
      y: { shape: [1, 1], values: [1], dtype: 'int32' as const },
      p: { shape: [1, 3], values: [0, 1, 0] },
    };
    expect(report(metrics.sparseCategoricalAccuracy(), [classes, single])).toBeCloseTo(3 / 4, 6);
    const oneHot = { shape: [3, 3], values: [1, 0, 0, 0, 0, 1, 0, 1, 0] };
    expect(report(metrics.categoricalAccuracy(), [{ y: oneHot, p: classes.p }])).toBeCloseTo(2 / 3, 6);
  });

  test('precision and recall', () => {
    expect(report(metrics.precision(), [binary])).toBeCloseTo(2 / 3, 6);
    expect(report(metrics.recall(), [binary])).toBeCloseTo(2 / 3, 6);
    expect(report(metrics.recall(), [{ ...binary, weights: [1, 1, 2, 1] }])).toBeCloseTo(0.5, 6);
    expect(report(metrics.precision({ threshold: 0.95 }), [binary])).toBe(0);
  });

  test('regression', () => {
    const data = { y: { shape: [2, 2], values: [1, 2, 3, 4] }, p: { shape: [2, 2], values: [1, 4, 3, 0] } };
    expect(report(metrics.meanSquaredError(), [data])).toBeCloseTo(5, 5);
    expect(report(metrics.meanAbsoluteError(), [data])).toBeCloseTo(1.5, 5);
    expect(report(metrics.rootMeanSquaredError(), [data])).toBeCloseTo(Math.sqrt(5), 5);
  });

  test('no batches give 0, not NaN', () => {
    expect(metrics.binaryAccuracy().result([0, 0])).toBe(0);
  });
});

describe('resolveMetric', () => {
  const target = (loss?: Parameters<typeof resolveLoss>[1], outputShape: MetricTarget['outputShape'] = [null, 3]) => ({
    loss: loss === undefined ? undefined : resolveLoss('compile', loss),
    outputShape,
  });

  test("'accuracy' follows the loss, else the shapes", () => {
    const sparse = resolveMetric('compile', 'accuracy', target('sparseCategoricalCrossentropy'));
    expect(sparse.name).toBe('accuracy');
    expect(report(sparse, [classes])).toBeCloseTo(2 / 3, 6);
    expect(report(resolveMetric('compile', 'accuracy', target('binaryCrossentropy', [null, 1])), [binary])).toBeCloseTo(
      0.5,
      6,
    );
    const own = (y: Tensor, p: Tensor): Tensor => mean(abs(subtract(y, p)));
    expect(report(resolveMetric('compile', 'accuracy', target(own)), [classes])).toBeCloseTo(2 / 3, 6);
    expect(report(resolveMetric('compile', 'accuracy', target('mse', [null, 1])), [binary])).toBeCloseTo(0.5, 6);
  });

  test('losses and functions are metrics', () => {
    expect(resolveMetric('compile', 'mse', target()).name).toBe('mse');
    const largest = (y: Tensor, p: Tensor): Tensor => mean(abs(subtract(y, p)), 1);
    const metric = resolveMetric('compile', largest, target());
    expect(metric.name).toBe('largest');
    expect(report(metric, [binary])).toBeCloseTo((0.1 + 0.6 + 0.6 + 0.3) / 4, 6);
    const single = resolveMetric('compile', (y: Tensor, p: Tensor) => mean(abs(subtract(y, p))), target());
    expect(report(single, [binary])).toBeCloseTo(0.4, 6);
  });

  test('errors', () => {
    expect(() => resolveMetric('compile', 'acc' as never, target())).toThrow(
      /each of metrics must be .*'accuracy'.*got 'acc'/,
    );
    expect(() => metrics.precision({ threshold: Number.NaN })).toThrow('metrics.precision: threshold');
    expect(() => metrics.binaryAccuracy().update(fed(0, [3]), fed(1, [2]), undefined, undefined, fed(2, [2]))).toThrow(
      'do not fit predictions',
    );
  });
});
