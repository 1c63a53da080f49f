import * as optimizers from '../../lib/optimizers/index';
import { expectClose } from '../helpers/evaluate';
import { runProblem, vectors } from './support';

const { adam, lossScale, sgd } = optimizers;

/**
 * Runs steps of which some have a gradient that is not finite, as it comes from a loss that is multiplied by the scale of
 * the moment.
 *
 * @param bad steps, counted from 1, and what their gradient holds
 */
function scaledRun(inner: optimizers.Optimizer, steps: number, bad: Readonly<Record<number, number>>, growth = 3) {
  const initialScale = 64;
  let [scale, good, updates] = [initialScale, 0, 0];
  const scales: number[] = [];
  const gradientAt = (t: number): number[][] => {
    const spoiled = bad[t];
    const gradients = vectors
      .gradientAt(spoiled === undefined ? ++updates : updates + 1)
      .map((g) => g.map((v) => v * scale));
    scales.push(scale);
    if (spoiled !== undefined) {
      (gradients[1] as number[])[0] = spoiled;
      [scale, good] = [scale / 2, 0];
    } else if (good === growth - 1) {
      [scale, good] = [scale * 2, 0];
    } else {
      good++;
    }
    return gradients;
  };
  const optimizer = lossScale(inner, { initialScale, dynamicGrowthSteps: growth });
  const { history, slot } = runProblem(optimizer, steps, { ...vectors, gradientAt });
  return { history, scales, expected: { scale, good }, slot };
}

const bad = { 2: Number.NaN, 7: Number.POSITIVE_INFINITY, 8: Number.NEGATIVE_INFINITY };

test.each([
  ['sgd with momentum', () => sgd({ learningRate: 0.1, momentum: 0.9 })],
  ['adam, whose step counts updates only', () => adam({ learningRate: 0.1 })],
  ['adam with averages and decay', () => adam({ learningRate: 0.1, useEma: true, weightDecay: 0.1 })],
])('%s: a gradient that is not finite changes nothing and halves the scale', (_, make) => {
  const { history, scales, expected, slot } = scaledRun(make(), 12, bad);
  const plain = runProblem(make(), 9, vectors).history;
  const kept = history.filter((_w, i) => !(i + 1 in bad));
  expectClose(kept.flat(2), plain.flat(2));
  expect(history[1]).toEqual(history[0]);
  expect([history[6], history[7]]).toEqual([history[5], history[5]]);
  // 3 good steps in a row double the scale; each bad one halves it
  expect(scales).toEqual([64, 64, 32, 32, 32, 64, 64, 32, 16, 16, 16, 32]);
  expect(slot('undefined/lossScale')).toEqual([expected.scale]);
  expect(slot('undefined/lossScaleGoodSteps')).toEqual([expected.good]);
  expect(slot('undefined/lossScaleSkippedSteps')).toEqual([3]);
});

test('the scale stays finite', () => {
  const optimizer = lossScale(sgd(), { initialScale: 2 ** 126, dynamicGrowthSteps: 1 });
  const { slot } = runProblem(optimizer, 4, { ...vectors, gradientAt: () => [[0, 0, 0], [0, 0]] }); // biome-ignore format: gradients
  expect(slot('undefined/lossScale')).toEqual([2 ** 127]);
});

test('errors name the option', () => {
  expect(() => lossScale('adam' as never)).toThrow('optimizers.lossScale: optimizer must be an optimizer');
  expect(() => lossScale(adam({ lossScaleFactor: 2 }))).toThrow('the optimizer adam scales the loss already');
  expect(() => lossScale(lossScale(adam()))).toThrow('the optimizer lossScale scales the loss already');
  expect(() => lossScale(adam(), { initialScale: 0 })).toThrow('initialScale must be a finite number > 0, got 0');
  expect(() => lossScale(adam(), { dynamicGrowthSteps: 0.5 })).toThrow('dynamicGrowthSteps must be a positive integer');
  expect(() => lossScale(adam(), { growthSteps: 5 } as never)).toThrow("unknown option 'growthSteps'");
});
