import type { Lookup } from '../layers/preprocessing/lookup.js';

/** A row over the vocabulary for each list of indices: how often each occurs, or as the mode says. Negative ones are left out. */
export function encodeRows(lookup: Lookup<string>, rows: readonly ArrayLike<number>[]): Float32Array {
  const { mode, depth } = lookup;
  const idf = mode === 'tfIdf' ? lookup.idf : undefined;
  const vectors = new Float32Array(rows.length * depth);
  rows.forEach((row, r) => {
    const vector = vectors.subarray(r * depth, (r + 1) * depth);
    for (let i = 0; i < row.length; i++) {
      const index = row[i] as number;
      if (index >= 0) vector[index] = mode === 'count' || idf ? (vector[index] as number) + 1 : 1;
    }
    idf?.forEach((weight, i) => {
      vector[i] = (vector[i] as number) * weight;
    });
  });
  return vectors;
}
