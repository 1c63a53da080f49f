import os from 'node:os';
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

describe('freed storages are kept for the next ones', () => {
  const { Storage } = loadAddon();
  const spare = (): number => loadAddon().info().spareBytes;
  const freed = (bytes: number): void => new Storage(bytes).dispose();
  const mega = 1 << 20;

  // What other tests have freed might fit better: it is taken, and given back behind each test.
  const taken: InstanceType<typeof Storage>[] = [];
  beforeEach(() => {
    for (let bytes = mega / 8 - 64; spare() > 0 && bytes <= os.totalmem() / 8; bytes = Math.ceil(bytes * 1.2)) {
      for (let before = -1; before !== spare(); ) {
        before = spare();
        taken.push(new Storage(bytes));
      }
    }
    expect(spare()).toBe(0);
  });
  afterEach(() => {
    for (const storage of taken.splice(0)) storage.dispose();
  });

  test('one that fits is used again, whatever was in it', () => {
    freed(3 * mega);
    const before = spare();
    expect(before).toBeGreaterThanOrEqual(3 * mega);
    const storage = new Storage(2 * mega);
    expect(spare()).toBeLessThanOrEqual(before - 3 * mega);
    storage.write(0, new Float32Array(mega / 2).fill(7));
    const read = new Float32Array(mega / 2);
    storage.read(0, read);
    expect(read.every((v) => v === 7)).toBe(true);
    storage.dispose();
    expect(spare()).toBe(before);
  });

  test('one that is much larger is not, nor are small ones kept', () => {
    freed(40 * mega);
    const before = spare();
    const storage = new Storage(11 * mega);
    const least = new Storage(1000);
    least.dispose();
    expect(spare()).toBe(before);
    storage.dispose();
  });

  test('64 MB of them at most, those that were freed last', () => {
    for (let i = 0; i < 10; i++) freed((9 + i) * mega);
    expect(spare()).toBeLessThanOrEqual(64 * mega);
    const before = spare();
    const last = new Storage(18 * mega);
    expect(spare()).toBeLessThan(before);
    last.dispose();
    expect(spare()).toBe(before);
  });

  test('larger ones too, up to an eighth of the memory of the machine, and they leave room for the small ones', () => {
    freed(30 * mega);
    const small = spare();
    freed(100 * mega);
    expect(spare()).toBeGreaterThanOrEqual(small + 100 * mega);
    const storage = new Storage(90 * mega);
    expect(spare()).toBe(small);
    storage.write(0, new Float32Array(mega).fill(7)); // where the system has taken a page, it is there again
    const read = new Float32Array(mega);
    storage.read(0, read);
    expect(read.every((v) => v === 7)).toBe(true);
    storage.dispose();

    const tenth = Math.floor(os.totalmem() / 10);
    freed(tenth);
    freed(tenth);
    expect(spare()).toBeGreaterThanOrEqual(small + tenth);
    expect(spare()).toBeLessThanOrEqual(small + os.totalmem() / 8);
    const before = spare();
    freed(2 * tenth);
    expect(spare()).toBe(before);
    new Storage(tenth).dispose();
    expect(spare()).toBe(before);
  });
});
