import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Case, cases } from './cases.js';
import { median } from './median.js';
import { buildModel } from './model.js';
import { toOnnx } from './onnx.js';
import { type Files, predictors } from './peers.js';
import type { Answer, Worker } from './worker.js';

/** One line of the result: a call for so many rows, `batch` at a time. */
interface Result {
  readonly framework: string;
  readonly case: string;
  readonly rows: number;
  readonly batch: number;
  /** Medians over the rounds. */
  readonly p50_us: number;
  readonly p99_us: number;
  readonly rounds: number;
}

/** One sample is a request of a server; many rows are a table to be scored, whole or in batches as each likes best. */
const requests = [
  { rows: 1, batch: 1 },
  { rows: 8192, batch: 256 },
  { rows: 8192, batch: 1024 },
  { rows: 8192, batch: 8192 },
] as const;
const secondsPerRound = 0.5;

/** What onnxruntime is given: products, convolutions and activations. */
export const predictable = Object.keys(cases).filter((id) => cases[id]?.sequence === undefined);

/** Times predictions of the cases in each framework that is installed, in turn (A B C A B C ...). */
export async function benchLatency(
  ids: readonly string[],
  names: readonly string[],
  rounds: number,
  json: boolean,
): Promise<void> {
  const all: Result[] = [];
  for (const id of ids) {
    const results = await runCase(id, cases[id] as Case, names, rounds);
    all.push(...results);
    if (json) for (const result of results) process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  if (!json) printTable(all);
}

async function runCase(id: string, spec: Case, names: readonly string[], rounds: number): Promise<Result[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'steepest-bench-'));
  const workers: Worker[] = [];
  try {
    workers.push(...(await startAll(id, spec, names, await writeModel(spec, folder))));
    const results: Result[] = [];
    for (const request of requests) {
      const answers = new Map<Worker, Answer[]>(workers.map((worker) => [worker, []]));
      for (const worker of workers) await worker.ask({ ...request, seconds: secondsPerRound });
      for (let round = 0; round < rounds; round++) {
        for (const [worker, own] of answers) own.push(await worker.ask({ ...request, seconds: secondsPerRound }));
      }
      for (const [worker, own] of answers) {
        const of = (key: string): number => Number(median(own.map((a) => a[key] as number)).toPrecision(4));
        results.push({
          framework: worker.framework,
          case: id,
          ...request,
          p50_us: of('p50'),
          p99_us: of('p99'),
          rounds,
        });
      }
    }
    return results;
  } finally {
    for (const worker of workers) worker.stop();
    rmSync(folder, { recursive: true });
  }
}

/** The same weights for everybody. */
async function writeModel(spec: Case, folder: string): Promise<Files> {
  const files = { weights: path.join(folder, 'weights.safetensors'), onnx: path.join(folder, 'model.onnx') };
  const model = buildModel(spec);
  await model.saveWeights(files.weights);
  writeFileSync(files.onnx, toOnnx(spec, model));
  model.dispose();
  return files;
}

async function startAll(id: string, spec: Case, names: readonly string[], files: Files): Promise<Worker[]> {
  const workers: Worker[] = [];
  let expected: readonly number[] | undefined;
  for (const { name, start } of predictors.filter((p) => names.includes(p.name))) {
    try {
      const worker = await start(id, spec, files);
      workers.push(worker);
      const outputs = worker.greeting.outputs as readonly number[];
      expected ??= outputs;
      if (outputs.some((y, i) => !(Math.abs(y - (expected?.[i] as number)) < 1e-4))) {
        throw new Error(`its outputs are ${outputs.join()}, those of ${workers[0]?.framework} ${expected.join()}`);
      }
    } catch (error) {
      process.stderr.write(`case ${id}: ${name} is left out: ${(error as Error).message}\n`);
    }
  }
  return workers;
}

function printTable(all: readonly Result[]): void {
  const frameworks = [...new Set(all.map((r) => r.framework))];
  const row = (cells: readonly string[]): void => {
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  };
  process.stdout.write(
    `Microseconds per call, p50 / p99 (${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} CPUs)\n\n`,
  );
  row(['case', 'rows', 'at a time', ...frameworks]);
  process.stdout.write(`|---|---:|---:|${'---:|'.repeat(frameworks.length)}\n`);
  for (const id of new Set(all.map((r) => r.case))) {
    for (const { rows, batch } of requests) {
      const own = all.filter((r) => r.case === id && r.rows === rows && r.batch === batch);
      const cell = (framework: string): string => {
        const result = own.find((r) => r.framework === framework);
        return result === undefined ? '-' : `${result.p50_us} / ${result.p99_us}`;
      };
      row([id, `${rows}`, `${batch}`, ...frameworks.map(cell)]);
    }
  }
}
