import { addon, job } from './native.js';
import { counterPlan, passThroughPlan, sumsPlan } from './plan-words.js';

const segments = (plan: number) => [{ plan, rows: 1, steps: 5 }];

/** Quadruples of a profile's events. */
const eventsOf = (events: Float64Array): number[][] =>
  Array.from({ length: events.length / 4 }, (_, i) => [...events.subarray(4 * i, 4 * i + 4)]);

describe('a profile', () => {
  test('counts and times every instruction, those of loops too, and changes no result', async () => {
    const run = async (profile?: { events: number }) => {
      const session = new addon.Session(64);
      session.writeState(
        0,
        Float32Array.from({ length: 12 }, (_, i) => i),
      );
      const plan = session.addPlan(sumsPlan());
      const result = await session.run(
        job({ segments: segments(plan), end: 7, ...(profile === undefined ? {} : { profile }) }),
      );
      const state = new Float32Array(12);
      session.readState(0, state);
      session.dispose();
      return { result, state };
    };
    const plain = await run();
    expect(plain.result.profile).toBeUndefined();
    for (const events of [0, 1000]) {
      const { result, state } = await run({ events });
      expect(state).toEqual(plain.state);
      const { nanoseconds, calls, steps } = result.profile as NonNullable<typeof result.profile>;
      // a copy, and a loop of two steps with two instructions
      expect([...calls]).toEqual([7, 7, 14, 14]);
      expect(steps).toHaveLength(7);
      const [copy = 0, loop = 0, add = 0, store = 0] = nanoseconds;
      expect(add + store).toBeLessThanOrEqual(loop);
      expect(copy + loop).toBeLessThanOrEqual(steps.reduce((a, b) => a + b, 0));
      expect(copy).toBeGreaterThan(0);
    }
  });

  test('keeps events in the order of their ends, as many as there is room for', async () => {
    const session = new addon.Session(64);
    const plan = session.addPlan(counterPlan());
    const profiled = async (events: number) =>
      (await session.run(job({ segments: segments(plan), end: 3, profile: { events } }))).profile;
    const all = await profiled(100);
    const events = eventsOf((all as NonNullable<typeof all>).events);
    // of each step: its instruction with its only chunk, if it has one, and the step
    const whole = events.filter(([, track]) => track === 0);
    expect(whole.map(([what]) => what)).toEqual([0, -1, 0, -1, 0, -1]);
    for (const [, , begin = 0, end = 0] of events) expect(begin).toBeLessThanOrEqual(end);
    const ends = whole.map(([, , , end]) => end as number);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    expect(all?.eventsLost).toBe(0);

    const some = await profiled(4);
    expect(some?.events).toHaveLength(16);
    expect(some?.eventsLost).toBe(events.length - 4);
    const none = await profiled(0);
    expect(none?.events).toHaveLength(0);
    expect(none?.eventsLost).toBe(0);
    session.dispose();
  });

  test('of an aborted job has the steps that were done', async () => {
    const session = new addon.Session(64);
    const plan = session.addPlan(counterPlan());
    const running = session.run(job({ segments: segments(plan), end: 1_000_000, profile: { events: 0 } }));
    session.abort();
    const { next, profile } = await running;
    expect(profile?.steps).toHaveLength(next);
    expect(profile?.calls[0]).toBe(next);
    session.dispose();
  });

  test('is refused when it cannot be taken', () => {
    const session = new addon.Session(64);
    const plan = session.addPlan(counterPlan());
    const refused = (parts: object) => expect(() => session.run(job({ segments: segments(plan), end: 1, ...parts })));
    refused({ segments: [...segments(plan), ...segments(plan)], profile: { events: 0 } }).toThrow(
      'job.profile: expected one segment, got 2',
    );
    refused({ end: 1_000_001, profile: { events: 0 } }).toThrow('job.profile: at most 1000000 steps, got 1000001');
    refused({ profile: { events: 2 ** 22 + 1 } }).toThrow('job.profile.events: at most 4194304, got 4194305');
    refused({ profile: { events: -1 } }).toThrow('job.profile.events');
    refused({ profile: {} }).toThrow('job.profile.events');
    refused({ profile: 5 }).toThrow('job.profile: expected an object');
    session.dispose();
  });

  test('sees the chunks of a large instruction on their threads', async () => {
    const { threads } = addon.info();
    addon.setThreads(2);
    const rows = 1 << 12;
    const columns = 256;
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(rows, columns));
    const storage = new addon.Storage(rows * columns * 4);
    const { profile } = await session.run(
      job({
        segments: [{ plan, rows, steps: 1 }],
        feeds: [{ storage, type: 'float32', rows }],
        fetches: [{ array: new Float32Array(rows * columns), rows }],
        end: 4,
        profile: { events: 100_000 },
      }),
    );
    addon.setThreads(threads);
    session.dispose();
    const events = eventsOf((profile as NonNullable<typeof profile>).events);
    const chunks = events.filter(([, track = 0]) => track > 0);
    expect(chunks.length).toBeGreaterThan(8);
    for (const [what, track = 0, begin = 0, end = 0] of chunks) {
      expect(track).toBeLessThanOrEqual(2);
      const around = events.filter(([w, t, b = 0, e = 0]) => w === what && t === 0 && b <= begin && end <= e);
      expect(around).toHaveLength(1);
    }
  });
});

test('limits are measured quickly, and are those of a computer', () => {
  const before = addon.info().bytes;
  const begin = performance.now();
  const readings = Array.from({ length: 3 }, () => addon.limits());
  // 0.2 s each, but the machine may be busy
  expect((performance.now() - begin) / readings.length).toBeLessThan(5000);
  const { threads, bandwidth } = readings[0];
  // who is interrupted in one reading is not in all
  const best = (key: 'flops' | 'bfloat16Flops' | 'int8Ops') => Math.max(...readings.map((reading) => reading[key]));
  const [flops, bfloat16Flops, int8Ops] = [best('flops'), best('bfloat16Flops'), best('int8Ops')];
  expect(threads).toBe(addon.info().threads);
  expect(flops).toBeGreaterThan(1e8);
  expect(flops).toBeLessThan(threads * 2e12);
  // as many operations in an instruction, or twice as many; on tiles 16 times, and 32 times in int8
  const tiles = addon.info().target === 'avx512amx' ? 8 : 1;
  expect(bfloat16Flops / flops).toBeGreaterThan(0.5);
  expect(bfloat16Flops / flops).toBeLessThan(4 * tiles);
  expect(int8Ops / flops).toBeGreaterThan(0.3);
  expect(int8Ops / flops).toBeLessThan(8 * tiles);
  const sizes = bandwidth.map(({ bytes }) => bytes);
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  for (const { read, triad } of bandwidth) {
    for (const rate of [read, triad]) {
      expect(rate).toBeGreaterThan(1e7);
      expect(rate).toBeLessThan(threads * 4e12);
    }
  }
  expect(addon.info().bytes).toBe(before);
});
