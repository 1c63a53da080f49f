import { uniforms } from '../ir/philox.js';

export interface ClassificationOptions {
  /** Number of samples. Default: 1000. */
  readonly samples?: number;
  /** Numbers of each sample. Default: 2. */
  readonly features?: number;
  /** Number of classes. Default: 2. */
  readonly classes?: number;
  /** Distance of the class centres from the origin, in standard deviations of a cluster. Default: 2. */
  readonly separation?: number;
  /** Share of labels that are replaced by random ones, 0 .. 1. Default: 0. */
  readonly noise?: number;
  /** Same seed, same data. Default: 0. */
  readonly seed?: number;
}

/** Generated samples: x is samples x features, y the classes. */
export interface LabelledData {
  readonly x: Float32Array;
  readonly y: Int32Array;
  readonly features: number;
}

/**
 * Normal clusters, one for each class, around random points of a sphere: a classification problem of known difficulty.
 *
 * @throws Error when a count is not a positive whole number, or another option is out of its range
 *
 * @example
 * const { x, y } = makeClassification({ samples: 1000, features: 2 });
 */
export function makeClassification(options: ClassificationOptions = {}): LabelledData {
  if (typeof options !== 'object' || options === null) {
    throw new Error(`makeClassification: the options must be an object, got ${options}`);
  }
  const { samples = 1000, features = 2, classes = 2, separation = 2, noise = 0, seed = 0 } = options;
  for (const [name, n] of Object.entries({ samples, features, classes })) {
    if (!Number.isInteger(n) || n < 1) {
      throw new Error(`makeClassification: ${name} must be a positive whole number, got ${n}`);
    }
  }
  if (!Number.isInteger(seed)) throw new Error(`makeClassification: seed must be a whole number, got ${seed}`);
  if (!(separation >= 0 && separation < Number.POSITIVE_INFINITY)) {
    throw new Error(`makeClassification: separation must be a number of at least 0, got ${separation}`);
  }
  if (!(noise >= 0 && noise <= 1)) throw new Error(`makeClassification: noise must be between 0 and 1, got ${noise}`);
  const centres = normals(classes * features, seed, 1);
  for (let c = 0; c < classes; c++) {
    const centre = centres.subarray(c * features, (c + 1) * features);
    // two classes sit opposite each other, so that the separation is what it says
    if (classes === 2 && c === 1) centre.set(centres.subarray(0, features).map((v) => -v));
    const scale = separation / (Math.sqrt(centre.reduce((squares, v) => squares + v * v, 0)) || 1);
    for (let f = 0; f < features; f++) centre[f] = (centre[f] as number) * scale;
  }
  const x = Float32Array.from(normals(samples * features, seed, 2));
  const pick = uniforms(samples * 3, seed, 3);
  const y = new Int32Array(samples);
  for (let i = 0; i < samples; i++) {
    const c = Math.floor((pick[3 * i] as number) * classes);
    for (let f = 0; f < features; f++) {
      x[i * features + f] = (x[i * features + f] as number) + (centres[c * features + f] as number);
    }
    const flipped = (pick[3 * i + 1] as number) < noise;
    y[i] = flipped ? Math.floor((pick[3 * i + 2] as number) * classes) : c;
  }
  return { x, y, features };
}

/** Standard normal numbers: Box-Muller on the Philox stream. */
function normals(n: number, seed: number, stream: number): Float64Array {
  const u = uniforms(2 * n, seed, stream);
  return Float64Array.from({ length: n }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - (u[2 * i] as number)));
    return radius * Math.cos(2 * Math.PI * (u[2 * i + 1] as number));
  });
}
