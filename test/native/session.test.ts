import { arrayTypes } from '../../lib/ir/graph';
import { addon } from './native.js';
import { counterPlan, PlanWords, passThroughPlan } from './plan-words.js';

describe('state', () => {
  test('starts as zeros and keeps what is written', () => {
    const session = new addon.Session(128);
    const all = new Float32Array(32).fill(7);
    session.readState(0, all);
    expect([...all]).toEqual(new Array(32).fill(0));
    session.writeState(8, Float32Array.of(1.5, -2));
    session.readState(4, all.subarray(0, 4));
    expect([...all.subarray(0, 4)]).toEqual([0, 1.5, -2, 0]);
    session.dispose();
  });

  test('ranges are checked', () => {
    const session = new addon.Session(64);
    expect(() => session.readState(64, new Uint8Array(1))).toThrow(RangeError);
    expect(() => session.writeState(60, new Float32Array(2))).toThrow(
      /8 bytes from 60 on do not lie inside the 64 bytes/,
    );
    expect(() => session.readState(-1, new Uint8Array(1))).toThrow(/byteOffset: expected an integer from 0/);
    expect(() => session.readState(0.5, new Uint8Array(1))).toThrow(/got 0.5/);
    expect(() => session.readState('0' as never, new Uint8Array(1))).toThrow(TypeError);
    expect(() => session.readState(0, new Float64Array(1) as never)).toThrow(/got Float64Array of length 1/);
    session.readState(64, new Uint8Array(0));
    session.dispose();
  });

  test('memory that does not exist is refused with a number', () => {
    expect(() => new addon.Session(2 ** 50)).toThrow(/out of memory: 1125899906842624 bytes wanted/);
    expect(() => new addon.Session(-1)).toThrow(RangeError);
    expect(() => new addon.Session(undefined as never)).toThrow('stateBytes: expected an integer, got undefined');
  });
});

describe('dropPlan', () => {
  test('frees the plan, whose number is not used again', () => {
    const session = new addon.Session(64);
    const before = addon.info().bytes;
    const dropped = session.addPlan(passThroughPlan(1000, 100));
    expect(addon.info().bytes).toBeGreaterThan(before);
    session.dropPlan(dropped);
    expect(addon.info().bytes).toBe(before);
    expect(() => session.runSync(dropped, [], [])).toThrow('plan: number 0 has been dropped');
    expect(() => session.dropPlan(dropped)).toThrow('plan: number 0 has been dropped');
    expect(() => session.dropPlan(7)).toThrow('plan: the session has 1 plans, got number 7');
    expect(session.addPlan(counterPlan())).toBe(1);
    session.dispose();
  });

  test('a queued job still runs it, and new ones are refused', async () => {
    const session = new addon.Session(64);
    const plan = session.addPlan(counterPlan());
    const job = {
      segments: [{ plan, rows: 1, steps: 1000 }],
      feeds: [],
      fetches: [],
      begin: 0,
      end: 100_000,
      firstRow: 0,
    };
    const running = [session.run(job), session.run(job)];
    session.dropPlan(plan);
    for (const { reason, next } of await Promise.all(running)) expect([reason, next]).toEqual(['done', 100_000]);
    const counter = new Float32Array(1);
    session.readState(0, counter);
    expect(counter[0]).toBe(200_000);
    expect(() => session.run(job)).toThrow('segments[0].plan: there is no plan 0');
    session.dispose();
  });
});

describe('runSync', () => {
  test('runs one step on the state', () => {
    const session = new addon.Session(64);
    const plan = session.addPlan(counterPlan());
    for (let i = 0; i < 5; i++) session.runSync(plan, [], []);
    const counter = new Float32Array(1);
    session.readState(0, counter);
    expect(counter[0]).toBe(5);
    session.dispose();
  });

  test.each(['float32', 'int32', 'bool', 'int8'] as const)('feeds and fetches %s', (dtype) => {
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(3, 2, dtype));
    const make = arrayTypes[dtype];
    const fetched = new make(6);
    session.runSync(plan, [make.of(1, 0, 1, 1, 0, 1)], [fetched]);
    expect([...fetched]).toEqual([1, 0, 1, 1, 0, 1]);
    session.dispose();
  });

  test('copies large slots on all threads', () => {
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(1000, 301));
    const fed = Float32Array.from({ length: 301_000 }, (_, i) => i);
    const fetched = new Float32Array(301_000);
    session.runSync(plan, [fed], [fetched]);
    expect(fetched).toEqual(fed);
    session.dispose();
  });

  test('bool is 0 or 1 inside', () => {
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(1, 3, 'bool'));
    const fetched = new Uint8Array(3);
    session.runSync(plan, [Uint8Array.of(0, 2, 255)], [fetched]);
    expect([...fetched]).toEqual([0, 1, 1]);
    session.dispose();
  });

  test('arguments are checked', () => {
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(2, 2));
    const good = () => new Float32Array(4);
    expect(() => session.runSync(plan + 1, [good()], [good()])).toThrow('plan: the session has 1 plans, got number 1');
    expect(() => session.runSync(plan, [], [good()])).toThrow('feeds: expected 1 arrays, got 0');
    expect(() => session.runSync(plan, [good()], [])).toThrow('fetches: expected 1 arrays, got 0');
    expect(() => session.runSync(plan, undefined as never, [])).toThrow('feeds: expected an array, got undefined');
    expect(() => session.runSync(plan, [new Float32Array(3)], [good()])).toThrow(
      'feeds[0]: expected a Float32Array of length 4 for float32[2, 2], got a Float32Array of length 3',
    );
    expect(() => session.runSync(plan, [good()], [new Int32Array(4)])).toThrow(/fetches\[0\]: .* got a Int32Array/);
    const detached = good();
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => session.runSync(plan, [detached], [good()])).toThrow(/got a Float32Array of length 0/);
    session.dispose();
  });

  test('a getter that detaches an array that was read before it changes nothing', () => {
    const slot = { shape: [4096] };
    const plan = new PlanWords(512, 0);
    const [a, b] = [plan.view(slot), plan.view({ ...slot, base: 256 })];
    plan.feed(a, slot).feed(b, slot);
    const session = new addon.Session(0);
    const number = session.addPlan(plan.words());
    const first = new Float32Array(4096);
    const feeds = [first, first];
    Object.defineProperty(feeds, 1, {
      get() {
        structuredClone(first.buffer, { transfer: [first.buffer] });
        return new Float32Array(4096);
      },
    });
    expect(() => session.runSync(number, feeds, [])).toThrow(/length 0/);
    Object.defineProperty(feeds, 1, {
      get() {
        session.dispose();
        return new Float32Array(4096);
      },
    });
    expect(() => session.runSync(number, feeds, [])).toThrow('the session has been disposed');
  });
});

describe('addPlan', () => {
  test('wants a state that is large enough', () => {
    const session = new addon.Session(32);
    expect(() => session.addPlan(counterPlan())).toThrow('plan: needs a state of 64 bytes, the session has 32');
    session.dispose();
  });
});

describe('Storage', () => {
  test('keeps what is written', () => {
    const storage = new addon.Storage(10);
    expect(storage.byteLength).toBe(10);
    storage.write(3, Uint8Array.of(1, 2, 3));
    const all = new Uint8Array(10);
    storage.read(0, all);
    expect([...all.subarray(3, 6)]).toEqual([1, 2, 3]);
    expect(() => storage.write(8, new Uint8Array(3))).toThrow(/3 bytes from 8 on do not lie inside the 10 bytes/);
    expect(() => storage.read(0, new Float32Array(3))).toThrow(RangeError);
    storage.dispose();
  });
});

describe('disposal', () => {
  test('gives the memory back; using it afterwards throws, disposing twice does not', () => {
    const before = addon.info();
    const session = new addon.Session(1 << 20);
    const storage = new addon.Storage(1 << 20);
    session.addPlan(passThroughPlan(64, 64));
    expect(addon.info()).toMatchObject({ sessions: before.sessions + 1, storages: before.storages + 1 });
    expect(addon.info().bytes).toBe(before.bytes + 2 * (1 << 20) + 64 * 64 * 4);
    session.dispose();
    storage.dispose();
    expect({ ...addon.info(), spareBytes: before.spareBytes }).toEqual(before); // the next storage may have it
    session.dispose();
    storage.dispose();
    expect(() => session.addPlan(counterPlan())).toThrow('the session has been disposed');
    expect(() => session.runSync(0, [], [])).toThrow('the session has been disposed');
    expect(() => session.abort()).toThrow('the session has been disposed');
    expect(() => storage.byteLength).toThrow('the storage has been disposed');
    expect(() => storage.write(0, new Uint8Array(1))).toThrow('the storage has been disposed');
  });

  test('methods on foreign objects throw', () => {
    const { Session, Storage } = addon;
    expect(() => Session.prototype.abort.call({} as never)).toThrow(TypeError);
    expect(() => Storage.prototype.dispose.call(new Session(0) as never)).toThrow(TypeError);
    expect(() => (Session as unknown as (n: number) => void)(8)).toThrow(TypeError);
  });
});

test('settings are checked', () => {
  expect(() => addon.setThreads(0)).toThrow('count: expected an integer from 1 to 256, got 0');
  expect(() => addon.setThreads(257)).toThrow(RangeError);
  expect(() => addon.selectTarget('mmx')).toThrow(/no target 'mmx'/);
  expect(() => addon.selectBlas(3 as never)).toThrow('choice: expected a string, got number 3');
  const { threads } = addon.info();
  addon.setThreads(3);
  expect(addon.info().threads).toBe(3);
  addon.setThreads(threads);
});
