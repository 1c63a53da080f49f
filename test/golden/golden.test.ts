import { existsSync } from 'node:fs';
import path from 'node:path';
import { runSet } from './runner';
import { openSet } from './set';

const own = path.join(__dirname, 'data');
const full = path.join(__dirname, '..', '..', '..', 'shared', 'golden', 'cases');
const folders = existsSync(full) ? [own, full] : [own];
process.stdout.write(`golden sets: ${folders.join(', ')}${folders.length === 1 ? ` (no full set at ${full})` : ''}\n`);

describe.each(folders)('%s', (folder) => {
  const set = openSet(folder);

  test.each([...new Set(set.cases.map((c) => c.group))])('%s', (group) => {
    const { failed } = runSet(
      set,
      set.cases.filter((c) => c.group === group),
    );
    expect(failed.map((o) => `${o.golden.id}: ${o.result === 'failed' ? o.reason : ''}`)).toEqual([]);
  });
});
