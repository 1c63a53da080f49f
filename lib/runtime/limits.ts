import type { MachineLimits } from './addon.js';
import { loadAddon } from './native.js';

const known = new Map<string, MachineLimits>();

/**
 * What this machine can do at most: measured once for each number of threads and target, in about 0.2 s, or `again`, when
 * the largest numbers of all measurements count: whoever disturbs one makes it smaller.
 */
export function machineLimits({ again = false } = {}): MachineLimits {
  const native = loadAddon();
  const { target, threads } = native.info();
  const key = `${target} ${threads}`;
  const before = known.get(key);
  if (before !== undefined && !again) return before;
  const limits = before === undefined ? native.limits() : largest(before, native.limits());
  known.set(key, limits);
  return limits;
}

/** Of two measurements of the same machine. */
export function largest(a: MachineLimits, b: MachineLimits): MachineLimits {
  return {
    threads: a.threads,
    flops: Math.max(a.flops, b.flops),
    bfloat16Flops: Math.max(a.bfloat16Flops, b.bfloat16Flops),
    int8Ops: Math.max(a.int8Ops, b.int8Ops),
    bandwidth: a.bandwidth.map((level, i) => {
      const other = b.bandwidth[i] ?? level;
      return {
        bytes: level.bytes,
        read: Math.max(level.read, other.read),
        triad: Math.max(level.triad, other.triad),
      };
    }),
  };
}
