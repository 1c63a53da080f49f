import * as ops from '../../../lib/ir/ops/index';
import * as losses from '../../../lib/losses/index';
import type { Loss } from '../../../lib/losses/loss';
import { anywhere, awayFrom, between, type Draw, distinct, positive } from '../domains';
import type { Random } from '../random';
import { type Case, into, once, type Traits } from './case';
import { float, int } from './inputs';

export const lossCases: Case[] = [];
const define = into(lossCases, 'loss');

const someShape = (random: Random): number[] => random.shape(random.int(1, 3));

/** Targets and predictions of one shape; gradients by both. */
function pair(name: string, make: (random: Random) => Loss, drawY: Draw, drawP: Draw = drawY, traits?: Traits) {
  define(
    name,
    (random) => {
      const [shape, loss] = [someShape(random), make(random)];
      return { inputs: [float(random, shape, drawY), float(random, shape, drawP)], run: (y, p) => loss(y, p) };
    },
    traits,
  );
}
/** Targets are whole numbers from low to high. */
function whole(name: string, make: (random: Random) => Loss, low: number, high: number, draw: Draw) {
  define(name, (random) => {
    const [shape, loss] = [someShape(random), make(random)];
    return { inputs: [int(random, shape, low, high), float(random, shape, draw)], run: (y, p) => loss(y, p) };
  });
}
const whole3 = [-3, -2, -1, 0, 1, 2, 3];
const kinksAt = (delta: number): Draw => awayFrom(whole3.flatMap((v) => [v - delta, v, v + delta]));
const share = between(0.1, 0.9);

pair('meanSquaredError', () => losses.meanSquaredError(), anywhere);
pair('logCosh', () => losses.logCosh(), anywhere);
pair('meanSquaredLogarithmicError', () => losses.meanSquaredLogarithmicError(), positive);
pair('poisson', () => losses.poisson(), positive);
pair('klDivergence', () => losses.klDivergence(), share);
whole('meanAbsoluteError', () => losses.meanAbsoluteError(), -3, 3, awayFrom(whole3));
whole('meanAbsolutePercentageError', () => losses.meanAbsolutePercentageError(), 1, 3, awayFrom(whole3));
whole('huber', () => losses.huber({ delta: 0.25 }), -3, 3, kinksAt(0.25));
whole('smoothL1', () => losses.smoothL1({ beta: 0.4 }), -3, 3, kinksAt(0.4));
whole('hinge', () => losses.hinge(), 0, 1, awayFrom([-1, 1]));
whole('squaredHinge', () => losses.squaredHinge(), 0, 1, awayFrom([-1, 1]));
whole('contrastive', () => losses.contrastive({ margin: 1.5 }), 0, 1, awayFrom(1.5));
define('cosineSimilarity', (random) => {
  const shape = [...random.shape(random.int(1, 2)), random.int(2, 6)];
  return { inputs: [float(random, shape), float(random, shape)], run: losses.cosineSimilarity() };
});
define('gaussianNLL', (random) => {
  const shape = random.shape(random.int(2, 3));
  const loss = losses.gaussianNLL({ full: random.uniform() < 0.5 });
  return {
    inputs: [float(random, shape), float(random, shape), float(random, shape, positive)],
    run: (y, mean, variance) => loss(y, ops.concatenate([mean, variance], -1)),
  };
});
define('tripletMargin', (random) => {
  const [batch, features] = [random.int(1, 4), random.int(2, 5)];
  const loss = losses.tripletMargin({ margin: 9 });
  return {
    inputs: [int(random, [batch], 0, 0), float(random, [batch, 3, features])],
    run: (y, p) => loss(y, p),
  };
});

for (const fromLogits of [false, true]) {
  const [suffix, draw] = fromLogits ? [' of logits', anywhere] : ['', share];
  const options = (random: Random) => ({ fromLogits, labelSmoothing: random.pick([0, 0.2]) });
  const focal = (random: Random) => ({ ...options(random), gamma: random.pick([0, 1, 2.5]) });
  pair(`binaryCrossentropy${suffix}`, (random) => losses.binaryCrossentropy(options(random)), share, draw);
  pair(
    `binaryFocalCrossentropy${suffix}`,
    (random) => losses.binaryFocalCrossentropy({ ...focal(random), applyClassBalancing: random.uniform() < 0.5 }),
    share,
    draw,
    once,
  );
  for (const [name, make] of [
    ['categoricalCrossentropy', (random: Random) => losses.categoricalCrossentropy(options(random))],
    ['categoricalFocalCrossentropy', (random: Random) => losses.categoricalFocalCrossentropy(focal(random))],
  ] as const) {
    define(
      `${name}${suffix}`,
      (random) => {
        const [shape, loss] = [random.shape(random.int(2, 3)), make(random)];
        return { inputs: [float(random, shape, share), float(random, shape, draw)], run: (y, p) => loss(y, p) };
      },
      once,
    );
  }
  define(`sparseCategoricalCrossentropy${suffix}`, (random) => {
    const [outer, classes] = [random.shape(random.int(1, 2)), random.int(2, 6)];
    const weights = random.pick([{}, { classWeights: Array.from({ length: classes }, () => random.uniform(0.5, 2)) }]);
    const loss = losses.sparseCategoricalCrossentropy({ ...options(random), ...weights, ignoreClass: -1 });
    return {
      inputs: [int(random, outer, -1, classes - 1), float(random, [...outer, classes], draw)],
      run: (y, p) => loss(y, p),
    };
  });
}
define('categoricalHinge', (random) => {
  const [batch, classes] = [random.int(1, 4), random.int(2, 5)];
  const loss = losses.categoricalHinge();
  // neither the largest of the others near 0, nor the difference near the margin
  const apart: Draw = (r, size) => distinct(0.5)(r, size).map((v) => 11 * v);
  return {
    inputs: [int(random, [batch], 0, classes - 1), float(random, [batch, classes], apart)],
    run: (y, p) => loss(ops.oneHot(y, classes), p),
  };
});
