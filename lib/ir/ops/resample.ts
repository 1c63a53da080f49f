import { broadcastTo, tensor } from '../build.js';
import { sizeOf, type Tensor } from '../graph.js';
import { matmul } from './linalg.js';
import { reshape, transpose } from './shape.js';

/** Which old elements make a new one: [index, weight] pairs. */
export type Taps = readonly (readonly [number, number])[];

/**
 * Each of `size` new elements along an axis as a weighted sum of old ones: a product of a matrix of weights and, for each position
 * in front of the axis, [old elements, all behind it], where they lie.
 */
export function resample(t: Tensor, axis: number, size: number, tapsOf: (i: number) => Taps): Tensor {
  const n = t.shape[axis] as number;
  const weights = new Float32Array(size * n);
  for (let i = 0; i < size; i++) for (const [from, weight] of tapsOf(i)) weights[i * n + from] = weight;
  const [before, behind] = [t.shape.slice(0, axis), t.shape.slice(axis + 1)];
  const [outer, inner] = [sizeOf(before), sizeOf(behind)];
  const resampled =
    inner === 1
      ? matmul(reshape(t, [outer, n]), transpose(tensor(weights, [size, n])))
      : matmul(broadcastTo(tensor(weights, [size, n]), [outer, size, n]), reshape(t, [outer, n, inner]));
  return reshape(resampled, [...before, size, ...behind]);
}

/**
 * Taps of linear interpolation from `n` cells to `size`, between the centres of cells; beyond the outermost centres their
 * values are kept. With `antialias`, a smaller size takes in all cells, each with the weight that a triangle as wide as two
 * new cells gives it.
 */
export function linearTaps(n: number, size: number, antialias = false): (i: number) => Taps {
  const ratio = n / size;
  const radius = antialias ? Math.max(ratio, 1) : 1;
  return (i) => {
    const centre = (i + 0.5) * ratio - 0.5;
    const taps: [number, number][] = [];
    for (let k = Math.max(0, Math.ceil(centre - radius)); k <= Math.min(n - 1, Math.floor(centre + radius)); k++) {
      taps.push([k, 1 - Math.abs(k - centre) / radius]);
    }
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    return taps.map(([k, weight]) => [k, weight / total]);
  };
}
