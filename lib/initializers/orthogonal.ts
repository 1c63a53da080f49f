import { checkOptions, numberIn } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { drawNormal } from '../runtime/draw.js';
import { randomized, type SeedOptions } from './uniform.js';

/** Makes `count` vectors of `length` values, stored one after another, orthonormal: Gram-Schmidt, each pass done twice. */
function orthonormalize(vectors: Float64Array, count: number, length: number): void {
  for (let k = 0; k < count; k++) {
    const v = vectors.subarray(k * length, (k + 1) * length);
    // once is not enough in floating point, twice is (Giraud et al., 2005)
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        const q = vectors.subarray(j * length, (j + 1) * length);
        let dot = 0;
        for (let i = 0; i < length; i++) dot += (v[i] as number) * (q[i] as number);
        for (let i = 0; i < length; i++) v[i] = (v[i] as number) - dot * (q[i] as number);
      }
    }
    let squares = 0;
    for (const x of v) squares += x * x;
    const scale = 1 / Math.sqrt(squares);
    for (let i = 0; i < length; i++) v[i] = (v[i] as number) * scale;
  }
}

export interface OrthogonalOptions extends SeedOptions {
  /** Factor on the matrix. Default: 1. */
  readonly gain?: number;
}

/**
 * A random orthogonal matrix, uniformly distributed over all of them. Weights of higher rank are seen as a matrix of
 * [product of the leading dimensions, last dimension]; the shorter of rows and columns is orthonormal.
 *
 * @throws Error when `gain` is not finite, and when used for a weight of rank < 2
 *
 * @example
 * layers.dense({ units: 8, kernelInitializer: initializers.orthogonal({ gain: Math.SQRT2 }) });
 *
 * Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014.
 */
export function orthogonal(options: OrthogonalOptions = {}): InitializerFn {
  const where = 'initializers.orthogonal';
  checkOptions(where, options, ['gain', 'seed']);
  const gain = numberIn(where, 'gain', options.gain ?? 1);
  return randomized(where, options, (n, source, shape) => {
    if (shape.length < 2) throw new Error(`${where}: needs a weight of rank >= 2, got shape [${shape.join(', ')}]`);
    const columns = shape[shape.length - 1] as number;
    const rows = columns === 0 ? 0 : n / columns;
    const vectors = new Float64Array(n);
    drawNormal(vectors, source);
    const tall = rows >= columns;
    orthonormalize(vectors, tall ? columns : rows, tall ? rows : columns);
    const out = new Float32Array(n);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        out[r * columns + c] = gain * (vectors[tall ? c * rows + r : r * columns + c] as number);
      }
    }
    return out;
  });
}
