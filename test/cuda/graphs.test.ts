// What is launched for a job on the emulated device: graphs of one step and of several, loops in them, what is too long for one,
// which kernel for which size; and how many steps a job has made when it ends early.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { layers, sequential, tensor } from '../../lib/index';
import { addon, job } from '../native/native.js';
import { addConstant, counterPlan, PlanWords, passThroughPlan } from '../native/plan-words.js';
import { onDevice, setEnvironment } from './device';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-graphs-'));
const trace = path.join(folder, 'launches');
afterAll(async () => {
  await setEnvironment({ STEEPEST_EMULATED_TRACE: '', STEEPEST_EMULATED_NO_GRAPHS: '' });
  rmSync(folder, { recursive: true, force: true });
});

/** What `body` launched: names of kernels as they were handed over or captured, and 'graph of N'. */
async function launched(body: () => Promise<unknown>, env: Record<string, string> = {}): Promise<string[]> {
  rmSync(trace, { force: true });
  await setEnvironment({ STEEPEST_EMULATED_NO_GRAPHS: '', ...env, STEEPEST_EMULATED_TRACE: trace });
  await body();
  return readFileSync(trace, 'utf8').trim().split('\n');
}

const graphsOf = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith('graph'));
const times = (n: number, line: string): string[] => new Array<string>(n).fill(line);

function counter(words: Uint32Array) {
  const session = new addon.Session(64, 'cuda:0');
  const plan = session.addPlan(words);
  return {
    session,
    run: (steps: number) => session.run(job({ segments: [{ plan, rows: 1, steps }], end: steps })),
    read: (): number => {
      const value = new Float32Array(1);
      session.readState(0, value);
      return value[0] as number;
    },
  };
}

/** Adds 1 to the state `turns` times in a step, and once before that. */
function loopPlan(turns: number): Uint32Array {
  const plan = new PlanWords(0, 1);
  const state = plan.view({ space: 'state', shape: [] });
  const add = () => plan.instruction('map', [state], [state], [1, ...addConstant(1)]);
  add();
  return plan.loop(turns, add).words();
}

onDevice('graphs', () => {
  // A step is a map and `advance`: 32 steps fit a graph.
  test.each([
    [1, []],
    [2, times(2, 'graph of 2')],
    [31, times(31, 'graph of 2')],
    [32, ['graph of 64']],
    [33, ['graph of 64', 'graph of 2']],
    [69, ['graph of 64', 'graph of 64', ...times(5, 'graph of 2')]],
  ] as const)('of %d steps', async (steps, graphs) => {
    const { session, run, read } = counter(counterPlan());
    expect(graphsOf(await launched(() => run(steps)))).toEqual(graphs);
    expect(read()).toBe(steps);
    session.dispose();
  });

  test('as many steps as a power of two, so that 32 of them need no others', async () => {
    // 12 launches: 21 steps would fit
    const { session, run, read } = counter(loopPlan(10));
    expect(graphsOf(await launched(() => run(35)))).toEqual([
      ...times(2, `graph of ${16 * 12}`),
      ...times(3, 'graph of 12'),
    ]);
    expect(read()).toBe(35 * 11);
    session.dispose();
  });

  test('rows in and out are those of their steps, whole graphs or not', async () => {
    const session = new addon.Session(0, 'cuda:0');
    const plan = session.addPlan(passThroughPlan(2, 3));
    const steps = 32 + 7;
    const values = Float32Array.from({ length: steps * 6 }, (_, i) => i);
    const from = new addon.Storage(values.byteLength);
    from.write(0, values);
    const [rows, got] = [steps * 2, new Float32Array(values.length)];
    const graphs = graphsOf(
      await launched(() =>
        session.run(
          job({
            segments: [{ plan, rows: 2, steps }],
            feeds: [{ storage: from, type: 'float32', rows }],
            fetches: [{ array: got, rows }],
            end: steps,
          }),
        ),
      ),
    );
    expect(graphs).toEqual(['graph of 96', ...times(7, 'graph of 3')]);
    expect([...got]).toEqual([...values]);
    session.dispose();
  });

  test('neighbours that slide off multiples of 16 bytes are read one by one', async () => {
    // four numbers of each row of six
    const rows = 5;
    const plan = new PlanWords(0, 4);
    const part = { space: 'state', shape: [4], slide: [rows, 6] } as const;
    const words = plan
      .loop(rows, () => plan.instruction('map', [plan.view(part)], [plan.view(part)], [1, ...addConstant(1)]))
      .words();
    const session = new addon.Session(256, 'cuda:0');
    const number = session.addPlan(words);
    await session.run(job({ segments: [{ plan: number, rows: 1, steps: 2 }], end: 2 }));
    const state = new Float32Array(rows * 6);
    session.readState(0, state);
    expect([...state]).toEqual(Array.from({ length: rows * 6 }, (_, i) => (i % 6 < 4 ? 2 : 0)));
    session.dispose();
  });

  test('rows of a fetch that no step makes stay as they are', async () => {
    const session = new addon.Session(0, 'cuda:0');
    const plan = session.addPlan(passThroughPlan(2, 3));
    const from = new addon.Storage(10 * 24);
    const got = new Float32Array(60).fill(-1);
    from.write(
      0,
      Float32Array.from({ length: 60 }, (_, i) => i),
    );
    // the last two steps of an epoch, and the first three of the next one
    const segments = [{ plan, rows: 2, steps: 8 }];
    const feeds = [{ storage: from, type: 'float32', rows: 20 } as const];
    await session.run(job({ segments, feeds, fetches: [{ array: got, rows: 20 }], begin: 6, end: 11, firstRow: 2 }));
    const made = [...new Array(6).keys()].map((row) => row + 2).concat([14, 15, 16, 17]);
    const expected = [...new Array(20).keys()].flatMap((row) =>
      [0, 1, 2].map((column) => (made.includes(row) ? row * 3 + column : -1)),
    );
    expect([...got]).toEqual(expected);
    session.dispose();
  });

  test.each([
    [4094, times(3, 'graph of 4096')],
    [4095, []],
  ])('a loop of %d turns, at the limit of what is unrolled', async (turns, graphs) => {
    const { session, run, read } = counter(loopPlan(turns));
    const lines = await launched(() => run(3));
    expect(graphsOf(lines)).toEqual(graphs);
    // captured once, or handed over every time
    expect(lines.filter((line) => line === 'map')).toHaveLength((graphs.length > 0 ? 1 : 3) * (turns + 1));
    expect(read()).toBe(3 * (turns + 1));
    session.dispose();
  });

  test('an LSTM trains and is evaluated in graphs as without them', async () => {
    const rows = 4 * 21;
    const x = tensor(
      Float32Array.from({ length: rows * 3 * 2 }, (_, i) => Math.sin(i * i)),
      [rows, 3, 2],
    );
    const y = tensor(
      Float32Array.from({ length: rows }, (_, i) => Math.cos(i)),
      [rows, 1],
    );
    const results: unknown[] = [];
    const train = async () => {
      const model = sequential([layers.lstm({ units: 2, inputShape: [3, 2] }), layers.dense({ units: 1 })]);
      model.compile({ optimizer: 'adam', loss: 'meanSquaredError', device: 'cuda:0', seed: 1 });
      const { history } = await model.fit(x, y, { epochs: 2, batchSize: 4 });
      const weights = model.getWeights().map((weight) => [...weight.data]);
      const { loss } = await model.evaluate(x, y, { batchSize: 4 });
      model.dispose();
      results.push({ history, weights, loss });
    };
    const nodes = graphsOf(await launched(train)).map((line) => Number(line.split(' ')[2]));
    // Evaluation comes last and is one job of 21 steps. How many steps jobs of fit have depends on the time they take.
    const one = nodes.at(-1) as number;
    const together = 2 ** Math.floor(Math.log2(256 / one));
    expect(together).toBeGreaterThan(1);
    expect(nodes.slice(-(Math.floor(21 / together) + (21 % together)))).toEqual([
      ...new Array(Math.floor(21 / together)).fill(together * one),
      ...new Array(21 % together).fill(one),
    ]);
    expect(nodes.length).toBeGreaterThan(10);
    expect(graphsOf(await launched(train, { STEEPEST_EMULATED_NO_GRAPHS: '1' }))).toEqual([]);
    expect(results[0]).toEqual(results[1]);
  });
});

onDevice('an aborted job', () => {
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  test.each([
    ['in graphs', ''],
    ['launched one by one', '1'],
  ])('has made as many steps as it says: %s', async (_, noGraphs) => {
    await setEnvironment({ STEEPEST_EMULATED_NO_GRAPHS: noGraphs, STEEPEST_EMULATED_TRACE: '' });
    const { session, run, read } = counter(loopPlan(2));
    for (const ms of [0, 3, 11, 30]) {
      session.writeState(0, Float32Array.of(0));
      const running = run(1 << 22);
      await sleep(ms);
      session.abort();
      const { reason, next } = await running;
      expect([reason, read()]).toEqual(['aborted', 3 * next]);
      if (ms === 30) expect(next).toBeGreaterThan(0);
    }
    session.dispose();
  });
});
