import type { Tensor } from '../../ir/graph.js';
import { bitwiseAnd, bitwiseOr, bitwiseXor, leftShift, rightShift } from '../../ir/ops/bits.js';
import { add, mod, multiply } from '../../ir/ops/elementwise.js';
import { full } from '../../ir/ops/random.js';

/** The bits as a number without a sign, shifted: zeros enter. */
const unsignedShift = (x: Tensor, by: number): Tensor => bitwiseAnd(rightShift(x, by), 2 ** (32 - by) - 1);
const rotate = (x: Tensor, by: number): Tensor => bitwiseOr(leftShift(x, by), unsignedShift(x, 32 - by));
/** Products wrap around; a constant above 2^31 is the negative number with its bits. */
const times = (x: Tensor, constant: number): Tensor => multiply(x, constant | 0);

/**
 * MurmurHash3_x86_32 of the bytes of whole numbers, element by element: four bytes for each tensor, the lowest first.
 *
 * @param words int32 of one shape
 * @returns int32 of that shape
 *
 * Source: Appleby, "MurmurHash3", https://github.com/aappleby/smhasher (2011).
 */
export function murmur3(words: readonly Tensor[], seed: number): Tensor {
  let h: Tensor = full(words[0]?.shape ?? [], seed, 'int32');
  for (const word of words) {
    const k = times(rotate(times(word, 0xcc9e2d51), 15), 0x1b873593);
    h = add(multiply(rotate(bitwiseXor(h, k), 13), 5), 0xe6546b64 | 0);
  }
  h = bitwiseXor(h, 4 * words.length);
  h = times(bitwiseXor(h, unsignedShift(h, 16)), 0x85ebca6b);
  h = times(bitwiseXor(h, unsignedShift(h, 13)), 0xc2b2ae35);
  return bitwiseXor(h, unsignedShift(h, 16));
}

/** A number from 0 to bins - 1 for each hash: its lower 31 bits modulo bins. */
export const binOf = (hash: Tensor, bins: number): Tensor => mod(bitwiseAnd(hash, 0x7fffffff), bins);
