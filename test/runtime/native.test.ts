import { tableHash } from '../../lib/ir/optable';
import { checkTable, cpuInfo, loadAddon, memory, setThreads } from '../../lib/runtime/native';

test('the addon loads once and was built from this operation table', () => {
  expect(loadAddon()).toBe(loadAddon());
  expect(loadAddon().tableHash).toBe(tableHash());
});

test('an addon of another version is refused with a way out', () => {
  expect(() => checkTable({ tableHash: 0xabc })).toThrow(
    /operation table 00000abc, expected [0-9a-f]{8}\); rebuild: npm run build/,
  );
});

test('setThreads and cpuInfo', () => {
  const { threads, target, targets } = cpuInfo();
  setThreads(3);
  expect(cpuInfo().threads).toBe(3);
  setThreads(threads);
  expect(targets).toContain(target);
  for (const count of [0, -1, 257, 1.5, Number.NaN, '2' as unknown as number]) {
    expect(() => setThreads(count)).toThrow(/setThreads: count must be a whole number from 1 to 256/);
  }
});

test('memory counts storages', () => {
  const before = memory();
  const storage = new (loadAddon().Storage)(1 << 20);
  expect(memory().storages).toBe(before.storages + 1);
  expect(memory().bytes).toBeGreaterThanOrEqual(before.bytes + (1 << 20));
  storage.dispose();
  expect(memory()).toEqual(before);
});
