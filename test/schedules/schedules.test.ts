import { make, tensor } from '../../lib/ir/build';
import * as schedules from '../../lib/schedules/index';
import { floorDivide } from '../../lib/schedules/integers';
import { traceSchedule } from '../../lib/schedules/schedule';
import { evaluate, expectClose } from '../helpers/evaluate';

/** Rates at steps, in float64 but for constants. */
const rates = (schedule: schedules.Schedule, steps: readonly number[]): number[] =>
  steps.map((step) => evaluate([traceSchedule('test', schedule, tensor(step, [], 'int32'))]).outputs[0][0]);

const late = 2 ** 30;
const initialLearningRate = 0.1;

const cases: [string, schedules.Schedule, (t: number) => number][] = [
  ['constant', schedules.constant(0.3), () => 0.3],
  [
    'stepDecay',
    schedules.stepDecay({ initialLearningRate, stepSize: 7, gamma: 0.5 }),
    (t) => 0.1 * 0.5 ** Math.floor(t / 7),
  ],
  [
    'multiStepDecay',
    schedules.multiStepDecay({ initialLearningRate, milestones: [3, 9] }),
    (t) => (t < 3 ? 0.1 : t < 9 ? 0.01 : 0.001),
  ],
  [
    'cosineDecay',
    schedules.cosineDecay({ initialLearningRate: 0.01, warmupTarget: 0.1, warmupSteps: 5, decaySteps: 10, alpha: 0.2 }),
    (t) => {
      if (t < 5) return 0.01 + (0.09 * t) / 5;
      return 0.1 * (0.4 * (1 + Math.cos((Math.PI * Math.min(t - 5, 10)) / 10)) + 0.2);
    },
  ],
  [
    'cosineDecayRestarts of equal length',
    schedules.cosineDecayRestarts({ initialLearningRate, firstDecaySteps: 4, tMul: 1, mMul: 0.5 }),
    (t) => 0.05 * 0.5 ** Math.floor(t / 4) * (1 + Math.cos((Math.PI * (t % 4)) / 4)),
  ],
  [
    'cosineDecayRestarts that begin between steps',
    schedules.cosineDecayRestarts({ initialLearningRate, firstDecaySteps: 3, tMul: 1.5 }),
    (t) => {
      let [begin, length] = [0, 3];
      while (t >= begin + length) [begin, length] = [begin + length, length * 1.5];
      return 0.05 * (1 + Math.cos((Math.PI * (t - begin)) / length));
    },
  ],
  [
    'linear oneCycle',
    schedules.oneCycle({
      maxLearningRate: 1,
      totalSteps: 11,
      pctStart: 0.5,
      annealStrategy: 'linear',
      divFactor: 10,
      finalDivFactor: 10,
    }),
    (t) => (t <= 4.5 ? 0.1 + (0.9 * t) / 4.5 : t >= 10 ? 0.01 : 1 - (0.99 * (t - 4.5)) / 5.5),
  ],
  [
    'triangular2',
    schedules.cyclic({
      baseLearningRate: 0.1,
      maxLearningRate: 0.5,
      stepSizeUp: 2,
      stepSizeDown: 3,
      mode: 'triangular2',
    }),
    (t) => 0.1 + 0.4 * 0.5 ** Math.floor(t / 5) * (t % 5 < 2 ? (t % 5) / 2 : (5 - (t % 5)) / 3),
  ],
];

test.each(cases)('%s', (_, schedule, formula) => {
  const steps = Array.from({ length: 24 }, (_, i) => i);
  expectClose(rates(schedule, steps), steps.map(formula), 1e-6);
});

test('steps beyond 2^24 count exactly', () => {
  const cyclic = schedules.cyclic({ baseLearningRate: 0, maxLearningRate: 1, stepSizeUp: 4 });
  expectClose(rates(cyclic, [late, late + 1, late + 2, late + 5]), [0, 0.25, 0.5, 0.75]);
  const pieces = schedules.piecewiseConstant({ boundaries: [late, late + 1], values: [1, 2, 3] });
  expect(rates(pieces, [late - 1, late, late + 1, late + 2])).toEqual([1, 1, 2, 3]);
  const restarts = schedules.cosineDecayRestarts({ initialLearningRate: 1, firstDecaySteps: 2 ** 10 });
  const begin = 2 ** 10 * (2 ** 18 - 1); // of period 18
  expectClose(rates(restarts, [begin - 1, begin]), [0, 1]);
});

test('floorDivide is exact', () => {
  const x = make('input', [], { slot: 0 }, [], 'int32');
  for (const n of [1, 3, 7, 1000, 65537]) {
    for (const a of [0, 1, n - 1, n, 2 ** 24 + 1, late - 1, late, late + n, 2 ** 31 - 1]) {
      expect(evaluate([floorDivide(x, n)], [[a]]).outputs[0][0]).toBe(Math.floor(a / n));
    }
  }
});

test('errors', () => {
  expect(() => schedules.stepDecay({ initialLearningRate, stepSize: 0 })).toThrow(
    'schedules.stepDecay: stepSize must be',
  );
  expect(() => schedules.piecewiseConstant({ boundaries: [3, 3], values: [1, 2, 3] })).toThrow('growing step numbers');
  expect(() => schedules.piecewiseConstant({ boundaries: [3], values: [1] })).toThrow('an array of 2 rates');
  expect(() => schedules.cosineDecay({ initialLearningRate, decaySteps: 9, warmupSteps: 3 })).toThrow(
    'needs warmupTarget',
  );
  expect(() => schedules.oneCycle({ maxLearningRate: 1, totalSteps: 9, annealStrategy: 'sin' as never })).toThrow(
    "one of 'cos'",
  );
  expect(() => schedules.linear({ initialLearningRate, steps: 3 } as never)).toThrow("unknown option 'steps'");
  expect(() => rates((step) => step, [1])).toThrow('a float32 scalar tensor');
  expect(schedules.constant(1).getConfig()).toEqual({ learningRate: 1 });
});
