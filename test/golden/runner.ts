import { type Adapter, type Numbers, type Tensors, Unsupported, unsupported } from './adapter';
import { adapterOf } from './adapters/index';
import { jit, ops, Tensor, tensor, valueAndGrad } from './api';
import type { Attributes, Entries, Entry, GoldenCase, GoldenSet } from './set';
import { type Watched, watched } from './watched';

type Traced = Extract<Adapter, { traced: unknown }>['traced'];

export type Outcome = { readonly golden: GoldenCase } & (
  | { readonly result: 'passed' }
  | { readonly result: 'failed' | 'unsupported'; readonly reason: string }
);

/** Runs one case: values, and gradients where the case has them. */
export function runCase(set: GoldenSet, golden: GoldenCase): Outcome {
  const adapter = adapterOf(golden);
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
  checkScope(golden, adapter);
  const { inputs = {}, outputs = {}, grads = {} } = golden;
  const attrs = watched(golden.attrs);
  const read = watched(inputs);
  const checkRead = (): void => {
    const known = new Set([...(adapter.implied ?? []), ...Object.keys(adapter.only ?? {})]);
    const left = attrs.unread().filter((name) => !known.has(name));
    if (left.length > 0) unsupported(`attribute ${left.join(', ')}`);
    if (read.unread().length > 0) unsupported(`input ${read.unread().join(', ')}`);
  };
  const values = (input: string): Numbers => set.values(golden.group, read.values[input] as Entry);
  const expect = (kind: string, got: Readonly<Record<string, Result>>, expected: Entries): void => {
    for (const [name, entry] of Object.entries(expected)) {
      compare(`${kind} ${name}`, got[name], set.values(golden.group, entry), entry);
    }
  };
  const loaded = { ...golden, attrs: attrs.values, values };
  if ('traced' in adapter) {
    const { run, loss, given, upstream } = tracedCase(set, golden, adapter.traced, attrs.values, read);
    const got = jit(run)(given);
    checkRead();
    expect('output', resultsOf(got), outputs);
    const wanted = Object.keys(grads);
    if (wanted.length > 0) expect('gradient', resultsOf(jit(loss(wanted))(given, upstream)), grads);
  } else if ('computed' in adapter) {
    const got = adapter.computed(loaded);
    checkRead();
    const results = Object.entries(got).map(([name, data]): [string, Result] => [name, { data }]);
    expect('output', Object.fromEntries(results), outputs);
  } else {
    adapter.checked(loaded);
    checkRead();
  }
}

/** Orders of axes that are meant unless an adapter takes any. */
const usualAxes = new Set(
  ['NI', 'IO', 'NO', 'NTI', 'NTO', 'NTU', 'NC', 'NCL', 'NCHW', 'NCDHW', 'BHTD', 'BTE'].concat(
    ...['L', 'HW', 'DHW'].map((space) => [`OI${space}`, `IO${space}`]),
  ),
);

/** @throws Unsupported for values of attributes, orders of axes and checks that the adapter does not have */
function checkScope({ attrs, inputs, outputs, checks = [] }: GoldenCase, adapter: Adapter): void {
  for (const [name, allowed] of Object.entries(adapter.only ?? {})) {
    const value = JSON.stringify(attrs[name]);
    const has = value === undefined || allowed.some((one) => JSON.stringify(one) === value);
    if (!has) unsupported(`attribute ${name} is ${value}`);
  }
  for (const [name, { axes }] of adapter.anyAxes ? [] : Object.entries({ ...inputs, ...outputs })) {
    if (axes !== undefined && !usualAxes.has(axes)) unsupported(`axes ${axes} of ${name}`);
  }
  for (const { what } of 'checked' in adapter ? checks : []) {
    if (!('checks' in adapter && adapter.checks.includes(what))) unsupported(`check "${what}"`);
  }
}

/** A case as a function of its inputs, and its gradients as one of inputs and upstream gradients. */
function tracedCase(set: GoldenSet, golden: GoldenCase, traced: Traced, attrs: Attributes, read: Watched<Entries>) {
  const { inputs = {}, outputs = {}, upstream = {}, tags } = golden;
  const loadAll = (entries: Entries): Tensors =>
    mapValues(entries, (entry) => load(set.values(golden.group, entry), entry));
  const axes = mapValues({ ...inputs, ...outputs }, (entry) => entry.axes);
  // a tensor alone is the only output, or the first one
  const [first, shape] = Object.entries(outputs).map(([name, entry]): [string, readonly number[]] => [
    name,
    entry.shape,
  ])[0] ?? ['y', []];
  const run = (x: Tensors): Tensors => {
    const seen = watched(viewed(x, inputs));
    const y = traced(seen.values, attrs, shape, { tags, axes });
    const left = seen.unread();
    for (const name of Object.keys(inputs)) if (!left.includes(name)) void read.values[name];
    return y instanceof Tensor ? { [first]: y } : y;
  };
  const loss = (wanted: readonly string[]) => (all: Tensors, weights: Tensors) => {
    const weighted = (some: Tensors): Tensor => {
      const y = run({ ...all, ...some });
      return Object.keys(weights)
        .map((name) => ops.sum(ops.multiply(y[name], weights[name])))
        .reduce((a, b) => ops.add(a, b));
    };
    return valueAndGrad(weighted)(Object.fromEntries(wanted.map((name) => [name, all[name]]))).gradient;
  };
  return { run, loss, given: loadAll(inputs), upstream: loadAll(upstream) };
}

const mapValues = <T, U>(record: Readonly<Record<string, T>>, f: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));

/** Numbers, and their shape where what made them has one. */
interface Result {
  readonly data: Numbers;
  readonly shape?: readonly number[];
}

const resultsOf = (tensors: Tensors): Record<string, Result> =>
  mapValues(tensors, ({ data, shape }) => ({ data, shape }));

const types = { float32: 'float32', int32: 'int32', uint8: 'bool' } as const;

function load(values: Numbers, { dtype, shape }: Entry): Tensor {
  if (!Object.hasOwn(types, dtype)) unsupported(`dtype ${dtype}`);
  return tensor(values, [...shape], types[dtype as keyof typeof types]);
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

/** @throws Error for another shape, and at the first element outside the tolerance; NaN must meet NaN, an infinity itself */
function compare(
  what: string,
  result: Result | undefined,
  expected: Numbers,
  { rtol = 0, atol = 0, shape }: Entry,
): void {
  const got = result?.data;
  if (got?.length !== expected.length) {
    throw new Error(`${what}: ${got?.length ?? 'no'} values, expected ${expected.length}`);
  }
  if (result?.shape !== undefined && result.shape.join() !== shape.join()) {
    throw new Error(`${what}: shape [${result.shape}], expected [${shape}]`);
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
