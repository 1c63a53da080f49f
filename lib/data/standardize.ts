/** Column statistics of a training set, to be applied to whatever is fed to the model later. */
export interface Scaling {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

function checkNumbers(where: string, name: string, value: unknown): void {
  if (value instanceof Float32Array) return;
  throw new Error(`${where}: ${name} must be a Float32Array, got ${value === null ? 'null' : typeof value}`);
}

/**
 * Mean and standard deviation of each column of row-major data. A constant column gets deviation 1.
 *
 * @throws Error when the data are empty or not a whole number of rows
 *
 * @example
 * const scaling = fitScaling(x, 8); // eight features
 * await model.fit(applyScaling(x, scaling), y);
 */
export function fitScaling(x: Float32Array, features: number): Scaling {
  checkNumbers('fitScaling', 'x', x);
  if (!Number.isInteger(features) || features < 1) {
    throw new Error(`fitScaling: features must be a positive whole number, got ${String(features)}`);
  }
  const rows = x.length / features;
  if (!Number.isInteger(rows) || rows < 1) {
    throw new Error(`fitScaling: ${x.length} values are not rows of ${features} features`);
  }
  const mean = new Float32Array(features);
  const deviation = new Float32Array(features);
  for (let f = 0; f < features; f++) {
    // Relative to the first row, a constant column has a variance of exactly 0.
    const origin = x[f] as number;
    let sum = 0;
    for (let i = f; i < x.length; i += features) sum += (x[i] as number) - origin;
    const shift = sum / rows;
    let squares = 0;
    for (let i = f; i < x.length; i += features) squares += ((x[i] as number) - origin - shift) ** 2;
    mean[f] = origin + shift;
    deviation[f] = Math.sqrt(squares / rows) || 1;
  }
  return { mean, deviation };
}

/**
 * (x - mean) / deviation, column by column, into a new array.
 *
 * @throws Error when the scaling is none of `fitScaling`, or `x` is not a whole number of rows as wide as those that the scaling was made from
 *
 * @example
 * const train = Float32Array.of(1, 10, 3, 30); // two rows of two features
 * const scaling = fitScaling(train, 2);
 * applyScaling(train, scaling); // -1, -1, 1, 1
 */
export function applyScaling(x: Float32Array, scaling: Scaling): Float32Array {
  checkNumbers('applyScaling', 'x', x);
  const { mean, deviation } = scaling ?? {};
  checkNumbers('applyScaling', 'scaling.mean', mean);
  checkNumbers('applyScaling', 'scaling.deviation', deviation);
  const n = mean.length;
  if (n === 0 || deviation.length !== n) {
    throw new Error(`applyScaling: scaling must have as many means as deviations, got ${n} and ${deviation.length}`);
  }
  if (x.length % n !== 0) throw new Error(`applyScaling: ${x.length} values are not rows of ${n} features`);
  return x.map((v, i) => (v - (mean[i % n] as number)) / (deviation[i % n] as number));
}
