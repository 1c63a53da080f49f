/**
 * Philox4x32-10, the counter-based generator behind every random number (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", 2011). The native kernels compute the same function; this is its definition for the host and the oracle.
 */

/** The upper 32 bits of a * b. No intermediate value exceeds 2^32, so that doubles are exact. */
function mulHigh(a: number, b: number): number {
  const ah = a >>> 16;
  const al = a & 0xffff;
  const bh = b >>> 16;
  const bl = b & 0xffff;
  const middle = ah * bl + ((al * bl) >>> 16);
  const lower = al * bh + (middle & 0xffff);
  return (ah * bh + (middle >>> 16) + (lower >>> 16)) >>> 0;
}

export type Words4 = [number, number, number, number];

export function philox(key0: number, key1: number, counter: Words4): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = [key0 >>> 0, key1 >>> 0];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = mulHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Numbers `begin` .. `begin + n` of the uniform stream that the `random` operation draws for (seed, stream, counter). */
export function uniforms(n: number, seed: number, stream: number, counter = 0, begin = 0): Float64Array {
  const out = new Float64Array(n);
  let words: Words4 = [0, 0, 0, 0];
  let block = -1;
  for (let i = 0; i < n; i++) {
    const position = begin + i;
    const q = Math.floor(position / 4);
    if (q !== block) {
      words = philox(seed, stream, [q >>> 0, Math.floor(q / 0x100000000) >>> 0, counter >>> 0, 0]);
      block = q;
    }
    out[i] = ((words[position % 4] as number) >>> 8) / 0x1000000;
  }
  return out;
}
