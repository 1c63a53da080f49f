import { uniforms } from '../ir/philox.js';

type Rows = Float32Array | Int32Array | Uint8Array;

export interface SplitOptions {
  /** Share of the samples that go to the test set, rounded so that neither part is empty. Default: 0.25. */
  readonly testSize?: number;
  /** Whether rows are drawn at random; otherwise the last ones are the test set. Default: true. */
  readonly shuffle?: boolean;
  /** Same seed, same split. Default: 0. */
  readonly seed?: number;
}

/** The two parts of every array that was passed, in order. */
export interface Split<T extends readonly Rows[]> {
  readonly train: { -readonly [K in keyof T]: T[K] };
  readonly test: { -readonly [K in keyof T]: T[K] };
}

/**
 * Cuts data into a part to train on and a part to test on, all arrays at the same samples.
 *
 * @param arrays flat arrays that hold the same number of samples
 * @param samples how many samples they hold
 * @throws Error when an array's length is not a multiple of `samples`, or an option is out of its range
 *
 * @example
 * const { train: [xTrain, yTrain], test: [xTest, yTest] } = trainTestSplit([x, y], 1000, { testSize: 0.2 });
 */
export function trainTestSplit<const T extends readonly Rows[]>(
  arrays: T,
  samples: number,
  options: SplitOptions = {},
): Split<T> {
  if (typeof options !== 'object' || options === null) {
    throw new Error(`trainTestSplit: the options must be an object, got ${options === null ? 'null' : typeof options}`);
  }
  const { testSize = 0.25, shuffle = true, seed = 0 } = options;
  if (!Number.isInteger(samples) || samples < 2) {
    throw new Error(`trainTestSplit: samples must be a whole number of at least 2, got ${String(samples)}`);
  }
  if (!(testSize > 0 && testSize < 1)) {
    throw new Error(`trainTestSplit: testSize must be between 0 and 1, got ${String(testSize)}`);
  }
  if (!Number.isInteger(seed)) throw new Error(`trainTestSplit: seed must be a whole number, got ${String(seed)}`);
  if (!Array.isArray(arrays))
    throw new Error(`trainTestSplit: arrays must be a list of typed arrays, got ${typeof arrays}`);
  arrays.forEach((a, i) => {
    if (!(a instanceof Float32Array || a instanceof Int32Array || a instanceof Uint8Array)) {
      throw new Error(`trainTestSplit: array ${i} must be a Float32Array, Int32Array or Uint8Array`);
    }
    if (a.length === 0 || a.length % samples !== 0) {
      throw new Error(
        `trainTestSplit: array ${i} has ${a.length} values, which is not a multiple of ${samples} samples`,
      );
    }
  });
  const order = Uint32Array.from({ length: samples }, (_, i) => i);
  if (shuffle) shuffleInPlace(order, seed);
  const testCount = Math.min(samples - 1, Math.max(1, Math.round(samples * testSize)));
  const take = (rows: Uint32Array) => arrays.map((a) => gather(a, rows, a.length / samples));
  return {
    train: take(order.subarray(0, samples - testCount)),
    test: take(order.subarray(samples - testCount)),
  } as unknown as Split<T>;
}

/** Fisher and Yates. */
function shuffleInPlace(order: Uint32Array, seed: number): void {
  const u = uniforms(order.length, seed, 0x5eed);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor((u[i] as number) * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
}

function gather(from: Rows, rows: Uint32Array, width: number): Rows {
  const out = new (from.constructor as new (n: number) => Rows)(rows.length * width);
  rows.forEach((row, i) => {
    out.set(from.subarray(row * width, (row + 1) * width), i * width);
  });
  return out;
}
