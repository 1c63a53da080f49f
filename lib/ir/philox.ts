/**
 * Philox4x32-10, the counter-based generator behind every random number (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", 2011). The native kernels compute the same function; this is its definition for the host and the oracle.
 */
function mulHiLo(a: number, b: number): [number, number] {
  const low = Math.imul(a, b) >>> 0;
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = al * bh + ((al * bl) >>> 16);
  const high = ah * bh + Math.floor((ah * bl + (middle % 0x100000000)) / 0x10000) + Math.floor(middle / 0x100000000) * 0x10000;
  return [high >>> 0, low];
}

export type Words4 = [number, number, number, number];

export function philox(key0: number, key1: number, counter: Words4): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = [key0 >>> 0, key1 >>> 0];
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = mulHiLo(0xd2511f53, c0);
    const [h1, l1] = mulHiLo(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
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
