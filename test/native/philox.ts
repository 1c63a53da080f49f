// Philox4x32-10 and the shuffling of native/runtime/permutation.h, written a second time.

/** Four random words for a counter. */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const low = (x: bigint) => x & 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const [a, b] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(b >> 32n) ^ c1 ^ k0, low(b), (a >> 32n) ^ c3 ^ k1, low(a)];
    [k0, k1] = [low(k0 + 0x9e3779b9n), low(k1 + 0xbb67ae85n)];
  }
  return [c0, c1, c2, c3].map(Number);
}

/** The order of `count` rows in an epoch, from row 0 on. */
export function shuffled(count: number, seed: number, epoch: number): number[] {
  const words: number[] = [];
  let q = 0;
  const below = (bound: number): number => {
    for (;;) {
      if (words.length === 0) words.push(...philox([q++, 0, 0, 1], [seed, epoch]));
      const product = BigInt(words.shift() as number) * BigInt(bound);
      if (Number(product & 0xffffffffn) >= 2 ** 32 % bound) return Number(product >> 32n);
    }
  };
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count; i > 1; i--) {
    const j = below(i);
    [order[i - 1], order[j]] = [order[j] as number, order[i - 1] as number];
  }
  return order;
}
