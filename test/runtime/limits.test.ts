import type { MachineLimits } from '../../lib/runtime/addon';
import { largest, machineLimits } from '../../lib/runtime/limits';

const limits = (flops: number, read: number): MachineLimits => ({
  threads: 2,
  flops,
  bfloat16Flops: 100 - flops,
  int8Ops: 4 * flops,
  bandwidth: [
    { bytes: 1024, read, triad: 10 - read },
    { bytes: 4096, read: 2, triad: 3 },
  ],
});

test('of two measurements the largest numbers count', () => {
  expect(largest(limits(20, 7), limits(60, 4))).toEqual({
    threads: 2,
    flops: 60,
    bfloat16Flops: 80,
    int8Ops: 240,
    bandwidth: [
      { bytes: 1024, read: 7, triad: 6 },
      { bytes: 4096, read: 2, triad: 3 },
    ],
  });
});

test('limits are measured once, or again, and never fall', () => {
  const first = machineLimits();
  expect(machineLimits()).toBe(first);
  const second = machineLimits({ again: true });
  expect(second).not.toBe(first);
  expect(machineLimits()).toBe(second);
  expect(second.flops).toBeGreaterThanOrEqual(first.flops);
  second.bandwidth.forEach((level, i) => {
    expect(level.bytes).toBe(first.bandwidth[i]?.bytes);
    expect(level.read).toBeGreaterThanOrEqual(first.bandwidth[i]?.read as number);
  });
});
