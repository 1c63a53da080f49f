import os from 'node:os';
import { parseArgs } from 'node:util';
import { type Case, cases, findCase, gpuCases, stepsOf } from './cases.js';
import { benchLatency, predictable } from './latency.js';
import { median } from './median.js';
import { benchOperations } from './operation-table.js';
import { contenders, predictors } from './peers.js';
import { between, type Measured, RoundTrip, whileNear } from './round-trip.js';
import type { Worker } from './worker.js';

const usage = `usage: npm run bench -- [--case a,b,...] [--against steepest,steepest-bf16,tfjs,torch,torch-bf16,jax,tensorflow] [--rounds n] [--near ns] [--json]
       npm run bench -- --device cuda:0 [--case d,mnist,...] [--against steepest,torch,torch-compile,torch-graph] [--rounds n] [--json]
       npm run bench -- --operations [--case 'regular expression'] [--rounds n] [--json]
       npm run bench -- --latency [--case d,g] [--against steepest,steepest-async,ort-node,ort-python] [--rounds n] [--json]

Trains each case in every framework that is installed, in turn (A B C A B C ...), and prints the medians of a step.
With --near 200, counts only rounds that begin and end while a round trip between two CPUs takes 200 ns at most, which is to say
that they share a cache: CPUs of virtual machines move.
With --operations, trains models of a single layer, operation, loss or optimizer instead, and whole networks, in steepest and PyTorch.
With --latency, predicts instead: one sample, and many rows.
With --device, trains on a GPU, in the frameworks that can.
cases: ${Object.keys(cases).join(' ')}; those for GPUs too: ${Object.keys(gpuCases).join(' ')}`;

const { values: options } = parseArgs({
  options: {
    operations: { type: 'boolean', default: false },
    latency: { type: 'boolean', default: false },
    case: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    seconds: { type: 'string', default: '2' },
    against: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    near: { type: 'string', default: 'Infinity' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** One line of the result. */
interface Result {
  readonly framework: string;
  readonly case: string;
  readonly device: string;
  readonly us_per_step: number;
  readonly best_us_per_step: number;
  readonly worst_us_per_step: number;
  readonly samples_per_s: number;
  readonly rounds: number;
  /** Between two CPUs, before and after rounds: the least and the most. */
  readonly round_trip_ns: readonly [number, number];
  readonly loss: number;
}

/** A round takes about this long: one scheduling hiccup is not a result, and what a call of `fit` costs once is not a step. */
const secondsPerRound = Number(options.seconds);
/** A framework that needs longer than this for an epoch is timed once: it is not close, and the others wait for it. */
const secondsAtMost = 10;
/** Rounds end within this distance of two CPUs, or are taken again. */
const near = Number(options.near);
const roundTrip = new RoundTrip();

async function startAll(id: string, spec: Case, names: readonly string[]): Promise<Worker[]> {
  const workers: Worker[] = [];
  for (const { name, start } of contenders.filter((c) => names.includes(c.name))) {
    try {
      workers.push(await start(id, spec, options.device));
    } catch (error) {
      process.stderr.write(`case ${id}: ${name} is left out: ${(error as Error).message}\n`);
    }
  }
  return workers;
}

/** What a worker answers. */
interface Training {
  readonly seconds: number;
  readonly loss: number;
}

/** Times a worker, with as many epochs a round as make a round long enough. */
class Timer {
  /** Microseconds per step, one for each round. */
  readonly times: number[] = [];
  /** Nanoseconds between two CPUs, before and after each of them. */
  readonly roundTrips: number[] = [];
  loss = Number.NaN;
  once = false;

  constructor(
    readonly worker: Worker,
    readonly spec: Case,
  ) {}

  epochs = 1;

  get framework(): string {
    return this.worker.framework;
  }

  async run(): Promise<number> {
    return this.#record(await between(roundTrip, () => this.#train()));
  }

  /** A round that begins and ends while two CPUs are near each other, unless they do not come near for long. */
  async runNear(): Promise<void> {
    this.#record(await whileNear(roundTrip, near, this.framework, () => this.#train()));
  }

  async #train(): Promise<Training> {
    return (await this.worker.ask({ epochs: this.epochs })) as unknown as Training;
  }

  #record({ value: { seconds, loss }, roundTrips }: Measured<Training>): number {
    this.roundTrips.push(...roundTrips);
    this.times.push((seconds / this.epochs / stepsOf(this.spec)) * 1e6);
    this.loss = loss;
    return seconds;
  }

  /** Forgets what was measured. */
  clear(): void {
    this.times.length = this.roundTrips.length = 0;
  }
}

async function calibrate(worker: Worker, spec: Case): Promise<Timer> {
  const timer = new Timer(worker, spec);
  let seconds = await timer.run();
  timer.once = seconds > secondsAtMost;
  // the first runs warm up caches and just-in-time compilers
  while (seconds < secondsPerRound / 2 && timer.epochs < 1 << 16) {
    timer.epochs = Math.min(timer.epochs * 8, Math.ceil((timer.epochs * secondsPerRound) / seconds));
    seconds = await timer.run();
  }
  if (!timer.once) timer.clear();
  return timer;
}

/** What is measured so far, if the process has to end. */
let soFar: () => readonly Result[] = () => [];

async function runCase(id: string, spec: Case, names: readonly string[], rounds: number): Promise<Result[]> {
  const workers = await startAll(id, spec, names);
  let timers: Timer[] = [];
  const results = (): Result[] => timers.filter((t) => t.times.length > 0).map((timer) => resultOf(id, spec, timer));
  soFar = results;
  // one that fails is left out from then on; the others go on
  const trying = async (framework: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`case ${id}: ${framework} failed: ${(error as Error).message}\n`);
      timers = timers.filter((timer) => timer.framework !== framework);
    }
  };
  try {
    for (const worker of workers) {
      await trying(worker.framework, async () => timers.push(await calibrate(worker, spec)));
    }
    for (let round = 0; round < rounds; round++) {
      for (const timer of [...timers]) if (!timer.once) await trying(timer.framework, () => timer.runNear());
    }
    return results();
  } finally {
    for (const worker of workers) worker.stop();
  }
}

function resultOf(id: string, spec: Case, { framework, times, roundTrips, loss }: Timer): Result {
  const us = median(times);
  return {
    framework,
    case: id,
    device: options.device,
    us_per_step: round2(us),
    best_us_per_step: round2(Math.min(...times)),
    worst_us_per_step: round2(Math.max(...times)),
    samples_per_s: Number(((spec.batch / us) * 1e6).toPrecision(5)),
    rounds: times.length,
    round_trip_ns: [Math.min(...roundTrips), Math.max(...roundTrips)],
    loss: Number(loss.toPrecision(4)),
  };
}

const round2 = (x: number): number => Math.round(x * 100) / 100;

function printTable(all: readonly Result[]): void {
  const frameworks = [...new Set(all.map((r) => r.framework))];
  const us = (r: Result | undefined): string =>
    r === undefined ? '-' : r.us_per_step >= 100 ? r.us_per_step.toFixed(0) : r.us_per_step.toFixed(1);
  const roundTrips = all.flatMap((r) => r.round_trip_ns);
  process.stdout.write(
    `Microseconds per step, medians (${options.device === 'cpu' ? '' : `${options.device} beside `}${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} CPUs, ${Math.min(...roundTrips)} to ${Math.max(...roundTrips)} ns between two of them and back)\n\n`,
  );
  const rounds = (r: Result): boolean => r.framework.endsWith('-bf16');
  const ours = (r: Result): boolean => r.framework.startsWith('steepest');
  // Each precision beside peers of the same one, where there are any.
  const precisions = [false, true].filter((bf16) => all.some((r) => rounds(r) === bf16 && !ours(r)));
  const titles = precisions.map((bf16) => `best peer / steepest${bf16 ? ', bfloat16' : ''}`);
  const header = ['case', ...frameworks, ...titles];
  process.stdout.write(`| ${header.join(' | ')} |\n|---|${'---:|'.repeat(header.length - 1)}\n`);
  for (const id of new Set(all.map((r) => r.case))) {
    const rows = all.filter((r) => r.case === id);
    const ratios = precisions.map((bf16) => {
      const own = rows.find((r) => r.framework === (bf16 ? 'steepest-bf16' : 'steepest'));
      const peers = rows.filter((r) => !ours(r) && rounds(r) === bf16).map((r) => r.us_per_step);
      return own !== undefined && peers.length > 0 ? `${(Math.min(...peers) / own.us_per_step).toFixed(2)} x` : '-';
    });
    const cells = [id, ...frameworks.map((f) => us(rows.find((r) => r.framework === f))), ...ratios];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  }
}

async function main(): Promise<void> {
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  if (options.operations) {
    return benchOperations(new RegExp(options.case ?? ''), Number(options.rounds), roundTrip, near, options.json);
  }
  const known = options.latency ? predictable : [...Object.keys(cases), ...Object.keys(gpuCases)];
  const ids = options.case?.split(',') ?? (options.latency ? ['d', 'g'] : Object.keys(cases));
  const able = contenders.filter(({ on }) => on === 'both' || on === (options.device === 'cpu' ? 'cpu' : 'gpu'));
  const names = options.against?.split(',') ?? [...able, ...predictors].map((c) => c.name);
  for (const { name } of contenders.filter((c) => names.includes(c.name) && !able.includes(c))) {
    process.stderr.write(`${name} is left out: it does not train on ${options.device}\n`);
    names.splice(names.indexOf(name), 1);
  }
  const unknown = ids.filter((id) => !known.includes(id));
  const rounds = Number(options.rounds);
  if (unknown.length > 0 || !(rounds >= 1) || !(secondsPerRound > 0) || !(near > 0)) {
    process.stderr.write(
      `${unknown.length > 0 ? `unknown case ${unknown.join()}` : `bad number of rounds ${options.rounds}, seconds ${options.seconds} or nanoseconds ${options.near}`}\n${usage}\n`,
    );
    process.exitCode = 2;
    return;
  }
  if (options.latency) return benchLatency(ids, names, rounds, options.json);
  const all: Result[] = [];
  const print = (results: readonly Result[]): void => {
    for (const r of results) process.stdout.write(`${JSON.stringify(r)}\n`);
  };
  process.once('SIGTERM', () => {
    if (options.json) print(soFar());
    process.exit(143);
  });
  for (const id of ids) {
    const results = await runCase(id, findCase(id) as Case, names, rounds);
    if (results.length === 0) process.exitCode = 1; // what was left out has been said
    all.push(...results);
    soFar = () => [];
    if (options.json) print(results);
    else process.stderr.write(`case ${id}: ${results.map((r) => `${r.framework} ${r.us_per_step}`).join(', ')}\n`);
  }
  if (!options.json) printTable(all);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
