import os from 'node:os';
import { median } from './median.js';
import { operations } from './operations.js';
import { operationWorkers } from './peers.js';
import { type Measured, type RoundTrip, whileNear } from './round-trip.js';
import type { Worker } from './worker.js';

/** One line of the result. */
interface Result {
  readonly framework: string;
  readonly operation: string;
  /** Of a step, the median over the rounds. */
  readonly ms: number;
  readonly rounds: number;
}

const secondsPerRound = 0.3;

/** Times the operations whose names match in each framework that is installed, in turn (A B A B ...). */
export async function benchOperations(
  pattern: RegExp,
  rounds: number,
  roundTrip: RoundTrip,
  near: number,
  json: boolean,
): Promise<void> {
  if (!(rounds >= 1)) throw new Error(`--rounds must be 1 or more, got ${rounds}`);
  if (!(near > 0)) throw new Error(`--near must be above 0 nanoseconds, got ${near}`);
  const names = Object.keys(operations).filter((name) => pattern.test(name));
  if (names.length === 0)
    throw new Error(`no operation matches ${pattern}; there are ${Object.keys(operations).join(', ')}`);
  const workers: Worker[] = [];
  const all: Result[] = [];
  try {
    for (const { name, start } of operationWorkers) {
      try {
        workers.push(await start());
      } catch (error) {
        process.stderr.write(`${name} is left out: ${(error as Error).message}\n`);
      }
    }
    for (const operation of names) {
      const results = await time(workers, operation, rounds, (who, measure) =>
        whileNear(roundTrip, near, who, measure),
      );
      all.push(...results);
      const said = json
        ? results.map((r) => JSON.stringify(r))
        : [`${operation}: ${results.map((r) => `${r.framework} ${r.ms}`).join(', ')}`];
      (json ? process.stdout : process.stderr).write(said.map((line) => `${line}\n`).join(''));
    }
  } finally {
    for (const worker of workers) worker.stop();
  }
  if (!json) printTable(all);
}

type Guard = (who: string, measure: () => Promise<number>) => Promise<Measured<number>>;

async function time(workers: readonly Worker[], operation: string, rounds: number, guarded: Guard): Promise<Result[]> {
  const times = new Map<Worker, number[]>(workers.map((worker) => [worker, []]));
  const ask = async (worker: Worker): Promise<number> => {
    const { ms } = await worker.ask({ operation, seconds: secondsPerRound });
    return ms as number;
  };
  for (const worker of workers) await ask(worker);
  for (let round = 0; round < rounds; round++) {
    for (const [worker, own] of times) own.push((await guarded(worker.framework, () => ask(worker))).value);
  }
  return [...times].map(([{ framework }, own]) => ({
    ...{ framework, operation, rounds },
    ms: Number(median(own).toPrecision(3)),
  }));
}

/** The operations where a peer is closest, or ahead, come first. */
function printTable(all: readonly Result[]): void {
  const frameworks = [...new Set(all.map((r) => r.framework))];
  const rows = [...new Set(all.map((r) => r.operation))].map((operation) => {
    const times = frameworks.map((f) => all.find((r) => r.operation === operation && r.framework === f)?.ms);
    const [own, ...peers] = times as [number, ...number[]];
    return { operation, times, ratio: peers.length > 0 ? Math.min(...peers) / own : undefined };
  });
  rows.sort((a, b) => (a.ratio ?? 0) - (b.ratio ?? 0));
  process.stdout.write(
    `Milliseconds per step, forward and back, medians (${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} CPUs)\n\n`,
  );
  process.stdout.write(`| operation | ${frameworks.join(' | ')} | best peer / steepest |\n`);
  process.stdout.write(`|---|${'---:|'.repeat(frameworks.length + 1)}\n`);
  for (const { operation, times, ratio } of rows) {
    const cells = [operation, ...times.map((ms) => ms ?? '-'), ratio === undefined ? '-' : `${ratio.toFixed(2)} x`];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  }
}
