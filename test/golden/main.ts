// npm run golden -- <folder>: runs every case of a golden set through the public API.
import { runSet } from './runner';
import { openSet } from './set';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: npm run golden -- <folder with manifest.json>');
  process.exitCode = 2;
} else {
  const { failed, outcomes, table } = runSet(openSet(folder));
  console.log(table);
  const missing = new Map<string, number>();
  for (const outcome of outcomes) {
    if (outcome.result !== 'unsupported' || outcome.reason === 'no such operation') continue;
    const line = `${outcome.golden.group}/${outcome.golden.op}: ${outcome.reason}`;
    missing.set(line, (missing.get(line) ?? 0) + 1);
  }
  for (const [line, count] of missing) console.log(`unsupported ${count} x ${line}`);
  for (const outcome of failed) {
    if (outcome.result === 'failed') console.log(`FAILED ${outcome.golden.id}: ${outcome.reason}`);
  }
  process.exitCode = failed.length > 0 ? 1 : 0;
}
