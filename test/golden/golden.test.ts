import { existsSync } from 'node:fs';
import path from 'node:path';
import { runSet } from './runner';
import { openSet } from './set';

const own = path.join(__dirname, 'data');
const onnx = path.join(__dirname, 'onnx');
const full = path.join(__dirname, '..', '..', '..', 'shared', 'golden', 'cases');
const folders = existsSync(full) ? [own, onnx, full] : [own, onnx];
process.stdout.write(
  `golden sets: ${folders.join(', ')}${folders.includes(full) ? '' : ` (no full set at ${full})`}\n`,
);

describe.each(folders)('%s', (folder) => {
  const set = openSet(folder);

  test.each([...new Set(set.cases.map((c) => c.group))])('%s', (group) => {
    const { failed, outcomes } = runSet(
      set,
      set.cases.filter((c) => c.group === group),
    );
    expect(failed.map((o) => `${o.golden.id}: ${o.result === 'failed' ? o.reason : ''}`)).toEqual([]);
    // what the library has no counterpart for is not in the ONNX set: onnx.md says why
    const missing = folder === onnx ? outcomes.filter((o) => o.result === 'unsupported') : [];
    expect(missing.map((o) => o.golden.id)).toEqual([]);
  });
});
