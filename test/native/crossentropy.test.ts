import { addon } from './native.js';
import { addConstant, PlanWords } from './plan-words.js';

/** Units of 64 bytes where the parts of the state begin. */
function layoutOf(rows: number, classes: number) {
  const units = (floats: number) => Math.ceil(floats / 16);
  const labels = units(rows * classes);
  const dloss = labels + units(rows);
  const loss = dloss + units(rows);
  const gradient = loss + units(rows);
  return { labels, dloss, loss, gradient, seen: gradient + labels, all: gradient + labels + units(rows) };
}

/** The state after a gradient and its loss, in this order; 'first': the loss before; or with what lies between. */
function stateAfter(
  [rows, classes]: readonly [number, number],
  order: 'behind' | 'first' | 'reads' | 'writes' | 'changes',
  labels: Int32Array,
) {
  const at = layoutOf(rows, classes);
  const plan = new PlanWords(0, at.all);
  const view = (base: number, shape: readonly number[], dtype: 'float32' | 'int32' = 'float32') =>
    plan.view({ space: 'state', base, shape, dtype });
  const logits = view(0, [rows, classes]);
  const fixed = [logits, view(at.labels, [rows], 'int32')];
  const loss = view(at.loss, [rows]);
  const seen = view(at.seen, [rows]);
  if (order === 'first') plan.instruction('softmaxCrossEntropy', fixed, [loss]);
  plan.instruction('softmaxCrossEntropyGrad', [...fixed, view(at.dloss, [rows])], [view(at.gradient, [rows, classes])]);
  if (order === 'reads') plan.instruction('copy', [loss], [seen]);
  if (order === 'writes') plan.instruction('map', [seen], [loss], [1, ...addConstant(7)]);
  if (order === 'changes') plan.instruction('map', [logits], [logits], [1, ...addConstant(1e6)]);
  if (order !== 'first') plan.instruction('softmaxCrossEntropy', fixed, [loss]);
  const session = new addon.Session(at.all * 64);
  const number = session.addPlan(plan.words());
  const noise = (n: number) => ((n * 7919) % 1013) / 101 - 5;
  session.writeState(
    0,
    Float32Array.from({ length: rows * classes }, (_, i) => noise(i)),
  );
  session.writeState(at.labels * 64, labels);
  session.writeState(
    at.dloss * 64,
    Float32Array.from({ length: rows }, (_, i) => noise(3 * i + 1)),
  );
  session.writeState(at.loss * 64, new Float32Array(rows).fill(5));
  let error = '';
  try {
    session.runSync(number, [], []);
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  const read = (base: number, length: number) => {
    const values = new Float32Array(length);
    session.readState(base * 64, values);
    return values;
  };
  const result = {
    logits: read(0, rows * classes),
    loss: read(at.loss, rows),
    gradient: read(at.gradient, rows * classes),
    seen: read(at.seen, rows),
    error,
  };
  session.dispose();
  return result;
}

/** Against float64, of the logits as they are in the end. */
function expectLosses({ logits, loss }: { logits: Float32Array; loss: Float32Array }, labels: Int32Array) {
  const classes = logits.length / loss.length;
  loss.forEach((got, r) => {
    const row = [...logits.subarray(r * classes, (r + 1) * classes)];
    const largest = Math.max(...row);
    const sum = row.reduce((total, x) => total + Math.exp(x - largest), 0);
    const wanted = largest - (row[labels[r] as number] as number) + Math.log(sum);
    expect(Math.abs(got - wanted)).toBeLessThan(1e-6 * Math.max(1, wanted));
  });
}

describe('a loss behind its gradient is made with it', () => {
  const shapes = [
    [1, 2],
    [37, 10],
    [33, 16],
    [37, 17],
    [5, 1000],
    [700, 65],
  ] as const;

  test.each(shapes)('bit for bit as on its own: %i rows of %i classes', (rows, classes) => {
    const labels = Int32Array.from({ length: rows }, (_, i) => (i * 31) % classes);
    const alone = stateAfter([rows, classes], 'first', labels);
    expect(stateAfter([rows, classes], 'behind', labels)).toEqual(alone);
    expectLosses(alone, labels);
  });

  test('but not before what reads its place, writes there or changes the logits', () => {
    const labels = Int32Array.from({ length: 37 }, (_, i) => i % 10);
    const alone = stateAfter([37, 10], 'first', labels);
    expect(stateAfter([37, 10], 'reads', labels)).toEqual({ ...alone, seen: new Float32Array(37).fill(5) });
    expect(stateAfter([37, 10], 'writes', labels)).toEqual(alone);
    const changed = stateAfter([37, 10], 'changes', labels);
    expect(changed.gradient).toEqual(alone.gradient);
    expect(changed.loss).not.toEqual(alone.loss); // of numbers that a million has rounded
    expectLosses(changed, labels);
  });

  test.each([10, 40])('a label of no class is found, and only its row is lost: %i classes', (classes) => {
    const labels = Int32Array.from({ length: 20 }, (_, i) => (i === 13 ? classes : i % classes));
    const alone = stateAfter([20, classes], 'first', labels);
    const together = stateAfter([20, classes], 'behind', labels);
    expect(alone.error).toMatch(/label/);
    expect(together).toEqual(alone);
    expect(Number.isNaN(together.loss[13])).toBe(true);
    expect([...together.loss].filter((x) => Number.isNaN(x))).toHaveLength(1);
  });
});
