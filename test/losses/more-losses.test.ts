import { gradients } from '../../lib/compile/autodiff';
import { compile, StateLayout } from '../../lib/compile/index';
import { tensor } from '../../lib/ir/build';
import type { DType, Shape, Tensor } from '../../lib/ir/graph';
import { sum } from '../../lib/ir/ops/reduce';
import { interpret } from '../../lib/ir/reference';
import * as losses from '../../lib/losses/index';
import type { Loss } from '../../lib/losses/loss';
import { loadAddon } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { float, int } from '../helpers/cases/inputs';
import { evaluate, expectClose, fed } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';
import { problem } from '../helpers/native';
import { Random } from '../helpers/random';

interface Values {
  readonly shape: Shape;
  readonly values: readonly number[];
  readonly dtype?: DType;
}

/** Values of a loss for each sample, in float64. */
function valuesOf(loss: Loss, y: Values, p: Values): number[] {
  const result = loss(fed(0, y.shape, y.dtype), fed(1, p.shape));
  expect(result.shape).toEqual([p.shape[0]]);
  return [...evaluate([result], [y.values, p.values]).outputs[0]] as number[];
}

/** The derivative by the predictions against differences. */
function checkGradient(loss: Loss, y: Values, p: Values): void {
  const [target, pred] = [fed(0, y.shape, y.dtype), fed(1, p.shape)];
  const total = sum(loss(target, pred));
  const run = (values: readonly number[]) => evaluate([total, ...gradients(total, [pred])], [y.values, values]).outputs;
  const slope = run(p.values)[1];
  const h = 1e-5;
  const differences = p.values.map((_, i) => {
    const at = (d: number): number => run(p.values.map((v, j) => (i === j ? v + d : v)))[0][0];
    return (at(h) - at(-h)) / (2 * h);
  });
  expectClose(slope, differences, 1e-5);
}

const logits: Values = { shape: [3, 4], values: [0.2, -1, 0.7, 1.5, 2, 0.1, -0.4, 0.3, -1.2, 0.8, 0.4, -0.6] };
const labels: Values = { shape: [3], values: [2, 0, 3], dtype: 'int32' };
const softmaxRows = Array.from({ length: 3 }, (_, r) => {
  const e = logits.values.slice(4 * r, 4 * r + 4).map(Math.exp);
  return e.map((v) => v / e.reduce((a, b) => a + b, 0));
});
const plain = labels.values.map((label, r) => -Math.log(softmaxRows[r][label]));

describe('sparse crossentropy', () => {
  const fromLogits = true;

  test('ignored entries count 0, the others are averaged', () => {
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits, ignoreClass: -1 });
    const some = { ...labels, values: [2, -1, 3] };
    expectClose(valuesOf(loss, some, logits), [plain[0] * 1.5, 0, plain[2] * 1.5]);
    expectClose(valuesOf(loss, { ...labels, values: [-1, -1, -1] }, logits), [0, 0, 0]);
    checkGradient(loss, some, logits);
  });

  test('class weights, divided by the size or by their sum', () => {
    const classWeights = [0.5, 1, 2, 3];
    const weights = [2, 0.5, 3];
    const weightedValues = plain.map((v, i) => v * weights[i]);
    expectClose(
      valuesOf(losses.sparseCategoricalCrossentropy({ fromLogits, classWeights }), labels, logits),
      weightedValues,
    );
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits, classWeights, normalization: 'weights' });
    expectClose(
      valuesOf(loss, labels, logits),
      weightedValues.map((v) => (v * 3) / 5.5),
    );
    checkGradient(loss, labels, logits);
    const oneHot = { shape: [3, 4], values: [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1] };
    const categorical = losses.categoricalCrossentropy({ fromLogits, classWeights: tensor(classWeights) });
    expectClose(valuesOf(categorical, oneHot, logits), weightedValues);
  });

  test('label smoothing is that of one-hot targets', () => {
    const smoothed = losses.sparseCategoricalCrossentropy({ fromLogits, labelSmoothing: 0.2 });
    const expected = plain.map((v, r) => {
      const uniform = -softmaxRows[r].reduce((a, q) => a + Math.log(q), 0) / 4;
      return 0.8 * v + 0.2 * uniform;
    });
    expectClose(valuesOf(smoothed, labels, logits), expected);
  });

  test('errors', () => {
    expect(() => losses.sparseCategoricalCrossentropy({ ignoreClass: 0.5 })).toThrow('ignoreClass must be an integer');
    expect(() => losses.categoricalCrossentropy({ classWeights: [1, -1] })).toThrow('classWeights[1] must be');
    expect(() => losses.categoricalCrossentropy({ normalization: 'sum' as never })).toThrow("one of 'size', 'weights'");
    const short = losses.sparseCategoricalCrossentropy({ classWeights: [1, 2] });
    expect(() => valuesOf(short, labels, logits)).toThrow('a number for each of 4 classes, got float32[2]');
  });
});

describe('focal', () => {
  const y: Values = { shape: [2, 2], values: [1, 0, 0, 1] };
  const p: Values = { shape: [2, 2], values: [0.9, 0.3, 0.2, 0.6] };
  const right = [0.9, 0.7, 0.8, 0.6];
  const mean = (v: number[]): number[] => [(v[0] + v[1]) / 2, (v[2] + v[3]) / 2];

  test('binary', () => {
    const value = right.map((q) => -((1 - q) ** 2) * Math.log(q));
    expectClose(valuesOf(losses.binaryFocalCrossentropy(), y, p), mean(value));
    const balanced = losses.binaryFocalCrossentropy({ applyClassBalancing: true });
    expectClose(valuesOf(balanced, y, p), mean(value.map((v, i) => v * [0.25, 0.75, 0.75, 0.25][i])));
    const z = { ...p, values: p.values.map((q) => Math.log(q / (1 - q))) };
    const fromLogits = losses.binaryFocalCrossentropy({ fromLogits: true });
    expectClose(valuesOf(fromLogits, y, z), mean(value));
    checkGradient(fromLogits, y, z);
    expectClose(valuesOf(losses.binaryFocalCrossentropy({ gamma: 0 }), y, p), mean(right.map((q) => -Math.log(q))));
  });

  test('categorical', () => {
    const oneHot = { shape: [3, 4], values: [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1] };
    const expected = labels.values.map((label, r) => {
      const q = softmaxRows[r][label];
      return -0.25 * (1 - q) ** 2 * Math.log(q);
    });
    const loss = losses.categoricalFocalCrossentropy({ fromLogits: true });
    expectClose(valuesOf(loss, oneHot, logits), expected);
    expectClose(
      valuesOf(losses.categoricalFocalCrossentropy(), oneHot, { shape: [3, 4], values: softmaxRows.flat() }),
      expected,
    );
    checkGradient(loss, oneHot, logits);
  });
});

test.each(Object.entries(losses))('%s refuses options that it does not know', (name, factory) => {
  const make = factory as (options?: unknown) => Loss;
  expect(make(undefined).name).toBe(name);
  expect(make({}).name).toBe(name);
  expect(() => make({ reduction: 'sum' })).toThrow(`losses.${name}: unknown option 'reduction'; `);
  expect(() => make(5)).toThrow(`losses.${name}: the options must be an object, got 5`);
});

test('smoothL1 is huber divided by its delta', () => {
  const y = { shape: [2, 2], values: [0, 0, 0, 0] };
  const p = { shape: [2, 2], values: [0.1, -0.5, 3, -2] };
  const expected = valuesOf(losses.huber({ delta: 0.5 }), y, p).map((v) => v / 0.5);
  expectClose(valuesOf(losses.smoothL1({ beta: 0.5 }), y, p), expected);
});

test('contrastive', () => {
  const y = { shape: [3, 1], values: [1, 0, 0] };
  const d = { shape: [3, 1], values: [0.4, 0.3, 1.7] };
  expectClose(valuesOf(losses.contrastive(), y, d), [0.16, 0.49, 0]);
});

test('triplet margin with swap, and its shapes', () => {
  const triplet = { shape: [1, 3, 2], values: [0, 0, 0, 1, 0, 1.5] };
  const any = { shape: [1], values: [0] };
  expectClose(valuesOf(losses.tripletMargin(), any, triplet), [0.5], 1e-5);
  expectClose(valuesOf(losses.tripletMargin({ swap: true }), any, triplet), [1.5], 1e-5);
  expect(() => valuesOf(losses.tripletMargin(), any, { shape: [1, 2], values: [0, 0] })).toThrow(
    '[batch, 3, features]',
  );
});

test('gaussian likelihood', () => {
  const y = { shape: [2, 1], values: [1, 0] };
  const p = { shape: [2, 2], values: [0.5, 2, 1, 0.1] };
  const expected = [0.5 * (Math.log(2) + 0.125), 0.5 * (Math.log(0.1) + 10)];
  expectClose(valuesOf(losses.gaussianNLL(), y, p), expected);
  const constant = 0.5 * Math.log(2 * Math.PI);
  expectClose(
    valuesOf(losses.gaussianNLL({ full: true }), y, p),
    expected.map((v) => v + constant),
  );
  expect(() => valuesOf(losses.gaussianNLL(), y, { shape: [2, 3], values: [] })).toThrow('[batch, ..., 2 * n]');
});

describe('ctc', () => {
  const [time, classes] = [4, 3];
  const values = Array.from({ length: 3 * time * classes }, (_, i) => Math.sin(3 * i + 1));
  const p: Values = { shape: [3, time, classes], values };
  const words = [[1, 2], [1, 1], [2]];
  const y: Values = { shape: [3, 2], values: [1, 2, 1, 1, 2, 0], dtype: 'int32' };

  /** The sum over all paths, one by one. */
  const bruteForce = (sample: number): number => {
    const probability = Array.from({ length: time }, (_, t) => {
      const e = values.slice((sample * time + t) * classes, (sample * time + t + 1) * classes).map(Math.exp);
      return e.map((v) => v / e.reduce((a, b) => a + b, 0));
    });
    let total = 0;
    for (let code = 0; code < classes ** time; code++) {
      const path = Array.from({ length: time }, (_, t) => Math.floor(code / classes ** t) % classes);
      const word = path.filter((c, t) => c !== 0 && c !== path[t - 1]);
      if (word.join() === words[sample].join()) total += path.reduce((acc, c, t) => acc * probability[t][c], 1);
    }
    return -Math.log(total);
  };

  test('is the sum over all alignments', () => {
    expectClose(valuesOf(losses.ctc(), y, p), [0, 1, 2].map(bruteForce));
    checkGradient(losses.ctc(), y, p);
  });

  test('gradients, and float32 on every CPU target', () => {
    const addon = loadAddon();
    const { target, targets } = addon.info();
    for (let seed = 1; seed <= 8; seed++) {
      const random = new Random(seed);
      const [batch, steps, symbols, count] = [random.int(1, 3), random.int(3, 9), random.int(2, 5), random.int(1, 2)];
      const word = int(random, [batch, count], 1, symbols - 1);
      // some are shorter
      for (let b = 0; b < batch; b++) if (random.uniform() < 0.3) word.values[(b + 1) * count - 1] = 0;
      const inputs = [word, float(random, [batch, steps, symbols])];
      const instance = { inputs, run: (...x: Tensor[]) => losses.ctc()(x[0], x[1]) };
      gradcheck(instance.run, inputs, seed);
      const { graph, feeds } = problem(instance, true, seed);
      const expected = interpret(graph, { feeds }).outputs;
      for (const name of targets) {
        addon.selectTarget(name);
        new Executable(graph).run(feeds).forEach((values, i) => {
          expectClose(values, expected[i], 5e-6);
        });
      }
    }
    addon.selectTarget(target);
  });

  test('one time step: its label, or a blank', () => {
    const one: Values = { shape: [2, 1, 3], values: [0.3, -1, 0.5, 2, 0.1, -0.4] };
    const words: Values = { shape: [2, 1], values: [2, 0], dtype: 'int32' };
    const expected = [one.values.slice(0, 3), one.values.slice(3)].map((z, i) => {
      const e = z.map(Math.exp);
      return -Math.log(e[words.values[i]] / e.reduce((a, b) => a + b, 0));
    });
    expectClose(valuesOf(losses.ctc(), words, one), expected);
    checkGradient(losses.ctc(), words, one);
  });

  test('the plan does not grow with the number of time steps', () => {
    const words = (steps: number): number => {
      const [target, logits] = [fed(0, [4, 5], 'int32'), fed(1, [4, steps, 8])];
      const total = sum(losses.ctc()(target, logits));
      const graph = { inputs: [target, logits], outputs: [total, ...gradients(total, [logits])], writes: [] };
      return compile(graph, new StateLayout()).words.length;
    };
    expect(words(1000)).toBeLessThan(words(10) + 50);
  });

  test('labels that do not fit are improbable, not NaN', () => {
    const [short] = valuesOf(
      losses.ctc(),
      { shape: [1, 2], values: [1, 1], dtype: 'int32' },
      { shape: [1, 2, 2], values: [0, 0, 0, 0] },
    );
    expect(short).toBeGreaterThan(1e29);
    expect(() => valuesOf(losses.ctc(), y, logits)).toThrow('ctc: expected targets [batch, labels]');
  });
});
