// npm run golden -- <folder> [--seconds n] [--processes n]: runs every case of a golden set through the public API, in a process (or
// several) that is started again where it crashes, hangs or loses its device. The last line is JSON.
import { parseArgs } from 'node:util';
import { isolated } from '../helpers/isolated';
import { type Outcome, runCase, tableOf } from './runner';
import { openSet } from './set';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '1000000' }, processes: { type: 'string', default: '1' } },
});

async function main(folder: string): Promise<void> {
  const set = openSet(folder);
  const items = set.cases.map((golden) => ({
    name: golden.id,
    run: () => {
      const outcome = runCase(set, golden);
      if (outcome.result === 'failed') throw new Error(outcome.reason);
      return outcome.result === 'unsupported' ? outcome.reason : undefined;
    },
  }));
  const { done, failed, left } = await isolated(items, {
    seconds: Number(options.seconds),
    each: 60,
    processes: Number(options.processes),
  });
  const reasons = new Map(failed.map(({ name, why }) => [name, why]));
  const reached = set.cases.filter((_, i) => done.has(i));
  const outcomes = reached.map((golden): Outcome => {
    const [wrong, missing] = [reasons.get(golden.id), left.get(golden.id)];
    if (wrong !== undefined) return { golden, result: 'failed', reason: wrong };
    return missing !== undefined ? { golden, result: 'unsupported', reason: missing } : { golden, result: 'passed' };
  });
  console.log(tableOf(outcomes));
  const lines = new Map<string, number>();
  for (const outcome of outcomes) {
    if (outcome.result !== 'unsupported' || outcome.reason === 'no such operation') continue;
    const line = `${outcome.golden.group}/${outcome.golden.op}: ${outcome.reason}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  for (const [line, count] of lines) console.log(`unsupported ${count} x ${line}`);
  const passed = outcomes.filter(({ result }) => result === 'passed').length;
  const counts = { cases: set.cases.length, done: done.size, passed, unsupported: left.size };
  console.log(JSON.stringify({ golden: folder, ...counts, failed }));
  process.exitCode = failed.length > 0 ? 1 : 0;
}

const [folder] = positionals;
const isCount = /^[1-9]\d?$/.test(options.processes);
if (folder === undefined || !(Number(options.seconds) > 0) || !isCount) {
  console.error('usage: npm run golden -- <folder with manifest.json> [--seconds n] [--processes n]');
  process.exitCode = 2;
} else {
  main(folder);
}
