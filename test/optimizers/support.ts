import { make } from '../../lib/ir/build';
import { Node, type Tensor, type Variable } from '../../lib/ir/graph';
import { interpret } from '../../lib/ir/reference';
import type * as optimizers from '../../lib/optimizers/index';
import { fed } from '../helpers/evaluate';

export interface Problem {
  /** Values of each parameter. */
  readonly start: readonly (readonly number[])[];
  /** Default: vectors. */
  readonly shapes?: readonly (readonly number[])[];
  /** Default: 'w0', 'w1', ... */
  readonly names?: readonly string[];
  readonly gradientAt: (t: number) => number[][];
}

export const vectors: Problem = {
  start: [
    [1, -2, 0.5],
    [3, 0.25],
  ],
  gradientAt: (t) => [
    [0.5 * t, -1, 0.1],
    [2 / t, -0.3],
  ],
};

/** Runs updates of parameters in float64 and returns their values after each step, and those of the slots at the end. */
export function runProblem(
  optimizer: optimizers.Optimizer,
  steps: number,
  { start, shapes = start.map((w) => [w.length]), names = start.map((_, i) => `w${i}`), gradientAt }: Problem,
  before: (t: number) => void = () => {},
) {
  const values = new Map<Variable, ArrayLike<number>>();
  const variable = (
    name: string,
    shape: readonly number[],
    initial: ArrayLike<number>,
    dtype = 'float32',
  ): Variable => {
    const v = { name, shape, dtype } as Variable;
    values.set(v, initial);
    return v;
  };
  const read = (v: Variable): Tensor => make('variable', [], { variable: v }, v.shape, v.dtype);
  const parameters = start.map((w, i) => variable(names[i], shapes[i], w));
  const rate = variable('rate', [], [0]);
  const step = variable('step', [], [0], 'int32');
  const slots = new Map<string, Variable>();
  const writes = new Map<Variable, Tensor>();
  optimizer.update(
    parameters.map((v, i) => ({ variable: v, value: read(v), gradient: fed(i, v.shape) })),
    {
      learningRate: read(rate),
      step: read(step),
      slot(name, of, initial = 0, shape = of?.shape ?? []) {
        const key = `${of?.name}/${name}`;
        const known = slots.get(key);
        if (known !== undefined) return known;
        const size = shape.reduce((a, b) => a * b, 1);
        const made = variable(key, shape, new Float64Array(size).fill(initial));
        slots.set(key, made);
        return made;
      },
      read,
      write: (v, value) => writes.set(v, value),
    },
  );
  const nodes = [...writes].map(([v, value]) => new Node('write', [value], { variable: v }, [], ''));
  const history = Array.from({ length: steps }, (_, i) => {
    before(i + 1);
    values.set(rate, [typeof optimizer.learningRate === 'number' ? optimizer.learningRate : Number.NaN]);
    values.set(step, [i + 1]);
    const graph = { inputs: [], outputs: [], writes: nodes };
    const result = interpret(graph, { feeds: gradientAt(i + 1), variables: values });
    for (const [v, value] of result.writes) values.set(v, value);
    return parameters.map((v) => [...(values.get(v) as Float64Array)]);
  });
  const slot = (key: string): number[] => Array.from(values.get(slots.get(key) as Variable) as Float64Array);
  return { history, slot };
}

export const run = (optimizer: optimizers.Optimizer, steps: number, before?: (t: number) => void): number[][][] =>
  runProblem(optimizer, steps, vectors, before).history;
