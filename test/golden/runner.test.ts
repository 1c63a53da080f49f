import path from 'node:path';
import { runCase, runSet } from './runner';
import { type GoldenSet, openSet } from './set';

const set = openSet(path.join(__dirname, 'data'));
const find = (op: string) => {
  const golden = set.cases.find((c) => c.op === op && (c.inputs?.x?.shape[0] ?? 0) > 0);
  if (golden === undefined) throw new Error(`no case of ${op}`);
  return golden;
};

/** The same set with one tensor off by one. */
const spoiled = (part: string): GoldenSet => ({
  ...set,
  values: (group, entry) => {
    const values = set.values(group, entry);
    return entry.key.includes(part) ? (values.map((v: number) => v + 1) as typeof values) : values;
  },
});

test('a wrong value and a wrong gradient fail', () => {
  const golden = find('tanh');
  expect(runCase(set, golden).result).toBe('passed');
  expect(runCase(spoiled(':out.y'), golden)).toMatchObject({
    result: 'failed',
    reason: expect.stringContaining('output y'),
  });
  expect(runCase(spoiled(':grad.x'), golden)).toMatchObject({
    result: 'failed',
    reason: expect.stringContaining('gradient x'),
  });
});

test('an operation without an adapter is counted, not passed', () => {
  const golden = { ...find('tanh'), group: 'attention', op: 'no_such_op' };
  const { table, failed, outcomes } = runSet(set, [golden]);
  expect(failed).toEqual([]);
  expect(outcomes[0].result).toBe('unsupported');
  expect(table).toMatch(/total +0 +0 +1$/);
});

test('a folder without a manifest, or with another schema, is refused', () => {
  expect(() => openSet(__dirname)).toThrow('has no manifest.json');
});
