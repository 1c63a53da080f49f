/** Column statistics of a training set, to be applied to whatever is fed to the model later. */
export interface Scaling {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/**
 * Mean and standard deviation of each column of row-major data. A constant column gets deviation 1.
 *
 * @throws Error when the data are empty or not a whole number of rows
 */
export function fitScaling(x: Float32Array, features: number): Scaling {
  const rows = x.length / features;
  if (!Number.isInteger(rows) || rows < 1)
    throw new Error(`fitScaling: ${x.length} values are not rows of ${features} features`);
  const mean = new Float64Array(features);
  const squares = new Float64Array(features);
  for (let i = 0; i < x.length; i++) mean[i % features] = (mean[i % features] as number) + (x[i] as number) / rows;
  for (let i = 0; i < x.length; i++) {
    const d = (x[i] as number) - (mean[i % features] as number);
    squares[i % features] = (squares[i % features] as number) + (d * d) / rows;
  }
  return { mean: Float32Array.from(mean), deviation: Float32Array.from(squares, (v) => Math.sqrt(v) || 1) };
}

/** (x - mean) / deviation, column by column, into a new array. */
export function applyScaling(x: Float32Array, { mean, deviation }: Scaling): Float32Array {
  const n = mean.length;
  return x.map((v, i) => (v - (mean[i % n] as number)) / (deviation[i % n] as number));
}
