/**
 * Philox4x32-10, the counter-based generator behind every random number (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", 2011). The native kernels compute the same function; this is its definition for the host and the oracle.
 */

/** The upper 32 bits of a * b, for the two halves of b: as a signed number, which V8 keeps in a register. */
function mulHigh(a: number, bh: number, bl: number): number {
  const ah = a >>> 16;
  const al = a & 0xffff;
  const middle = (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bl) >>> 16);
  const lower = (Math.imul(al, bh) >>> 0) + (middle & 0xffff);
  return (Math.imul(ah, bh) + (middle >>> 16) + (lower >>> 16)) | 0;
}

export type Words4 = [number, number, number, number];

/** The four words of a block go to `words`. */
function writeBlock(words: Uint32Array, key0: number, key1: number, counter: Words4): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = [key0 | 0, key1 | 0];
  c0 |= 0;
  c1 |= 0;
  c2 |= 0;
  c3 |= 0;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(c0, 0xd251, 0x1f53);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = mulHigh(c2, 0xcd9e, 0x8d57);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

export function philox(key0: number, key1: number, counter: Words4): Words4 {
  const words = new Uint32Array(4);
  writeBlock(words, key0, key1, counter);
  return [...words] as Words4;
}

/** Numbers `begin` .. `begin + n` of the uniform stream that the `random` operation draws for (seed, stream, counter). */
export function uniforms(n: number, seed: number, stream: number, counter = 0, begin = 0): Float64Array {
  const out = new Float64Array(n);
  const words = new Uint32Array(4);
  const at: Words4 = [0, 0, counter, 0];
  for (let i = 0; i < n; ) {
    const position = begin + i;
    const block = Math.floor(position / 4);
    at[0] = block;
    at[1] = Math.floor(block / 0x100000000);
    writeBlock(words, seed, stream, at);
    for (let word = position % 4; word < 4 && i < n; word++) out[i++] = ((words[word] as number) >>> 8) / 0x1000000;
  }
  return out;
}
