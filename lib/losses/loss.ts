import type { Tensor } from '../ir/graph.js';

/**
 * A loss: from targets and predictions to one number per sample (float32 [batch]), or to a rank-0 tensor.
 * Any traced function will do; gradients come from its operations.
 */
export type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor;
