// Updates that compute element by element are traced for one weight, and are the program of all others.
import { compile, gradients, StateLayout } from '../../lib/compile/index';
import { printPlan } from '../../lib/compile/print';
import { make } from '../../lib/ir/build';
import { type Graph, Node, type Shape, type Tensor, topological, type Variable } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { GradientDescent, type Rule } from '../../lib/optimizers/descent';
import * as optimizers from '../../lib/optimizers/index';
import type { Optimizer, UpdateContext } from '../../lib/optimizers/optimizer';
import { runningAverage } from '../../lib/optimizers/running';
import { evaluate, expectClose, fed } from '../helpers/evaluate';
import { runProblem } from './support';

const read = (variable: Variable): Tensor => make('variable', [], { variable }, variable.shape, variable.dtype);

/** The graph of an update of weights of these shapes. */
function traced(optimizer: Optimizer, shapes: readonly Shape[]) {
  const variables: Variable[] = [];
  const variable = (name: string, shape: Shape, dtype: Variable['dtype'] = 'float32'): Variable => {
    const made = { name, shape, dtype };
    variables.push(made);
    return made;
  };
  const slots = new Map<string, Variable>();
  const writes = new Map<Variable, Tensor>();
  const weights = shapes.map((shape, i) => variable(`w${i}`, shape));
  const values = new Map(weights.map((w) => [w, read(w)]));
  const context: UpdateContext = {
    learningRate: read(variable('rate', [])),
    step: read(variable('step', [], 'int32')),
    slot(name, of, _ = 0, shape = of?.shape ?? []) {
      const key = `${of?.name}/${name}`;
      const slot = slots.get(key) ?? variable(key, shape);
      slots.set(key, slot);
      return slot;
    },
    read,
    write: (v, value) => writes.set(v, value),
  };
  optimizer.update(
    weights.map((w, i) => ({ variable: w, value: values.get(w) as Tensor, gradient: fed(i, w.shape) })),
    context,
  );
  const graph: Graph = {
    inputs: weights.map((w, i) => fed(i, w.shape)),
    outputs: [],
    writes: [...writes].map(([v, value]) => new Node('write', [value], { variable: v }, [], '')),
  };
  return { graph, variables, weights, values, writes };
}

const count = ({ graph }: { graph: Graph }, op: string): number =>
  topological(graph).filter((node) => node.op === op).length;

/** Runs of averages over a few steps, as any optimizer could have them. */
class Averages extends GradientDescent {
  readonly name = 'averages';

  constructor(
    protected override readonly tellsApart: boolean,
    readonly move: (context: UpdateContext, average: Tensor, ...of: Parameters<Rule>) => Tensor,
    options: ConstructorParameters<typeof GradientDescent>[1] = {},
  ) {
    super('averages', options, 0.1);
  }

  protected override rule(context: UpdateContext): Rule {
    return (parameter, decay) => {
      const average = runningAverage(context, 'average', parameter.variable, parameter.gradient, 0.9);
      return this.move(context, average, parameter, decay);
    };
  }
}

const shapes: readonly Shape[] = [[4, 3], [3], [2, 3, 1], [1]];
const everyKind: [string, () => Optimizer][] = [
  ['sgd', () => optimizers.sgd()],
  ['sgd, momentum', () => optimizers.sgd({ momentum: 0.9, nesterov: true })],
  ['sgd, torch', () => optimizers.sgd({ momentum: 0.9, dampening: 0.5, convention: 'torch' })],
  ['rmsprop', () => optimizers.rmsprop({ centered: true, momentum: 0.5 })],
  ['adam', () => optimizers.adam({ amsgrad: true })],
  ['adam without a mean', () => optimizers.adam({ beta1: 0 })],
  ['adamw', () => optimizers.adamw()],
  ['adamax', () => optimizers.adamax()],
  ['nadam', () => optimizers.nadam()],
  ['radam', () => optimizers.radam()],
  ['adagrad', () => optimizers.adagrad()],
  ['adadelta', () => optimizers.adadelta()],
  ['lion', () => optimizers.lion()],
];

describe('one program for all weights', () => {
  test.each(everyKind)('%s', (_, make) => {
    const update = traced(make(), shapes);
    expect(count(update, 'map')).toBe(shapes.length);
    const arrays = topological(update.graph).filter(({ op, outputs }) => op !== 'broadcast' && outputs[0]?.rank);
    expect(new Set(arrays.map(({ op }) => op))).toEqual(new Set(['input', 'variable', 'map']));
    const programs = topological(update.graph).flatMap((node) => (node.is('map') ? [node.attrs.program] : []));
    expect(new Set(programs).size).toBe(1);
  });

  test('also with accumulation, averages, clipping and a schedule', () => {
    const options = { gradientAccumulationSteps: 2, useEma: true, globalClipnorm: 1, weightDecay: 0.1 };
    const schedule = (step: Tensor): Tensor => ops.divide(0.1, ops.add(ops.cast(step, 'float32'), 1));
    expect(count(traced(optimizers.adam({ ...options, learningRate: schedule }), shapes), 'map')).toBe(4);
  });

  test('a group of weights has its own', () => {
    const parameterGroups = [
      { match: 'w1', learningRateMultiplier: 0.5 },
      { match: 'w2', weightDecay: 0.1 },
    ];
    const { graph } = traced(optimizers.adam({ parameterGroups }), [...shapes, [5], [6]]);
    const programs = topological(graph).flatMap((node) => (node.is('map') ? [node.attrs.program] : []));
    expect([programs.length, new Set(programs).size]).toEqual([6, 3]);
  });

  test('a scalar does not show it, the next weight does', () => {
    expect(count(traced(optimizers.adam(), [[], [3], [], [2, 2]]), 'map')).toBe(3);
  });

  test('a weight without elements has no instruction', () => {
    const { graph, variables } = traced(optimizers.adam(), [[3, 2], [0, 4], [4]]);
    const layout = new StateLayout();
    for (const variable of variables) layout.add(variable);
    const plan = printPlan(compile(graph, layout).words);
    expect([count({ graph }, 'map'), plan.includes('[0, 4]')]).toEqual([2, false]);
  });

  test('the plan is that of updates traced one by one', () => {
    const move = (context: UpdateContext, average: Tensor, { value }: Parameters<Rule>[0]): Tensor =>
      ops.subtract(
        value,
        ops.divide(ops.multiply(average, context.learningRate), ops.add(ops.sqrt(ops.abs(average)), 1)),
      );
    const planOf = (apart: boolean): string => {
      const { graph, variables } = traced(new Averages(apart, move, { useEma: true }), shapes);
      const layout = new StateLayout();
      for (const variable of variables) layout.add(variable);
      return printPlan(compile(graph, layout).words);
    };
    expect(planOf(false)).toBe(planOf(true));
  });
});

describe('what is not the same for all elements is traced for each weight', () => {
  const average = (_: UpdateContext, mean: Tensor): Tensor => mean;
  test.each<[string, ConstructorParameters<typeof Averages>[1]]>([
    ['a norm', (_, mean, { value }) => ops.subtract(value, ops.multiply(mean, ops.norm(mean)))],
    ['a norm of the gradient', (_, mean, { gradient }) => ops.multiply(mean, ops.norm(gradient))],
    [
      'positions',
      (_, mean, { value }) =>
        ops.subtract(value, ops.multiply(mean, ops.oneHot(ops.argmax(mean, -1), value.shape.at(-1) as number))),
    ],
    ['a constant array', (_, mean, { value }) => ops.multiply(mean, ops.zerosLike(value))],
    [
      'more than one program',
      (_, mean) => Array.from({ length: 97 }).reduce<Tensor>((sum) => ops.add(ops.multiply(sum, mean), 0.5), mean),
    ],
    ['turned around', (_, mean) => ops.flip(mean)],
    [
      'a slot of another shape',
      (context, mean, { variable, value }) => {
        const slot = context.slot('length', variable, 0, []);
        const length = ops.norm(value);
        context.write(slot, length);
        return ops.multiply(mean, ops.add(context.read(slot), length));
      },
    ],
  ])('%s', (name, move) => {
    const update = traced(new Averages(false, move), [
      [4, 3],
      [2, 3],
    ]);
    if (name !== 'a constant array') expect(count(update, 'map')).toBe(0);
    const apart = traced(new Averages(true, move), [
      [4, 3],
      [2, 3],
    ]);
    const feeds = [
      [4, 3],
      [2, 3],
    ].map((shape) => Float64Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i)));
    const results = [update, apart].map(({ writes, variables }) => {
      const state = new Map(variables.map((v) => [v, new Float64Array(v.shape.reduce((a, b) => a * b, 1)).fill(0.5)]));
      return evaluate([...writes.values()], feeds, state).outputs;
    });
    expect(results[0]).toHaveLength(results[1].length);
    results[0].forEach((values, i) => {
      expectClose(values, results[1][i]);
    });
  });

  test('the rule says that weights are not alike', () => {
    expect(count(traced(new Averages(true, average), shapes), 'map')).toBe(0);
    expect(count(traced(new Averages(false, average), shapes), 'map')).toBe(4);
  });

  test('muon and adafactor have weights that are not alike', () => {
    expect(count(traced(optimizers.muon(), [[3], [4, 3], [2, 3]]), 'map')).toBe(0);
    expect(count(traced(optimizers.adafactor(), [[3], [4, 3]]), 'map')).toBe(0);
  });

  test('a rule of its own for the gradient, which a program does not have: that of clip', () => {
    expect(count(traced(optimizers.ftrl(), shapes), 'map')).toBe(0);
  });
});

test('values are those of each weight', () => {
  const problem = {
    start: [[1, -2, 0.5, 3], [0.25], [1.5, -0.5]],
    shapes: [[2, 2], [1], [2]],
    gradientAt: (t: number) => [[0.5 * t, -1, 0.1, 2 / t], [-0.3 * t], [0.7, t]],
  };
  const together = runProblem(optimizers.adamw({ learningRate: 0.1 }), 3, problem).history;
  problem.start.forEach((start, i) => {
    const alone = runProblem(optimizers.adamw({ learningRate: 0.1 }), 3, {
      start: [start],
      shapes: [problem.shapes[i]],
      gradientAt: (t) => [problem.gradientAt(t)[i]],
    }).history;
    together.forEach((step, t) => {
      expectClose(step[i], alone[t][0]);
    });
  });
});

test('an update can be differentiated', () => {
  // w - rate (mean + (g - mean) / 10) with respect to w, g and the rate
  const move = (context: UpdateContext, mean: Tensor, { value }: Parameters<Rule>[0]): Tensor =>
    ops.subtract(ops.square(value), ops.multiply(mean, context.learningRate));
  const { writes, weights, values, variables } = traced(new Averages(false, move), [[2], [3]]);
  const next = writes.get(weights[1]) as Tensor;
  expect(next.node.op).toBe('map');
  const rate = next.node.inputs.find((t) => t.node.op === 'broadcast')?.node.inputs[0] as Tensor;
  const gradient = next.node.inputs.find((t) => t.node.op === 'input') as Tensor;
  const slopes = gradients(ops.sum(next), [values.get(weights[1]) as Tensor, gradient, rate]);
  const state = new Map(variables.map((v) => [v, v.name === 'rate' ? [0.5] : [2, 3, 4]]));
  const { outputs } = evaluate(
    slopes,
    [
      [0, 0],
      [1, 2, 3],
    ],
    state,
  );
  expectClose(outputs[0], [4, 6, 8]);
  expectClose(outputs[1], [-0.05, -0.05, -0.05]);
  // means: 0.9 [2 3 4] + 0.1 [1 2 3]
  expectClose(outputs[2], [-(1.9 + 2.9 + 3.9)]);
});
