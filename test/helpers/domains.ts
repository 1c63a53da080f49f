import type { Random } from './random';

/** Where the values of an input come from. */
export type Draw = (random: Random, size: number) => Float64Array;

export const each =
  (one: (random: Random) => number): Draw =>
  (random, size) =>
    Float64Array.from({ length: size }, () => one(random));

/** Normal, mostly within 3. */
export const anywhere: Draw = each((random) => random.normal());

export const between = (low: number, high: number): Draw => each((random) => random.uniform(low, high));

/** Positive and not near 0. */
export const positive: Draw = between(0.3, 3);

/** Whole numbers, both ends included. */
export const labels = (low: number, high: number): Draw => each((random) => random.int(low, high));

/** Normal, but not within `margin` of points where the derivative jumps. */
export function awayFrom(points: number | readonly number[], margin = 0.05): Draw {
  const all = typeof points === 'number' ? [points] : points;
  return each((random) => {
    for (;;) {
      const value = random.normal();
      if (all.every((p) => Math.abs(value - p) > margin)) return value;
    }
  });
}

/** No two values close to each other, also not between draws of different `phase`: the largest stays the largest. */
export const distinct =
  (phase = 0): Draw =>
  (random, size) =>
    Float64Array.from(
      random.shuffle(Array.from({ length: size }, (_, i) => i)),
      (i) => (i - (size >> 1) + phase + random.uniform(-0.1, 0.1)) / 16,
    );

/** Rows of n values, none of them near the border between what sparsemax keeps and what becomes 0. */
export const supports =
  (n: number): Draw =>
  (random, size) => {
    const row = (): number[] => {
      for (;;) {
        const values = Array.from({ length: n }, () => random.normal());
        const sorted = [...values].sort((a, b) => b - a);
        let [sum, border] = [0, 0];
        sorted.forEach((v, i) => {
          sum += v;
          if (1 + (i + 1) * v > sum) border = (sum - 1) / (i + 1);
        });
        if (values.every((v) => Math.abs(v - border) > 0.05)) return values;
      }
    };
    return Float64Array.from(Array.from({ length: size / n }, row).flat());
  };
