import { uniforms } from '../../lib/ir/philox';

/** Reproducible random choices: the same seed gives the same test. */
export class Random {
  #block: Float64Array = new Float64Array(0);
  #used = 0;
  #next = 0;

  constructor(readonly seed: number) {}

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    if (this.#used === this.#block.length) {
      this.#block = uniforms(256, this.seed, 1, 0, this.#next);
      this.#next += 256;
      this.#used = 0;
    }
    return low + (high - low) * this.#block[this.#used++];
  }

  /** A whole number from low to high, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)];
  }

  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }

  /** A shape with dimensions from 1 to `largest`, now and then a prime or a size that SIMD lanes do not divide. */
  shape(rank = this.int(0, 4), largest = 5): number[] {
    return Array.from({ length: rank }, () => this.int(1, largest));
  }
}
