import type { Tensor } from '../ir/graph.js';

/**
 * A number about predictions, computed on the device and summed over batches.
 *
 * `update` returns the batch's contribution, a float32 vector of `size` sums; they are added up over the epoch, and
 * `result` turns the totals into the reported number on the host.
 */
export interface Metric {
  readonly name: string;
  readonly size: number;
  /** @param sampleWeight float32 [batch], or undefined for weight 1 */
  update(yTrue: Tensor, yPred: Tensor, sampleWeight: Tensor | undefined): Tensor;
  result(totals: ArrayLike<number>): number;
  /**
   * All numbers, for a metric that has several: one for each class, or a confusion matrix row by row. Reported beside
   * `result` under the metric's name and `[i]`.
   */
  resultAll?(totals: ArrayLike<number>): readonly number[];
}
