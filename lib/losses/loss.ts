import type { DType, Tensor } from '../ir/graph.js';
import { remember } from '../layers/recipe.js';

/**
 * A loss: from targets and predictions to numbers, float32 [batch, ...], or to a rank-0 tensor. The losses of the library
 * give one number for each entry of predictions [batch, ..., n], that is for each time step of a sequence: what sample
 * weights and masks can weigh. Any traced function will do; gradients come from its operations.
 */
export type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;

/** A loss of this library: a function that also says what it is and what it works on. */
export interface Loss {
  (yTrue: Tensor, yPred: Tensor): Tensor;
  /** 'sparseCategoricalCrossentropy', or the name of a function of your own. */
  readonly name: string;
  /** What targets should be converted to; undefined: left as they are. */
  readonly targetDType: DType | undefined;
  /** Kind of classification that the predictions are for, if any: decides what 'accuracy' means. */
  readonly task: 'binary' | 'categorical' | 'sparseCategorical' | undefined;
  /** Whether predictions are logits, not probabilities. */
  readonly fromLogits: boolean;
}

/** What makes a loss, besides its function. */
export interface LossTraits {
  readonly targetDType?: DType;
  readonly task?: Loss['task'];
  readonly fromLogits?: boolean;
  /** Options that the factory was called with; saved models name them. */
  readonly config?: object;
}

/** Gives a function the properties of a loss. */
export function defineLoss(name: string, fn: LossFunction, traits: LossTraits = {}): Loss {
  // a wrapper, because the properties must not appear on a function that belongs to the caller
  const loss = (yTrue: Tensor, yPred: Tensor): Tensor => fn(yTrue, yPred);
  const { targetDType, task, fromLogits = false, config } = traits;
  Object.defineProperty(loss, 'name', { value: name });
  return remember(Object.assign(loss, { targetDType, task, fromLogits }) as Loss, `losses.${name}`, config);
}
