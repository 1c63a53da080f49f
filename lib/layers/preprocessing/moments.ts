import { sizeOf } from '../../ir/graph.js';
import type { Samples } from './adapt.js';

/**
 * Mean and variance of groups of values, over any number of batches: each batch by two passes in float64, batches joined as
 * by Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
 */
export class Moments {
  /** Values in each group so far. */
  #count = 0;
  readonly #mean: Float64Array;
  /** Sums of squared distances from the mean. */
  readonly #squares: Float64Array;

  /** @param shape that of a batch, with 1 for the axes along which values are in one group */
  constructor(readonly shape: readonly number[]) {
    this.#mean = new Float64Array(sizeOf(shape));
    this.#squares = new Float64Array(sizeOf(shape));
  }

  get mean(): Float32Array {
    return Float32Array.from(this.#mean);
  }

  get variance(): Float32Array {
    return Float32Array.from(this.#squares, (s) => s / this.#count);
  }

  add({ shape, values }: Samples): void {
    const groups = this.#groupsOf(shape.slice(1));
    const n = values.length / this.#mean.length;
    const origin = this.#firstValues(groups, values);
    const shift = new Float64Array(origin.length);
    for (let i = 0; i < values.length; i++) {
      const g = groups[i % groups.length] as number;
      shift[g] = (shift[g] as number) + ((values[i] as number) - (origin[g] as number));
    }
    // relative to the first value, so that a feature that never changes has a variance of exactly 0
    const mean = shift.map((s, g) => (origin[g] as number) + s / n);
    const squares = new Float64Array(mean.length);
    for (let i = 0; i < values.length; i++) {
      const g = groups[i % groups.length] as number;
      squares[g] = (squares[g] as number) + ((values[i] as number) - (mean[g] as number)) ** 2;
    }
    const before = this.#count;
    this.#count += n;
    for (let g = 0; g < mean.length; g++) {
      const distance = (mean[g] as number) - (this.#mean[g] as number);
      this.#mean[g] = (this.#mean[g] as number) + (distance * n) / this.#count;
      this.#squares[g] =
        (this.#squares[g] as number) + (squares[g] as number) + (distance ** 2 * before * n) / this.#count;
    }
  }

  /** The group of each value of a sample. */
  #groupsOf(sample: readonly number[]): Int32Array {
    const kept = this.shape.slice(1);
    const groups = new Int32Array(sizeOf(sample));
    for (let i = 0; i < groups.length; i++) {
      let rest = i;
      let step = 1;
      for (let axis = sample.length - 1; axis >= 0; axis--) {
        const n = sample[axis] as number;
        if (kept[axis] !== 1) {
          groups[i] = (groups[i] as number) + (rest % n) * step;
          step *= n;
        }
        rest = Math.floor(rest / n);
      }
    }
    return groups;
  }

  #firstValues(groups: Int32Array, values: ArrayLike<number>): Float64Array {
    const first = new Float64Array(this.#mean.length);
    for (let i = groups.length - 1; i >= 0; i--) first[groups[i] as number] = values[i] as number;
    return first;
  }
}
