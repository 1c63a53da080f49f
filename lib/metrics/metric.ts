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
  /**
   * @param sampleWeight float32 [batch], or [batch, time] where each time step has a weight; undefined for weight 1
   * @param mask bool [batch, time, ...], false for steps that do not count; undefined where all do
   * @param totals float32 [size]: the sums of the batches before. For a metric that keeps something of every batch, and
   *     has to know where it belongs
   */
  update(
    yTrue: Tensor,
    yPred: Tensor,
    sampleWeight: Tensor | undefined,
    mask: Tensor | undefined,
    totals: Tensor,
  ): Tensor;
  result(totals: ArrayLike<number>): number;
  /**
   * All numbers, for a metric that has several: one for each class, or a confusion matrix row by row. Reported beside
   * `result` under the metric's name and `[i]`.
   */
  resultAll?(totals: ArrayLike<number>): readonly number[];
}
