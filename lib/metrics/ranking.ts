import type { Tensor } from '../ir/graph.js';
import { add, cast, minimum, multiply, where as select } from '../ir/ops/elementwise.js';
import { scatterAdd } from '../ir/ops/indexing.js';
import { full, iota } from '../ir/ops/random.js';
import { concatenate, sliceAxis } from '../ir/ops/shape.js';

/**
 * Sums that keep every score of an epoch: how many came, the scores, and as many signed weights: that of a positive as it
 * is, that of a negative as -weight. What comes after the last place is counted, and falls into a place that nobody reads.
 */
export const sizeOfKept = (capacity: number): number => 1 + 2 * (capacity + 1);

/** What a batch adds to the sums: its scores and weights, at the places that are free. */
export function keep(totals: Tensor, scores: Tensor, positive: Tensor, weights: Tensor, capacity: number): Tensor {
  const count = sliceAxis(totals, 0, 0, 1);
  const place = minimum(add(iota([scores.size], 0), cast(count, 'int32')), capacity);
  const signed = multiply(weights, select(positive, 1, -1));
  const placed = [scores, signed].map((values) => scatterAdd(place, values, capacity + 1));
  return concatenate([full([1], scores.size), ...placed], 0);
}

/** Weights of positives and negatives that have the same score, from the highest score to the lowest. */
export interface Ties {
  readonly positives: number;
  readonly negatives: number;
}

/** @throws Error when more scores came than there are places for */
export function ranked(name: string, totals: ArrayLike<number>, capacity: number): Ties[] {
  const count = totals[0] as number;
  if (count > capacity) {
    throw new Error(`metric ${name}: an epoch has ${count} predictions, more than its capacity of ${capacity}`);
  }
  const score = (i: number): number => totals[1 + i] as number;
  const ties: { score: number; positives: number; negatives: number }[] = [];
  for (const i of falling(score, count)) {
    const weight = totals[2 + capacity + i] as number;
    if (weight === 0) continue;
    let last = ties.at(-1);
    // NaN is a tie with NaN
    if (last === undefined || !(last.score === score(i) || (Number.isNaN(last.score) && Number.isNaN(score(i))))) {
      last = { score: score(i), positives: 0, negatives: 0 };
      ties.push(last);
    }
    if (weight > 0) last.positives += weight;
    else last.negatives -= weight;
  }
  return ties;
}

/** Numbers 0 .. count - 1 by falling score, NaN last. Sorts numbers without a function that compares, which is fast. */
function falling(score: (i: number) => number, count: number): number[] {
  // a float32 leaves the last 29 bits of a float64 free for its number
  const keys = new Float64Array(count);
  const words = new Uint32Array(keys.buffer);
  const low = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;
  for (let i = 0; i < count; i++) {
    const value = score(i);
    // 0 and -0 are one; infinities and NaN become numbers beyond those that a float32 can be
    keys[i] = Number.isNaN(value) ? -1e50 : Math.max(-1e40, Math.min(1e40, value)) + 0;
    const at = 2 * i + low;
    words[at] = ((words[at] as number) & 0xe0000000) | i;
  }
  keys.sort();
  return Array.from({ length: count }, (_, i) => (words[2 * (count - 1 - i) + low] as number) & 0x1fffffff);
}

/** The share of pairs of a positive and a negative where the positive is higher; ties count half. 0 without pairs. */
export function rankArea(ties: readonly Ties[]): number {
  let [positives, negatives, area] = [0, 0, 0];
  for (const tie of ties) {
    area += tie.negatives * (positives + tie.positives / 2);
    positives += tie.positives;
    negatives += tie.negatives;
  }
  return positives === 0 || negatives === 0 ? 0 : area / positives / negatives;
}

/** Sum over the scores of what the recall grows by there, times the precision. 0 without positives. */
export function averagePrecision(ties: readonly Ties[]): number {
  let [positives, all, area] = [0, 0, 0];
  for (const tie of ties) {
    positives += tie.positives;
    all += tie.positives + tie.negatives;
    area += tie.positives * (positives / all);
  }
  return positives === 0 ? 0 : area / positives;
}
