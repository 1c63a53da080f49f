/**
 * Where training stands: options that make another `fit` go on as if it had not been interrupted.
 *
 * @example
 * const net = await loadModel('checkpoint');
 * await net.fit(x, y, { epochs: 20, ...net.resumePoint });
 */
export interface ResumePoint {
  /** The epoch to go on with, counted from 0. */
  readonly initialEpoch: number;
  /** Its steps that are done. */
  readonly initialStep: number;
  /** Of the training that goes on; missing before the first one. */
  readonly seed?: number;
}
