import { opTable } from '../../lib/ir/optable.js';
import type { HostArray, Job, NativeStorage } from '../../lib/runtime/addon.js';
import { addon, job } from './native.js';
import { philox, shuffled } from './philox.js';
import { addConstant, counterPlan, floatBits, PlanWords, passThroughPlan } from './plan-words.js';

function stored(array: HostArray): NativeStorage {
  const storage = new addon.Storage(array.byteLength);
  storage.write(0, array);
  return storage;
}

const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

function counterSession() {
  const session = new addon.Session(64);
  const plan = session.addPlan(counterPlan());
  const read = (): number => {
    const counter = new Float32Array(1);
    session.readState(0, counter);
    return counter[0] as number;
  };
  return { session, plan, read };
}
const endless = (plan: number): Job => job({ segments: [{ plan, rows: 1, steps: 10 }], end: Number.MAX_SAFE_INTEGER });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('epochs', () => {
  test('segments follow each other, and a range may begin and end anywhere', async () => {
    const session = new addon.Session(0);
    const four = session.addPlan(passThroughPlan(4, 1));
    const three = session.addPlan(passThroughPlan(3, 1));
    const segments = [
      { plan: four, rows: 4, steps: 2 },
      { plan: three, rows: 3, steps: 1 },
    ];
    const from = stored(Float32Array.from(range(13)));
    const done: number[][] = [];
    for (const [begin, end] of [
      [0, 1],
      [1, 3],
      [2, 4],
      [3, 3],
    ] as const) {
      const to = new Float32Array(13);
      const result = await session.run(
        job({
          segments,
          feeds: [{ storage: from, type: 'float32', rows: 13 }],
          fetches: [{ array: to, rows: 13 }],
          begin,
          end,
          firstRow: 2,
        }),
      );
      expect(result).toMatchObject({ reason: 'done', next: end, nonFiniteStep: -1 });
      done.push([...to].slice(2));
    }
    expect(done).toEqual([
      [2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 6, 7, 8, 9, 10, 11, 12],
      [2, 3, 4, 5, 0, 0, 0, 0, 10, 11, 12],
      new Array(11).fill(0),
    ]);
    session.dispose();
  });

  test('Philox gives the published words', () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  test('rows are shuffled anew in each epoch, by seed and epoch only', async () => {
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(5, 2));
    const rows = 100;
    const feed = { storage: stored(Float32Array.from(range(2 * rows))), type: 'float32', rows } as const;
    const to = new Float32Array(rows * 2);
    const segments = [{ plan, rows: 5, steps: 20 }];
    for (const epoch of [0, 1, 7]) {
      await session.run(
        job({
          segments,
          feeds: [feed],
          fetches: [{ array: to, rows }],
          begin: epoch * 20,
          end: epoch * 20 + 20,
          shuffle: { seed: 99 },
        }),
      );
      expect([...to]).toEqual(shuffled(rows, 99, epoch).flatMap((r) => [2 * r, 2 * r + 1]));
    }
    session.dispose();
  });

  test('bytes are fed as float32 and as int32', async () => {
    const session = new addon.Session(0);
    const storage = stored(Uint8Array.of(0, 1, 127, 255));
    for (const [dtype, array] of [
      ['float32', new Float32Array(4)],
      ['int32', new Int32Array(4)],
    ] as const) {
      const plan = session.addPlan(passThroughPlan(2, 2, dtype));
      const feeds = [{ storage, type: 'uint8', rows: 2 }] as const;
      await session.run(job({ segments: [{ plan, rows: 2, steps: 1 }], feeds, fetches: [{ array, rows: 2 }], end: 1 }));
      expect([...array]).toEqual([0, 1, 127, 255]);
    }
    session.dispose();
  });

  test('metrics are logged and zeroed at the end of each epoch', async () => {
    const { session, plan, read } = counterSession();
    const segments = [{ plan, rows: 1, steps: 10 }];
    const metrics = { byteOffset: 0, count: 1 };
    const first = await session.run(job({ segments, begin: 3, end: 35, metrics }));
    expect([...first.log]).toEqual([7, 10, 10]);
    expect(read()).toBe(5);
    const second = await session.run(job({ segments, begin: 35, end: 40, metrics }));
    expect([...second.log]).toEqual([10]);
    expect(read()).toBe(0);
    session.dispose();
  });
});

describe('watch', () => {
  // x = x + 1; y = 1 / (x - 3)
  function session() {
    const result = new addon.Session(128);
    const plan = new PlanWords(0, 2);
    const x = plan.view({ space: 'state', shape: [] });
    const y = plan.view({ space: 'state', shape: [], base: 1 });
    plan.instruction('map', [x], [x], [1, ...addConstant(1)]);
    const program = [1, 1, 2, 4, 2, 3, floatBits(-3), floatBits(1)];
    const steps = [opTable.add.code, 3, 0 | (1 << 8), 0, 0, opTable.div.code, 3, 2 | (3 << 8), 0, 0];
    plan.instruction('map', [x], [y], [1, ...program, ...steps]);
    return { session: result, plan: result.addPlan(plan.words()) };
  }

  test.each([
    [true, { reason: 'nonFinite', next: 3, nonFiniteStep: 2 }],
    [false, { reason: 'done', next: 10, nonFiniteStep: 2 }],
  ])('with stop %s', async (stop, expected) => {
    const { session: native, plan } = session();
    const segments = [{ plan, rows: 1, steps: 10 }];
    expect(await native.run(job({ segments, end: 10, watch: { byteOffset: 64, stop } }))).toMatchObject(expected);
    native.dispose();
  });
});

describe('while a job runs', () => {
  test('the state can be read, written and used between two steps', async () => {
    const { session, plan, read } = counterSession();
    const running = session.run(endless(plan));
    let last = 0;
    for (let i = 0; i < 200; i++) {
      await sleep(0);
      session.writeState(0, Float32Array.of(0));
      session.runSync(plan, [], []);
      const now = read();
      expect(now).toBeGreaterThanOrEqual(1);
      last = Math.max(last, now);
    }
    expect(last).toBeGreaterThan(1);
    session.abort();
    const { reason, next } = await running;
    expect(reason).toBe('aborted');
    expect(next).toBeGreaterThan(0);
    session.dispose();
  });

  test('abort stops it and what is queued, not what is queued later', async () => {
    const { session, plan } = counterSession();
    const jobs = [session.run(endless(plan)), session.run(endless(plan))];
    session.abort();
    jobs.push(session.run(job({ segments: [{ plan, rows: 1, steps: 10 }], end: 7 })));
    const results = await Promise.all(jobs);
    expect(results.map((r) => r.reason)).toEqual(['aborted', 'aborted', 'done']);
    expect(results.map((r) => r.next).slice(1)).toEqual([0, 7]);
    session.dispose();
  });

  test('jobs run in the order they came, each after the other', async () => {
    const { session, plan } = counterSession();
    const order: number[] = [];
    const short = () => session.run(job({ segments: [{ plan, rows: 1, steps: 10 }], end: 100 }));
    await Promise.all(range(10).map((i) => short().then(() => order.push(i))));
    expect(order).toEqual(range(10));
    session.dispose();
  });

  test('the session and its storages can be disposed', async () => {
    const before = addon.info();
    const session = new addon.Session(0);
    const plan = session.addPlan(passThroughPlan(1, 1));
    const from = stored(Float32Array.of(1));
    const running = session.run({
      ...endless(plan),
      segments: [{ plan, rows: 1, steps: 1 }],
      feeds: [{ storage: from, type: 'float32', rows: 1 }],
      fetches: [{ array: new Float32Array(1), rows: 1 }],
    });
    from.dispose();
    await sleep(5);
    session.dispose();
    expect(() => session.abort()).toThrow('the session has been disposed');
    expect((await running).reason).toBe('aborted');
    expect(addon.info()).toEqual(before);
  });

  test('disposing ends a step that would loop for a minute', async () => {
    const session = new addon.Session(64);
    const words = new PlanWords(0, 1);
    const counter = words.view({ space: 'state', shape: [] });
    const inner = () => words.instruction('map', [counter], [counter], [1, ...addConstant(1)]);
    words.loop(2 ** 15, () => words.loop(2 ** 16 - 1, inner));
    const plan = session.addPlan(words.words());
    const running = session.run(job({ segments: [{ plan, rows: 1, steps: 1 }], end: 1 }));
    await sleep(20);
    session.dispose();
    expect(await running).toMatchObject({ reason: 'aborted', next: 0 });
  });

  test('the event loop turns', async () => {
    const { session, plan } = counterSession();
    const running = session.run(endless(plan));
    let ended = false;
    running.finally(() => {
      ended = true;
    });
    for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    session.abort();
    await running;
    session.dispose();
  });
});

describe('arguments', () => {
  const session = new addon.Session(64);
  const plan = session.addPlan(passThroughPlan(2, 3));
  const storage = new addon.Storage(48);
  const good = job({
    segments: [{ plan, rows: 2, steps: 2 }],
    feeds: [{ storage, type: 'float32', rows: 4 }],
    fetches: [{ array: new Float32Array(12), rows: 4 }],
    end: 2,
  });
  const segment = { plan, rows: 2, steps: 2 };
  const feed = { storage, type: 'float32', rows: 4 } as const;
  afterAll(() => session.dispose());

  test.each<[string, object, string]>([
    ['no segments', { segments: [] }, 'job.segments: expected at least one'],
    ['an unknown plan', { segments: [{ ...segment, plan: 9 }] }, 'job.segments[0].plan: there is no plan 9'],
    ['no rows', { segments: [{ ...segment, rows: 0 }] }, 'job.segments[0].rows: expected at least 1'],
    ['no steps', { segments: [{ ...segment, steps: 0 }] }, 'job.segments[0].steps: expected at least 1'],
    ['other rows', { segments: [{ ...segment, rows: 1 }] }, 'rows is 1 but feeds[0] of plan 0 has 2'],
    ['too many steps', { segments: [{ ...segment, steps: 2 ** 53 - 1 }] }, 'job.segments[0] is too large'],
    ['too few feeds', { feeds: [] }, 'job.feeds: plan 0 has 1, got 0'],
    ['too many fetches', { fetches: [...good.fetches, ...good.fetches] }, 'job.fetches: plan 0 has 1, got 2'],
    ['no storage', { feeds: [{ ...feed, storage: {} }] }, 'job.feeds[0].storage: expected a Storage, got an object'],
    [
      'an array of doubles',
      { fetches: [{ array: new Float64Array(12), rows: 4 }] },
      'job.fetches[0].array: expected a Float32Array, Int32Array',
    ],
    ['a storage to fetch to', { fetches: [{ storage, rows: 4 }] }, 'job.fetches[0].array: expected a Float32Array'],
    [
      'an array of another type',
      { fetches: [{ array: new Int32Array(12), rows: 4 }] },
      'job.fetches[0].array is not of the dtype of the plan',
    ],
    [
      'a short array',
      { fetches: [{ array: new Float32Array(11), rows: 4 }] },
      'job.fetches[0].array: 4 rows of 12 bytes do not fit its 44 bytes',
    ],
    ['a session', { feeds: [{ ...feed, storage: session }] }, 'expected a Storage'],
    ['a type', { feeds: [{ ...feed, type: 'float64' }] }, "got 'float64'"],
    ['a type of another kind', { feeds: [{ ...feed, type: 'int32' }] }, 'job.feeds[0].type does not convert'],
    ['too many rows', { feeds: [{ ...feed, rows: 5 }] }, '5 rows of 12 bytes do not fit its 48 bytes'],
    ['too few rows', { feeds: [{ ...feed, rows: 3 }] }, 'job.feeds[0].rows: an epoch uses rows up to 4, got 3'],
    ['rows after the end', { firstRow: 1 }, 'an epoch uses rows up to 5, got 4'],
    ['begin after end', { begin: 3 }, 'job.begin: expected at most job.end, 2, got 3'],
    ['a fraction', { end: 1.5 }, 'job.end: expected an integer'],
    ['NaN', { firstRow: Number.NaN }, 'job.firstRow: expected an integer from 0'],
    ['a large seed', { shuffle: { seed: 2 ** 32 } }, 'job.shuffle.seed: expected an integer from 0 to 4294967295'],
    ['metrics outside', { metrics: { byteOffset: 60, count: 2 } }, 'metrics: expected 2 float32 inside the state'],
    ['metrics between', { metrics: { byteOffset: 2, count: 1 } }, 'metrics: expected'],
    ['a huge count', { metrics: { byteOffset: 0, count: 2 ** 52 } }, 'metrics: expected'],
    ['watch outside', { watch: { byteOffset: 64, stop: true } }, 'watch: expected 1 float32 inside the state of 64'],
    ['no boolean', { watch: { byteOffset: 0, stop: 1 } }, 'job.watch.stop: expected a boolean, got number 1'],
  ])('%s', async (_, parts, message) => {
    expect(() => session.run({ ...good, ...parts })).toThrow(message);
    expect((await session.run(good)).reason).toBe('done');
  });

  test('a disposed storage', () => {
    const gone = new addon.Storage(48);
    gone.dispose();
    expect(() => session.run({ ...good, feeds: [{ ...feed, storage: gone }] })).toThrow('has been disposed');
  });

  test('no job', () => {
    expect(() => session.run(undefined as never)).toThrow('job: expected an object, got undefined');
  });
});
