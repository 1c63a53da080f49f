// Whatever a factory of the library makes can be saved, with every option that it was called with.
import * as constraints from '../../lib/constraints/index';
import * as initializers from '../../lib/initializers/index';
import * as losses from '../../lib/losses/index';
import * as metrics from '../../lib/metrics/index';
import * as optimizers from '../../lib/optimizers/index';
import * as regularizers from '../../lib/regularizers/index';
import * as schedules from '../../lib/schedules/index';
import { decodeValue, encodeValue } from '../../lib/training/saving/values';

type Factory = (argument?: unknown) => unknown;
type Saved = { readonly kind: string; readonly config?: unknown };

const families = { constraints, initializers, losses, metrics, optimizers, regularizers, schedules };

/** Arguments of factories that need some, or whose options only go together. */
const needed: Readonly<Record<string, unknown>> = {
  'initializers.constant': 0.5,
  'metrics.confusionMatrix': { classes: 3 },
  'metrics.meanIoU': { classes: 3 },
  'schedules.constant': 0.5,
  'schedules.cosineAnnealing': { initialLearningRate: 0.1, halfPeriod: 10 },
  'schedules.cosineDecay': { initialLearningRate: 0.1, decaySteps: 10 },
  'schedules.cosineDecayRestarts': { initialLearningRate: 0.1, firstDecaySteps: 10 },
  'schedules.cyclic': { baseLearningRate: 0.1, maxLearningRate: 0.2, stepSizeUp: 4 },
  'schedules.exponentialDecay': { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 },
  'schedules.inverseTimeDecay': { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 },
  'schedules.linear': { initialLearningRate: 0.1, totalSteps: 10 },
  'schedules.multiStepDecay': { initialLearningRate: 0.1, milestones: [3, 5] },
  'schedules.oneCycle': { maxLearningRate: 0.1, totalSteps: 10 },
  'schedules.piecewiseConstant': { boundaries: [3], values: [0.1, 0.2] },
  'schedules.polynomialDecay': { initialLearningRate: 0.1, decaySteps: 10 },
  'schedules.stepDecay': { initialLearningRate: 0.1, stepSize: 10 },
};

/** Exports that make values from functions of the user, or that take another value of the library first. */
const others = ['metrics.meanMetric', 'metrics.sumMetric', 'optimizers.lossScale'];

const factories = Object.entries(families).flatMap(([family, members]) =>
  Object.entries(members)
    .map(([name, factory]): [string, Factory] => [`${family}.${name}`, factory as Factory])
    .filter(([kind]) => !others.includes(kind)),
);

const save = (value: unknown): Saved => JSON.parse(JSON.stringify(encodeValue('value', value)));

/** Options that a factory knows: it lists them when one is wrong. */
function optionsOf(factory: Factory, argument: unknown): string[] {
  try {
    factory({ ...(typeof argument === 'object' ? argument : {}), nonsense: 1 });
  } catch (error) {
    const known = /unknown option 'nonsense'; known are (.*)$/.exec((error as Error).message);
    return known?.[1]?.split(', ') ?? [];
  }
  return [];
}

/** Values that an option may accept. */
const candidates = [0.25, 0.75, 2, 3, true, false, 'other', 'torch', 'linear', [0.5, 0.75]];

test.each(factories)('%s', (kind, factory) => {
  const argument = needed[kind];
  const saved = save(argument === undefined ? factory() : factory(argument));
  expect(saved.kind).toBe(kind);
  if (argument !== undefined && !kind.startsWith('optimizers')) expect(saved.config).toEqual(argument);
  expect(save(decodeValue('file', saved as never))).toEqual(saved);
  for (const key of optionsOf(factory, argument)) {
    for (const value of candidates) {
      const options = { ...(argument as object | undefined), [key]: value };
      let made: unknown;
      try {
        made = factory(options);
      } catch {
        continue; // not a value of this option
      }
      const config = save(made).config as Record<string, unknown>;
      expect([key, config[key]]).toEqual([key, value]);
      expect(save(decodeValue('file', save(made) as never))).toEqual(save(made));
    }
  }
});

test('one number as the argument', () => {
  expect(save(regularizers.l2(0.125))).toEqual({ kind: 'regularizers.l2', config: 0.125 });
  expect(save(regularizers.l1(0.5))).toEqual({ kind: 'regularizers.l1', config: 0.5 });
});

test('numbers that JSON cannot write', () => {
  const numbers = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.1, 1e-320];
  expect(decodeValue('file', JSON.parse(JSON.stringify(encodeValue('v', numbers))))).toEqual(numbers);
  expect(decodeValue('file', JSON.parse(JSON.stringify(encodeValue('v', Number.NaN))))).toBeNaN();
  expect(() => decodeValue('file', { kind: 'number', config: '1' })).toThrow(`file: unknown kind 'number'`);
});

test('a schedule inside of an optimizer', () => {
  const rate = schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 });
  const saved = save(optimizers.adam({ learningRate: rate, beta1: 0.8 }));
  expect(saved).toEqual({
    kind: 'optimizers.adam',
    config: {
      beta1: 0.8,
      learningRate: {
        kind: 'schedules.exponentialDecay',
        config: { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 },
      },
    },
  });
  expect(save(decodeValue('file', saved as never))).toEqual(saved);
});

test('an optimizer inside of another', () => {
  const saved = save(optimizers.lossScale(optimizers.sgd({ momentum: 0.5 }), { initialScale: 8 }));
  expect(saved).toEqual({
    kind: 'optimizers.lossScale',
    config: { optimizer: { kind: 'optimizers.sgd', config: { momentum: 0.5, learningRate: 0.01 } }, initialScale: 8 },
  });
  expect(save(decodeValue('file', saved as never))).toEqual(saved);
});

const wrong: [string, unknown, RegExp][] = [
  ['a function', () => 1, /v: a function of your own can only be saved by name/],
  ['an expression', { match: /bias$/ }, /v: match: an object \(RegExp\) cannot be saved/],
  ['a symbol', Symbol('s'), /v: a symbol cannot be saved/],
  ['an object that looks like a saved one', { kind: 'layers.dense' }, /an object with the key 'kind' cannot be saved/],
];
test.each(wrong)('%s cannot be saved', (_, value, message) => {
  expect(() => encodeValue('v', value)).toThrow(message);
});

const hostile: [string, unknown, RegExp][] = [
  ['no family', { kind: 'evil' }, /file: unknown kind 'evil'/],
  ['what a family inherits', { kind: 'losses.constructor' }, /unknown kind 'losses.constructor'/],
  ['what families inherit', { kind: 'constructor.constructor' }, /unknown kind 'constructor.constructor'/],
  ['__esModule', { kind: 'losses.__esModule' }, /unknown kind/],
  ['more keys', { kind: 'losses.mse', config: {}, run: 1 }, /'losses.mse' has an unknown key 'run'/],
  ['a wrong argument', { kind: 'losses.huber', config: { delta: -1 } }, /file: losses\.huber: .*delta/],
  ['a kind that is no text', { kind: 1 }, /file: kind must be a string, got 1/],
];
test.each(hostile)('%s is refused', (_, json, message) => {
  expect(() => decodeValue('file', json as never)).toThrow(message);
});
