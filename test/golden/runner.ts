import { type Adapter, type Numbers, type Tensors, Unsupported } from './adapter';
import { adapters } from './adapters/index';
import { jit, ops, Tensor, tensor, valueAndGrad } from './api';
import type { Entries, Entry, GoldenCase, GoldenSet } from './set';

type Traced = Extract<Adapter, { traced: unknown }>['traced'];

export type Outcome = { readonly golden: GoldenCase } & (
  | { readonly result: 'passed' }
  | { readonly result: 'failed' | 'unsupported'; readonly reason: string }
);

/** Runs one case: values, and gradients where the case has them. */
export function runCase(set: GoldenSet, golden: GoldenCase): Outcome {
  const adapter = adapters[`${golden.group}/${golden.op}`] ?? adapters[golden.op];
  if (adapter === undefined) return { golden, result: 'unsupported', reason: 'no such operation' };
  try {
    evaluate(set, golden, adapter);
    return { golden, result: 'passed' };
  } catch (error) {
    const reason = (error as Error).message;
    return { golden, result: error instanceof Unsupported ? 'unsupported' : 'failed', reason };
  }
}

function evaluate(set: GoldenSet, golden: GoldenCase, adapter: Adapter): void {
  const entries = golden.inputs ?? {};
  const values = (input: string): Numbers => set.values(golden.group, entries[input]);
  const expect = (kind: string, got: Readonly<Record<string, Numbers>>, expected: Entries | undefined) => {
    for (const [name, entry] of Object.entries(expected ?? {})) {
      compare(`${kind} ${name}`, got[name], set.values(golden.group, entry), entry);
    }
  };
  if ('traced' in adapter) checkTraced(set, golden, adapter.traced, values, expect);
  else if ('computed' in adapter) expect('output', adapter.computed({ ...golden, values }), golden.outputs);
  else adapter.checked({ ...golden, values });
}

function checkTraced(
  set: GoldenSet,
  golden: GoldenCase,
  traced: Traced,
  values: (input: string) => Numbers,
  expect: (kind: string, got: Readonly<Record<string, Numbers>>, expected: Entries | undefined) => void,
): void {
  const entries = golden.inputs ?? {};

  const inputs = Object.fromEntries(Object.keys(entries).map((name) => [name, load(values(name), entries[name])]));
  const upstream = Object.fromEntries(
    Object.entries(golden.upstream ?? {}).map(([name, entry]) => [name, load(set.values(golden.group, entry), entry)]),
  );
  // a tensor alone is the only output, or the first one
  const [[first, { shape }]] = Object.entries(golden.outputs ?? {});
  const run = (x: Tensors): Tensors => {
    const y = traced(viewed(x, entries), golden.attrs, shape);
    return y instanceof Tensor ? { [first]: y } : y;
  };
  expect('output', dataOf(jit(run)(inputs)), golden.outputs);

  const wanted = Object.keys(golden.grads ?? {});
  if (wanted.length === 0) return;
  const gradient = jit((all: Tensors, weights: Tensors) => {
    const loss = (some: Tensors): Tensor => {
      const y = run({ ...all, ...some });
      return Object.keys(weights)
        .map((name) => ops.sum(ops.multiply(y[name], weights[name])))
        .reduce((a, b) => ops.add(a, b));
    };
    return valueAndGrad(loss)(Object.fromEntries(wanted.map((name) => [name, all[name]]))).gradient;
  })(inputs, upstream);
  expect('gradient', dataOf(gradient), golden.grads);
}

const dataOf = (tensors: Tensors): Record<string, Numbers> =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, t.data]));

function load(values: Numbers, { dtype, shape }: Entry): Tensor {
  const type = dtype === 'int32' ? 'int32' : dtype === 'uint8' ? 'bool' : 'float32';
  return tensor(values, [...shape], type);
}

/** Strided windows as indices into their storage. */
function viewed(x: Tensors, entries: Entries): Tensors {
  return Object.fromEntries(
    Object.entries(x).map(([name, storage]) => {
      const view = entries[name]?.view;
      if (view === undefined) return [name, storage];
      const positions = view.shape.reduce<number[]>(
        (from, n, axis) => from.flatMap((p) => Array.from({ length: n }, (_, i) => p + i * view.strides[axis])),
        [view.offset],
      );
      return [name, ops.take(storage, tensor(Int32Array.from(positions), view.shape))];
    }),
  );
}

/** @throws Error at the first element outside the tolerance; NaN must meet NaN, an infinity itself */
function compare(what: string, got: Numbers | undefined, expected: Numbers, { rtol = 0, atol = 0 }: Entry): void {
  if (got?.length !== expected.length) {
    throw new Error(`${what}: ${got?.length ?? 'no'} values, expected ${expected.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i], expected[i]];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const tolerance = atol + rtol * Math.abs(b);
    if (!(Math.abs(a - b) <= tolerance)) {
      throw new Error(`${what}: element ${i} of ${expected.length} is ${a}, expected ${b} within ${tolerance}`);
    }
  }
}

export interface Summary {
  readonly outcomes: readonly Outcome[];
  readonly failed: readonly Outcome[];
  /** One line for each operation: passed, failed, unsupported. */
  readonly table: string;
}

/** Runs all cases of a set. */
export function runSet(set: GoldenSet, cases: readonly GoldenCase[] = set.cases): Summary {
  const outcomes = cases.map((golden) => runCase(set, golden));
  return { outcomes, failed: outcomes.filter((o) => o.result === 'failed'), table: tableOf(outcomes) };
}

/** One line for each operation: passed, failed, unsupported. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const rows = new Map<string, { passed: number; failed: number; unsupported: number }>();
  for (const { golden, result } of outcomes) {
    for (const name of [`${golden.group}/${golden.op}`, 'total']) {
      const row = rows.get(name) ?? { passed: 0, failed: 0, unsupported: 0 };
      row[result]++;
      rows.delete(name === 'total' ? name : '');
      rows.set(name, row);
    }
  }
  const line = (...cells: unknown[]) =>
    cells.map((c, i) => (i === 0 ? String(c).padEnd(42) : String(c).padStart(12))).join('');
  return [
    line('operation', 'passed', 'failed', 'unsupported'),
    ...[...rows].map(([name, row]) => line(name, row.passed, row.failed, row.unsupported)),
  ].join('\n');
}
