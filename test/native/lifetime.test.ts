// How processes and workers end while native threads exist. Each case is a process of its own.
import { spawnSync } from 'node:child_process';
import { addon, root } from './native.js';
import { counterPlan, passThroughPlan } from './plan-words.js';

const setup = `
const { Worker, isMainThread } = require('node:worker_threads');
const addon = require('node-gyp-build')(${JSON.stringify(root)});
const session = new addon.Session(64);
const plan = session.addPlan(Uint32Array.of(${counterPlan().join()}));
const run = (end) => session.run({ segments: [{ plan, rows: 1, steps: 10 }], feeds: [], fetches: [], begin: 0, end, firstRow: 0 });
const endless = () => run(Number.MAX_SAFE_INTEGER);
`;

/** Runs a script to its end and returns what it printed. */
function node(script: string): string {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', setup + script], {
    cwd: root,
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout.trim();
}

test('the addon is here', () => {
  expect(addon.info().sessions).toBeGreaterThanOrEqual(0);
});

test('Node stays alive while jobs are pending and ends after them', () => {
  expect(node('run(1e6).then((r) => { console.log(r.next); run(10).then((s) => console.log(s.next)); });')).toBe(
    '1000000\n10',
  );
});

test('Node ends when no job is pending, sessions or not', () => {
  expect(node('console.log("end");')).toBe('end');
});

test('process.exit in the middle of a job', () => {
  expect(node('endless(); endless(); setTimeout(() => { console.log("exit"); process.exit(0); }, 20);')).toBe('exit');
});

test('an uncaught exception in the middle of a job', () => {
  node(
    'endless(); process.on("uncaughtException", () => process.exit(0)); setTimeout(() => { throw new Error("x"); }, 20);',
  );
});

test('disposing in the middle of a job lets Node end', () => {
  expect(node('endless().then((r) => console.log(r.reason)); setTimeout(() => session.dispose(), 20);')).toBe(
    'aborted',
  );
});

/** A job that writes the same 64 rows of 1024 numbers in each step. */
const writing = `
const words = Uint32Array.of(${passThroughPlan(64, 1024).join()});
function writing(steps) {
  const session = new addon.Session(0);
  const plan = session.addPlan(words);
  const from = new addon.Storage(64 * 4096);
  from.write(0, new Float32Array(64 * 1024).fill(3));
  const array = new Float32Array(64 * 1024);
  const ended = session.run({ segments: [{ plan, rows: 64, steps: 1 }], begin: 0, end: steps, firstRow: 0,
    feeds: [{ storage: from, type: 'float32', rows: 64 }], fetches: [{ array, rows: 64 }] });
  return { ended, seen: new WeakRef(array), session };
}
`;

test('arrays that a job writes stay until it has ended, and no longer', () => {
  expect(
    node(`${writing}
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      const later = () => new Promise((resolve) => setTimeout(resolve, 5));
      (async () => {
        const { ended, seen, session: own } = writing(20000);
        for (let i = 0; i < 5; i++) { await later(); gc(); }
        const during = seen.deref() !== undefined;
        const { reason } = await ended;
        for (let i = 0; i < 20 && seen.deref() !== undefined; i++) { await later(); gc(); }
        own.dispose();
        session.dispose();
        console.log(during, reason, seen.deref() !== undefined);
      })();
    `),
  ).toBe('true done false');
});

test.each([
  ['endless(); endless();', ''],
  ['writing(Number.MAX_SAFE_INTEGER); writing(Number.MAX_SAFE_INTEGER);', writing],
])('workers that are terminated in the middle of a job: %s', (jobs, defined) => {
  const worker = `${setup} ${defined} ${jobs} require("node:worker_threads").parentPort.postMessage(0);`;
  expect(
    node(`
      (async () => {
        for (let i = 0; i < 10; i++) {
          const workers = [0, 1].map(() => new Worker(${JSON.stringify(worker)}, { eval: true }));
          await Promise.all(workers.map((w) => new Promise((resolve) => w.once('message', resolve))));
          await Promise.all(workers.map((w) => w.terminate()));
        }
        session.dispose();
        console.log(JSON.stringify(addon.info()));
      })();
    `),
  ).toMatch(/"sessions":0,"storages":0,"bytes":0/);
});

test('a worker that alone has the addon', () => {
  const worker = `${setup} run(1000).then(() => session.dispose());`;
  const alone = `const { Worker } = require('node:worker_threads');
    const next = (n) => n && new Worker(${JSON.stringify(worker)}, { eval: true }).on('exit', () => setTimeout(next, 5, n - 1));
    next(5);`;
  const { status, signal } = spawnSync(process.execPath, ['-e', alone], { cwd: root, timeout: 20_000 });
  expect({ status, signal }).toEqual({ status: 0, signal: null });
});

test('memory of forgotten objects is given back', () => {
  expect(
    node(`
      session.dispose();
      for (let i = 0; i < 200; i++) { new addon.Session(1 << 24); new addon.Storage(1 << 24); }
      const collected = () => (addon.info().bytes < 1 << 30 ? console.log('collected') : (gc(), setTimeout(collected, 10)));
      require('node:v8').setFlagsFromString('--expose-gc');
      globalThis.gc = require('node:vm').runInNewContext('gc');
      collected();
    `),
  ).toBe('collected');
});
