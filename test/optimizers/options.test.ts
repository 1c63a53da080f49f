import { tensor } from '../../lib/ir/build';
import { cast, multiply } from '../../lib/ir/ops/elementwise';
import * as optimizers from '../../lib/optimizers/index';
import * as schedules from '../../lib/schedules/index';
import { expectClose } from '../helpers/evaluate';
import { type Problem, run, runProblem, vectors } from './support';

const { adam, adamw, sgd } = optimizers;

describe('schedules', () => {
  test('count the updates that are done, and cannot be assigned', () => {
    const optimizer = sgd({ learningRate: (step) => multiply(cast(step, 'float32'), 0.5) });
    const problem: Problem = { start: [[0]], gradientAt: () => [[1]] };
    expectClose(runProblem(optimizer, 4, problem).history.flat(2), [0, -0.5, -1.5, -3]);
    expect(() => {
      optimizer.learningRate = 0.1;
    }).toThrow('optimizers.sgd: learningRate can be assigned where it is a number');
    expect(() => sgd({ learningRate: '0.1' as never })).toThrow('a finite number >= 0 or a schedule');
    expect(() => run(sgd({ learningRate: () => tensor([1]) }), 1)).toThrow('a float32 scalar tensor, got');
  });

  test('every optimizer takes one', () => {
    const half = schedules.constant(0.01);
    const { lossScale: _, ...makers } = optimizers;
    for (const name of Object.keys(makers) as (keyof typeof makers)[]) {
      const fixed = run(optimizers[name]({ learningRate: 0.01 }), 3);
      expectClose(run(optimizers[name]({ learningRate: half }), 3).flat(2), fixed.flat(2));
      expect(fixed.flat(2).every(Number.isFinite)).toBe(true);
    }
  });
});

describe('gradient accumulation', () => {
  const split: Problem = {
    ...vectors,
    // every third of a step has its own gradient, and their mean is that of the whole step
    gradientAt: (t) => {
      const whole = vectors.gradientAt(Math.ceil(t / 3));
      return whole.map((g) => g.map((x) => x * [0.5, 2, 0.5][t % 3]));
    },
  };

  test.each([
    ['adam', () => adam({ learningRate: 0.1, globalClipnorm: 1, useEma: true })],
    [
      'momentum',
      () => sgd({ learningRate: schedules.stepDecay({ initialLearningRate: 0.1, stepSize: 2 }), momentum: 0.9 }),
    ],
  ])('%s updates with the exact mean, and only then', (_, make) => {
    const whole = run(make(), 4);
    const parts = make().getConfig();
    const accumulating =
      _ === 'adam' ? adam({ ...parts, gradientAccumulationSteps: 3 }) : sgd({ ...parts, gradientAccumulationSteps: 3 });
    const { history } = runProblem(accumulating, 12, split);
    expectClose(history.filter((_, i) => i % 3 === 2).flat(2), whole.flat(2));
    expect(history[0]).toEqual(vectors.start);
    expect(history[4]).toEqual(history[2]);
  });
});

describe('averages', () => {
  const momentum = 0.8;
  const plain = run(sgd({ learningRate: 0.1 }), 5);

  test('follow the weights', () => {
    const { history, slot } = runProblem(sgd({ learningRate: 0.1, useEma: true, emaMomentum: momentum }), 5, vectors);
    expect(history).toEqual(plain);
    const expected = plain.map((w) => w[0]).reduce((a, w) => a.map((x, i) => momentum * x + (1 - momentum) * w[i]));
    expectClose(slot('w0/average'), expected);
  });

  test('overwrite the weights every so often', () => {
    const optimizer = sgd({ learningRate: 0.1, useEma: true, emaMomentum: momentum, emaOverwriteFrequency: 2 });
    const { history } = runProblem(optimizer, 2, vectors);
    expectClose(
      history[1][0],
      plain[1][0].map((w, i) => momentum * plain[0][0][i] + (1 - momentum) * w),
    );
  });
});

describe('groups and decay', () => {
  const named: Problem = { ...vectors, names: ['dense/kernel', 'dense/bias'] };
  const steps = (options: optimizers.OptimizerOptions) =>
    runProblem(sgd({ learningRate: 0.1, ...options }), 3, named).history;

  test('excluded weights do not decay', () => {
    const got = steps({ weightDecay: 0.5, excludeFromWeightDecay: [/bias$/] });
    const [decayed, plain] = [steps({ weightDecay: 0.5 }), steps({})];
    expect(got).toEqual(decayed.map((w, t) => [w[0], plain[t][1]]));
  });

  test('groups by pattern and by function', () => {
    const [slow, plain] = [steps({ learningRate: 0.01 }), steps({})];
    const expected = plain.map((w, t) => [w[0], slow[t][1]]);
    const group = { learningRateMultiplier: 0.1 };
    expectClose(steps({ parameterGroups: [{ match: 'bias', ...group }] }).flat(2), expected.flat(2));
    const byShape = steps({ parameterGroups: ({ shape }) => (shape[0] === 2 ? group : undefined) });
    expectClose(byShape.flat(2), expected.flat(2));
    expect(
      steps({ parameterGroups: [{ match: '', learningRateMultiplier: 0 }].map((g) => ({ ...g, match: /./ })) }),
    ).toEqual([0, 1, 2].map(() => named.start));
  });

  test('l2 decay is a part of the gradient', () => {
    const got = runProblem(adam({ learningRate: 0.1, weightDecay: 0.5, weightDecayMode: 'l2' }), 1, named).history;
    // the first update of adam is the sign of the gradient: of g + 0.5 w
    expectClose(got[0].flat(), [0.9, -1.9, 0.4, 2.9, 0.35], 1e-5);
  });

  test('a loss scale is taken out of the gradients', () => {
    const scaled: Problem = { ...vectors, gradientAt: (t) => vectors.gradientAt(t).map((g) => g.map((x) => 1024 * x)) };
    const optimizer = adam({ lossScaleFactor: 1024 });
    expect(optimizer.lossScale).toBe(1024);
    expect(runProblem(optimizer, 3, scaled).history).toEqual(run(adam(), 3));
  });
});

test('errors name the option', () => {
  expect(() => adam({ gradientAccumulationSteps: 0 })).toThrow('optimizers.adam: gradientAccumulationSteps must be');
  expect(() => adam({ emaMomentum: 0.9 })).toThrow('need useEma');
  expect(() => adam({ convention: 'jax' as never })).toThrow(
    "optimizers.adam: convention must be one of 'keras', 'torch'",
  );
  expect(() => sgd({ dampening: 0.1, momentum: 0.9 })).toThrow("dampening needs convention: 'torch'");
  expect(() => adamw({ excludeFromWeightDecay: 'bias' as never })).toThrow('excludeFromWeightDecay must be an array');
  expect(() => adamw({ parameterGroups: [{ match: 'a', weightDecay: -1 }] })).toThrow(
    'parameterGroups[0]: weightDecay must be',
  );
  expect(() => adamw({ parameterGroups: [{ match: 3 as never }] })).toThrow(
    'match must be a string or a regular expression',
  );
  expect(() => run(adamw({ parameterGroups: () => ({ rate: 1 }) as never }), 1)).toThrow(
    "for w0: unknown option 'rate'",
  );
  expect(() => optimizers.muon({ newtonSchulzSteps: 1e9 })).toThrow(
    'optimizers.muon: newtonSchulzSteps must be at most 100, got 1000000000',
  );
  expect(() => optimizers.muon({ newtonSchulzPrecision: 'float16' as never })).toThrow(
    "optimizers.muon: newtonSchulzPrecision must be one of 'float32', 'tf32', 'bfloat16', got 'float16'",
  );
  expect(() => adam({ clipEpsilon: -1 })).toThrow('clipEpsilon must be');
});
