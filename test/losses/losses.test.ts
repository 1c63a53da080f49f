import { gradients } from '../../lib/compile/autodiff';
import { scalar, tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import { multiply, stopGradient } from '../../lib/ir/ops/elementwise';
import { sigmoid, softmax } from '../../lib/ir/ops/nn';
import { sum } from '../../lib/ir/ops/reduce';
import * as losses from '../../lib/losses/index';
import type { Loss } from '../../lib/losses/loss';
import { reduceLoss } from '../../lib/losses/reduce';
import { type LossName, lossNames, resolveLoss } from '../../lib/losses/resolve';
import { evaluate, expectClose, fed } from '../helpers/evaluate';

const predictions = [
  [0.7, 0.2, 0.1],
  [0.05, 0.15, 0.8],
];
const distribution = [
  [1, 0, 0],
  [0.2, 0.3, 0.5],
];
const signs = [
  [1, -1, -1],
  [-1, -1, 1],
];
const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const total = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const dot = (a: number[], b: number[]): number => total(a.map((x, i) => x * b[i]));

/** Each loss by its formula, in plain numbers: (targets of a sample, predictions of a sample). */
const formulas: [string, Loss, number[][], (y: number[], p: number[]) => number][] = [
  ['mse', losses.meanSquaredError(), distribution, (y, p) => mean(y.map((v, i) => (v - p[i]) ** 2))],
  ['mae', losses.meanAbsoluteError(), distribution, (y, p) => mean(y.map((v, i) => Math.abs(v - p[i])))],
  [
    'mape',
    losses.meanAbsolutePercentageError(),
    signs,
    (y, p) => 100 * mean(y.map((v, i) => Math.abs(v - p[i]) / Math.abs(v))),
  ],
  [
    'msle',
    losses.meanSquaredLogarithmicError(),
    distribution,
    (y, p) => mean(y.map((v, i) => (Math.log1p(Math.max(v, 1e-7)) - Math.log1p(p[i])) ** 2)),
  ],
  [
    'huber',
    losses.huber({ delta: 0.25 }),
    distribution,
    (y, p) =>
      mean(
        y.map((v, i) => {
          const e = Math.abs(v - p[i]);
          return e <= 0.25 ? e ** 2 / 2 : 0.25 * e - 0.25 ** 2 / 2;
        }),
      ),
  ],
  ['logCosh', losses.logCosh(), distribution, (y, p) => mean(y.map((v, i) => Math.log(Math.cosh(v - p[i]))))],
  ['poisson', losses.poisson(), distribution, (y, p) => mean(y.map((v, i) => p[i] - v * Math.log(p[i] + 1e-7)))],
  [
    'cosine',
    losses.cosineSimilarity(),
    distribution,
    (y, p) => -dot(y, p) / Math.sqrt(dot(y, y)) / Math.sqrt(dot(p, p)),
  ],
  ['hinge', losses.hinge(), signs, (y, p) => mean(y.map((v, i) => Math.max(0, 1 - v * p[i])))],
  ['squaredHinge', losses.squaredHinge(), signs, (y, p) => mean(y.map((v, i) => Math.max(0, 1 - v * p[i]) ** 2))],
  [
    'categoricalHinge',
    losses.categoricalHinge(),
    distribution,
    (y, p) => Math.max(0, 1 + Math.max(...y.map((v, i) => (1 - v) * p[i])) - dot(y, p)),
  ],
  [
    'binaryCrossentropy',
    losses.binaryCrossentropy({ labelSmoothing: 0.2 }),
    distribution,
    (y, p) =>
      mean(
        y.map((v, i) => {
          const t = v * 0.8 + 0.1;
          return -t * Math.log(p[i]) - (1 - t) * Math.log(1 - p[i]);
        }),
      ),
  ],
  [
    'categoricalCrossentropy',
    losses.categoricalCrossentropy({ labelSmoothing: 0.3 }),
    distribution,
    (y, p) => -total(y.map((v, i) => (v * 0.7 + 0.1) * Math.log(p[i]))),
  ],
  [
    'klDivergence',
    losses.klDivergence(),
    distribution,
    (y, p) => total(y.map((v, i) => Math.max(v, 1e-7) * Math.log(Math.max(v, 1e-7) / p[i]))),
  ],
];

describe('values', () => {
  test.each(formulas)('%s', (_, loss, targets, formula) => {
    const y = fed(0, [2, 3]);
    const p = fed(1, [2, 3]);
    const result = loss(y, p);
    expect(result.shape).toEqual([2]);
    const [values] = evaluate([result], [targets.flat(), predictions.flat()]).outputs;
    expectClose(
      values,
      targets.map((row, i) => formula(row, predictions[i])),
    );
  });

  test('the last axis is averaged, further ones are entries of their own', () => {
    const result = losses.meanSquaredError()(fed(0, [2, 3, 2]), fed(1, [2, 3, 2]));
    const y = [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 6];
    expect(result.shape).toEqual([2, 3]);
    expectClose(evaluate([result], [y, new Float64Array(12)]).outputs[0], [2.5, 12.5, 30.5, 0, 0, 18]);
  });

  test('every loss gives one number for each time step of [batch, time, n]', () => {
    const n = 2;
    for (const name of lossNames.filter((key) => key !== 'ctc' && key !== 'tripletMargin')) {
      const loss = resolveLoss('test', name as LossName);
      const [labels, wide] = [loss.task === 'sparseCategorical', name === 'gaussianNLL' ? 2 * n : n];
      const y = labels ? fed(0, [2, 3], 'int32') : fed(0, [2, 3, n]);
      expect([name, loss(y, fed(1, [2, 3, wide])).shape]).toEqual([name, [2, 3]]);
    }
  });

  test('sparse labels of shape [N] and [N, 1] pick the log probability', () => {
    const expected = [-Math.log(0.2), -Math.log(0.8)];
    for (const shape of [[2], [2, 1]]) {
      const result = losses.sparseCategoricalCrossentropy()(fed(0, shape, 'int32'), fed(1, [2, 3]));
      expectClose(evaluate([result], [[1, 2], predictions.flat()]).outputs[0], expected);
    }
  });

  test('hinge takes 0 and 1 as -1 and 1', () => {
    const result = losses.hinge()(fed(0, [2, 2]), fed(1, [2, 2]));
    expectClose(
      evaluate(
        [result],
        [
          [0, 1, 1, 0],
          [0.5, 0.5, -2, -2],
        ],
      ).outputs[0],
      [1, 1.5],
    );
  });
});

describe('predictions that come straight from an activation', () => {
  const logits = [200, -200, 0, 300, 0, -300];

  test('sigmoid: exact where the probability saturates', () => {
    const z = fed(1, [2, 3]);
    const y = fed(0, [2, 3]);
    const fused = losses.binaryCrossentropy()(y, sigmoid(z));
    const [values] = evaluate([fused], [[0, 1, 0, 1, 0, 0], logits]).outputs;
    expectClose(values, [(400 + Math.LN2) / 3, Math.LN2 / 3]);
  });

  test('softmax: exact where the probability saturates, and the gradient is p - y', () => {
    const z = fed(1, [2, 3]);
    const sparse = losses.sparseCategoricalCrossentropy()(fed(0, [2], 'int32'), softmax(z));
    const dense = losses.categoricalCrossentropy()(fed(2, [2, 3]), softmax(z));
    const slopes = gradients(sum(sparse), [z]);
    const feeds = [[1, 2], logits, [0, 1, 0, 0, 0, 1]];
    const { outputs } = evaluate([sparse, dense, ...slopes], feeds);
    expectClose(outputs[0], [400, 600]);
    expectClose(outputs[1], [400, 600]);
    expectClose(outputs[2], [1, -1, 0, 1, 0, -1]);
  });

  test('also behind a stopped gradient, which stays stopped', () => {
    const z = fed(1, [2, 3]);
    const loss = losses.sparseCategoricalCrossentropy()(fed(0, [2], 'int32'), stopGradient(softmax(z)));
    const [values, slopes] = evaluate([loss, ...gradients(sum(loss), [z])], [[1, 2], logits]).outputs;
    expectClose(values, [400, 600]);
    expectClose(slopes, [0, 0, 0, 0, 0, 0]);
  });

  test('with fromLogits the predictions are taken as they are', () => {
    const z = fed(1, [1, 2]);
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits: true })(fed(0, [1], 'int32'), z);
    expectClose(evaluate([loss], [[0], [1, 3]]).outputs[0], [Math.log1p(Math.exp(2))]);
  });
});

describe('shapes', () => {
  test('[N] against [N, 1] is aligned, not broadcast to [N, N]', () => {
    const result = losses.meanSquaredError()(fed(0, [3]), fed(1, [3, 1]));
    expectClose(
      evaluate(
        [result],
        [
          [1, 2, 3],
          [1, 0, 0],
        ],
      ).outputs[0],
      [0, 4, 9],
    );
  });

  test('a mismatch names the loss and both shapes', () => {
    expect(() => losses.meanSquaredError()(fed(0, [3, 2]), fed(1, [3, 4]))).toThrow(
      'meanSquaredError: targets float32[3, 2] do not fit predictions float32[3, 4]',
    );
    expect(() => losses.sparseCategoricalCrossentropy()(fed(0, [3, 4], 'int32'), fed(1, [3, 4]))).toThrow(
      'sparseCategoricalCrossentropy: targets int32[3, 4] do not fit predictions float32[3, 4]',
    );
    expect(() => losses.categoricalCrossentropy()(fed(0, [3]), fed(1, [3, 4]))).toThrow('use the sparse loss');
  });
});

describe('reduceLoss', () => {
  const perSample = tensor([1, 2, 6]);
  const value = (t: Tensor): number => evaluate([t]).outputs[0][0];

  test('divides by the batch size, with and without weights', () => {
    expect(value(reduceLoss(perSample))).toBeCloseTo(3, 5);
    expect(value(reduceLoss(perSample, tensor([1, 0, 2])))).toBeCloseTo(13 / 3, 5);
  });

  const steps = tensor([[1, 2], [6, Number.NaN]]); // biome-ignore format: samples
  const mask = tensor([[true, true], [true, false]] as never); // biome-ignore format: samples

  test('entries that a mask leaves out are not counted, whatever they are', () => {
    expect(value(reduceLoss(steps, undefined, mask))).toBeCloseTo(9 / 3, 5);
    expect(value(reduceLoss(steps, tensor([1, 0.5]), mask))).toBeCloseTo(6 / 3, 5);
    expect(value(reduceLoss(steps, tensor([[1, 2], [0, 5]]), mask))).toBeCloseTo(5 / 3, 5); // biome-ignore format: samples
    expect(
      value(
        reduceLoss(
          steps,
          undefined,
          tensor([
            [false, false],
            [false, false],
          ] as never),
        ),
      ),
    ).toBe(0);
    expect(value(reduceLoss(perSample, undefined, tensor([[true, false], [true, true], [false, false]] as never)))) // biome-ignore format: samples
      .toBeCloseTo(3, 5);
  });

  test('a single value stays; weights need one value per sample', () => {
    expect(value(reduceLoss(scalar(5)))).toBe(5);
    expect(() => reduceLoss(scalar(5), tensor([1, 2]))).toThrow('one value per sample');
    expect(() => reduceLoss(perSample, tensor([1, 2]))).toThrow('sample weights float32[2]');
  });
});

describe('resolveLoss', () => {
  test('aliases, traits and functions', () => {
    expect(resolveLoss('compile', 'mse').name).toBe('meanSquaredError');
    const { targetDType, task } = resolveLoss('compile', 'sparseCategoricalCrossentropy');
    expect([targetDType, task]).toEqual(['int32', 'sparseCategorical']);
    const own = (y: Tensor, p: Tensor): Tensor => multiply(y, p);
    const resolved = resolveLoss('compile', own);
    expect(resolved.name).toBe('own');
    expect(resolved.targetDType).toBeUndefined();
  });

  test('errors name what is wrong', () => {
    expect(() => resolveLoss('compile', 'msee' as LossName)).toThrow(/compile: loss must be .*'mse'.*got 'msee'/);
    expect(() => losses.huber({ delta: 0 })).toThrow('losses.huber: delta must be a finite number > 0, got 0');
    expect(() => losses.binaryCrossentropy({ labelSmoothing: 2 })).toThrow('labelSmoothing');
    expect(() => losses.binaryCrossentropy({ logits: true } as never)).toThrow("unknown option 'logits'");
  });
});
