import type { Tensor } from '../ir/graph.js';
import {
  abs,
  add,
  customGradient,
  divide,
  lessEqual,
  log,
  log1p,
  maximum,
  multiply,
  negative,
  where as select,
  sqrt,
  square,
  subtract,
} from '../ir/ops/elementwise.js';
import { softplus } from '../ir/ops/nn.js';
import { sum } from '../ir/ops/reduce.js';
import { checkOptions, numberIn, withoutOptions } from '../layers/arguments.js';
import { defineLoss, type Loss } from './loss.js';
import { alignTargets, perEntry } from './targets.js';

/** Keeps logarithms and quotients finite; Keras's value. */
const epsilon = 1e-7;

/** A loss that is the mean of an elementwise function over each sample. */
const elementwiseLoss = (name: string, fn: (target: Tensor, prediction: Tensor) => Tensor, config?: object): Loss =>
  defineLoss(name, (yTrue, yPred) => perEntry(fn(alignTargets(name, yTrue, yPred), yPred)), {
    targetDType: 'float32',
    config,
  });

/**
 * mean((y - p)^2) over the last axis.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32, one number for each entry: the shape of the predictions without the last axis ([N] stays [N])
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: losses.meanSquaredError() }); // or loss: 'meanSquaredError', or 'mse'
 */
export const meanSquaredError: () => Loss = withoutOptions('losses.meanSquaredError', () =>
  elementwiseLoss('meanSquaredError', (y, p) => square(subtract(p, y))),
);

/**
 * mean(|y - p|) over the last axis.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'meanAbsoluteError' }); // or 'mae'
 */
export const meanAbsoluteError: () => Loss = withoutOptions('losses.meanAbsoluteError', () =>
  elementwiseLoss('meanAbsoluteError', (y, p) => abs(subtract(p, y))),
);

/**
 * 100 * mean(|y - p| / max(|y|, 1e-7)) over the last axis.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'meanAbsolutePercentageError' }); // or 'mape'
 */
export const meanAbsolutePercentageError: () => Loss = withoutOptions('losses.meanAbsolutePercentageError', () =>
  elementwiseLoss('meanAbsolutePercentageError', (y, p) =>
    multiply(abs(divide(subtract(y, p), maximum(abs(y), epsilon))), 100),
  ),
);

/**
 * mean((log(1 + y) - log(1 + p))^2) over the last axis, with y and p raised to at least 1e-7: for positive targets of very
 * different size.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'meanSquaredLogarithmicError' }); // or 'msle'
 */
export const meanSquaredLogarithmicError: () => Loss = withoutOptions('losses.meanSquaredLogarithmicError', () =>
  elementwiseLoss('meanSquaredLogarithmicError', (y, p) =>
    square(subtract(log1p(maximum(p, epsilon)), log1p(maximum(y, epsilon)))),
  ),
);

export interface HuberOptions {
  /** Where the parabola becomes a line. Default: 1. */
  readonly delta?: number;
}

/**
 * Mean over the last axis of e^2 / 2 where |e| <= delta, else delta * |e| - delta^2 / 2, with e = y - p.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when `delta` is not positive
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: losses.huber({ delta: 0.5 }) });
 *
 * Source: Huber, "Robust estimation of a location parameter", 1964.
 */
export function huber(options: HuberOptions = {}): Loss {
  checkOptions('losses.huber', options, ['delta']);
  const delta = numberIn('losses.huber', 'delta', options.delta ?? 1, { min: 0, minOpen: true });
  const elementwise = (y: Tensor, p: Tensor): Tensor => {
    const error = subtract(p, y);
    const size = abs(error);
    const line = subtract(multiply(size, delta), 0.5 * delta * delta);
    return select(lessEqual(size, delta), multiply(square(error), 0.5), line);
  };
  return elementwiseLoss('huber', elementwise, options);
}

export interface SmoothL1Options {
  /** Where the parabola becomes a line. Default: 1. */
  readonly beta?: number;
}

/**
 * Mean over the last axis of e^2 / (2 beta) where |e| <= beta, else |e| - beta / 2, with e = y - p: `huber` divided by its
 * delta, as PyTorch's SmoothL1Loss.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when `beta` is not positive
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: losses.smoothL1({ beta: 0.1 }) });
 *
 * Source: Girshick, "Fast R-CNN", ICCV 2015.
 */
export function smoothL1(options: SmoothL1Options = {}): Loss {
  checkOptions('losses.smoothL1', options, ['beta']);
  const beta = numberIn('losses.smoothL1', 'beta', options.beta ?? 1, { min: 0, minOpen: true });
  const value = (y: Tensor, p: Tensor): Tensor => {
    const size = abs(subtract(p, y));
    return select(lessEqual(size, beta), multiply(square(size), 0.5 / beta), subtract(size, 0.5 * beta));
  };
  return elementwiseLoss('smoothL1', value, options);
}

/**
 * mean(log(cosh(p - y))) over the last axis, without overflow: a parabola near 0, a line further out.
 *
 * - targets: as the predictions [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'logCosh' });
 */
export const logCosh: () => Loss = withoutOptions('losses.logCosh', () =>
  elementwiseLoss('logCosh', (y, p) => {
    // even in the error: written with |e|, softplus never meets a large argument
    const size = abs(subtract(p, y));
    return subtract(add(size, softplus(multiply(size, -2))), Math.LN2);
  }),
);

/**
 * mean(p - y * log(p + 1e-7)) over the last axis: for counts.
 *
 * - targets: counts >= 0, as the predictions
 * - predictions: positive rates [batch, ..., n]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'poisson' });
 */
export const poisson: () => Loss = withoutOptions('losses.poisson', () =>
  elementwiseLoss('poisson', (y, p) => subtract(p, multiply(y, log(add(p, epsilon))))),
);

/**
 * -sum(y * p) / (|y| |p|) over the last axis: -1 where the directions agree, 1 where they are opposite.
 *
 * - targets: as the predictions [batch, ..., features]
 * - result: float32 [batch, ...]
 *
 * @throws Error when applied, if targets and predictions differ in shape ([N] for [N, 1] is accepted)
 *
 * @example
 * model.compile({ optimizer: 'adam', loss: 'cosineSimilarity' });
 */
export const cosineSimilarity: () => Loss = withoutOptions('losses.cosineSimilarity', () => {
  const name = 'cosineSimilarity';
  // the bound only keeps vectors of zeros from dividing by 0
  const length = (x: Tensor, keepDims: boolean): Tensor => sqrt(maximum(sum(square(x), -1, { keepDims }), 1e-12));
  // in this order what is parallel to the direction cancels exactly
  const directionOf = (x: Tensor): Tensor =>
    customGradient(
      [x],
      (v) => divide(v as Tensor, length(v as Tensor, true)),
      (dy) => {
        const direction = divide(x, length(x, true));
        const along = sum(multiply(dy, direction), -1, { keepDims: true });
        return [divide(subtract(dy, multiply(direction, along)), length(x, true))];
      },
    );
  return defineLoss(
    name,
    (yTrue, yPred) => {
      const target = alignTargets(name, yTrue, yPred);
      return negative(divide(sum(multiply(target, directionOf(yPred)), -1), length(target, false)));
    },
    { targetDType: 'float32' },
  );
});
