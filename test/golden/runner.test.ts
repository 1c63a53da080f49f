import path from 'node:path';
import { runCase, runSet } from './runner';
import { type Entries, type Entry, type GoldenCase, type GoldenSet, openSet } from './set';

const set = openSet(path.join(__dirname, 'data'));
const find = (op: string) => {
  const golden = set.cases.find((c) => c.op === op && (c.inputs?.x ?? c.inputs?.pred)?.shape[0] !== 0);
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

describe('what an adapter does not read is reported', () => {
  const reasonOf = (golden: GoldenCase): string => {
    const outcome = runCase(set, golden);
    return outcome.result === 'passed' ? 'passed' : `${outcome.result}: ${outcome.reason}`;
  };
  const conv = find('conv2d');

  test('attributes', () => {
    expect(reasonOf({ ...conv, attrs: { ...conv.attrs, data_format: 'NHWC' } })).toBe(
      'unsupported: attribute data_format',
    );
    const adam = set.cases.find((c) => c.op === 'adam') as GoldenCase;
    expect(reasonOf(adam)).toBe('passed');
    expect(reasonOf({ ...adam, attrs: { ...adam.attrs, maximize: true } })).toBe('unsupported: attribute maximize');
  });

  test('values of attributes', () => {
    const rope = find('rope');
    expect(reasonOf(rope)).toBe('passed');
    const other = { ...rope, attrs: { ...rope.attrs, layout: 'interleaved' } };
    expect(reasonOf(other)).toBe('unsupported: attribute layout is "interleaved"');
    const mse = find('mse');
    expect(reasonOf({ ...mse, attrs: { reduction: 'median' } })).toBe('unsupported: reduction median');
  });

  test('inputs', () => {
    const tanh = find('tanh');
    const other = { ...tanh, inputs: { ...tanh.inputs, mask: (tanh.inputs as Entries).x } };
    expect(reasonOf(other)).toBe('unsupported: input mask');
  });

  test('checks and types', () => {
    const dropout = set.cases.find((c) => c.op === 'dropout') as GoldenCase;
    expect(reasonOf({ ...dropout, checks: [{ what: 'rows drop together' }] })).toBe(
      'unsupported: check "rows drop together"',
    );
    const tanh = find('tanh');
    const x = { ...(tanh.inputs as Entries).x, dtype: 'float16' };
    expect(reasonOf({ ...tanh, inputs: { x } })).toBe('unsupported: dtype float16');
  });
});

test('the order of axes is that of the case', () => {
  const last = { group: 'made', op: 'conv1d', id: 'made/0', tags: [], attrs: { strides: [1], padding: 'valid' } };
  const tensors: Record<string, number[]> = {
    x: [1, 10, 2, 20, 3, 30],
    kernel: [1, 0, 0, 1],
    y: [1, 10, 2, 20, 3, 30],
  };
  const made = { ...set, values: (_: string, { key }: Entry) => Float32Array.from(tensors[key]) };
  const golden = {
    ...last,
    inputs: {
      x: { key: 'x', dtype: 'float32', shape: [1, 3, 2], axes: 'NLC' },
      kernel: { key: 'kernel', dtype: 'float32', shape: [1, 2, 2], axes: 'LIO' },
    },
    outputs: { y: { key: 'y', dtype: 'float32', shape: [1, 3, 2], axes: 'NLC', atol: 0, rtol: 0 } },
  };
  expect(runCase(made, golden)).toMatchObject({ result: 'passed' });
  const dense = { ...golden, op: 'relu', inputs: { x: { ...golden.inputs.x, axes: 'CLN' } } };
  expect(runCase(made, dense)).toMatchObject({ result: 'unsupported', reason: 'axes CLN of x' });
});

test('another shape fails, also with the same number of values', () => {
  const golden = find('tanh');
  const { y } = golden.outputs as Entries;
  const other = { ...golden, grads: {}, outputs: { y: { ...y, shape: [1, ...y.shape] } } };
  expect(runCase(set, other)).toMatchObject({ result: 'failed', reason: expect.stringContaining('output y: shape') });
});

test('a folder without a manifest, or with another schema, is refused', () => {
  expect(() => openSet(__dirname)).toThrow('has no manifest.json');
});
