import { scalar } from '../../lib/ir/build';
import type { Tensor, Variable } from '../../lib/ir/graph';
import { add, multiply } from '../../lib/ir/ops/elementwise';
import { sum } from '../../lib/ir/ops/reduce';
import { reshape } from '../../lib/ir/ops/shape';
import { withRandom } from '../../lib/ir/random-source';
import * as layers from '../../lib/layers/index';
import { l2 } from '../../lib/regularizers/index';
import { evaluate, expectClose, fed, recordingContext } from '../helpers/evaluate';

/** Values of a layer's outputs for given inputs and weights (in the order of `layer.weights`). */
function outputs(
  layer: layers.Layer,
  inputs: readonly { readonly shape: readonly number[]; readonly values: readonly number[] }[],
  weights: readonly (readonly number[])[] = [],
  { training = false, seed = 1, counter = 0 } = {},
) {
  const symbolic = inputs.map(({ shape }) => layers.input({ shape: shape.slice(1) }));
  const declared = layer.applyMany(symbolic);
  const { context, losses, writes } = recordingContext(training);
  const tensors = inputs.map(({ shape }, slot) => fed(slot, shape));
  let stream = 0;
  const source = { seed: scalar(seed, 'int32'), counter: scalar(counter, 'int32'), nextStream: () => stream++ };
  const results = withRandom(source, () => layer.trace(tensors, context));
  expect(results.map((t) => t.shape.slice(1))).toEqual(declared.map((t) => t.shape.slice(1)));
  const bound = new Map<Variable, readonly number[]>(layer.weights.map((w, i) => [w, weights[i]]));
  const all = [...results, ...losses, ...writes.values()];
  const values = evaluate(
    all,
    inputs.map((x) => x.values),
    bound,
  ).outputs;
  return { values, shapes: results.map((t) => t.shape), results };
}
const x23 = { shape: [2, 3], values: [1, 2, 3, -1, 0, 0.5] };
const kernel = [1, 0, 2, -1, 0.5, 3]; // [3, 2]

describe('dense', () => {
  test('activation(x kernel + bias)', () => {
    const layer = layers.dense({ units: 2, activation: 'relu' });
    const { values } = outputs(layer, [x23], [kernel, [0.5, -8]]);
    expectClose(values[0], [7, 0, 0, 0]);
    expect(layer.weights.map((w) => [w.name, w.shape, w.trainable])).toEqual([
      ['dense/kernel', [3, 2], true],
      ['dense/bias', [2], true],
    ]);
    expect(layer.countParams()).toBe(8);
  });

  test('without bias, over further axes, with a function as activation', () => {
    const layer = layers.dense({ units: 2, useBias: false, activation: (x) => multiply(x, 2) });
    const { values, shapes } = outputs(layer, [{ shape: [1, 2, 3], values: x23.values }], [kernel]);
    expect(shapes).toEqual([[1, 2, 2]]);
    expectClose(values[0], [13, 14, -1.5, 3]);
  });

  test('activityRegularizer is averaged over the batch', () => {
    const layer = layers.dense({ units: 2, useBias: false, activityRegularizer: l2(0.5) });
    const { values } = outputs(layer, [x23], [kernel]);
    expectClose(values[1], [(0.5 * (6.5 ** 2 + 7 ** 2 + 0.75 ** 2 + 1.5 ** 2)) / 2]);
  });

  test('misuse names the layer', () => {
    const layer = layers.dense({ units: 2, name: 'head' });
    expect(() => layer.apply(layers.input({ shape: [] }))).toThrow(
      'head (dense): expected input of rank >= 2 ([batch, ..., features]), got shape [2]',
    );
    layer.apply(layers.input({ shape: [3] }));
    expect(() => layer.apply(layers.input({ shape: [4] }))).toThrow('head (dense): expected input with 3 features');
    expect(() => layer.apply([layers.input({ shape: [3] }), layers.input({ shape: [3] })])).toThrow(
      'head (dense): takes one input, got 2',
    );
    expect(() => layer.apply(scalar(1) as never)).toThrow(
      "apply takes values made by input() or by another layer's apply",
    );
  });

  test('arguments are checked where they are written', () => {
    expect(() => layers.dense({ units: 0 })).toThrow('layers.dense: units must be a positive integer, got 0');
    // @ts-expect-error: not one of the names
    expect(() => layers.dense({ units: 1, activation: 'relu2' })).toThrow(/activation must be .*'relu'.*got 'relu2'/);
    expect(() => layers.dense({ units: 1, kernelInitializer: 'glorot' as never })).toThrow(/kernelInitializer must be/);
    expect(() => layers.dense({ units: 1, biasRegularizer: 'l3' as never })).toThrow(/biasRegularizer must be/);
    expect(() => layers.dense({ unit: 1 } as never)).toThrow("layers.dense: unknown option 'unit'");
    expect(() => layers.dense({ units: 1, name: 'a/b' })).toThrow('name must be');
    expect(() => layers.dense({ units: 1, inputShape: [0] })).toThrow('inputShape must be');
  });

  test('getConfig makes the same layer again', () => {
    const options = { units: 4, activation: 'tanh', useBias: false, name: 'd' } as const;
    expect(layers.dense(layers.dense(options).getConfig() as never).getConfig()).toEqual(options);
  });
});

describe('dropout', () => {
  const n = 20000;
  const ones = { shape: [2, n / 2], values: Array<number>(n).fill(1) };

  test('inference passes the input on', () => {
    const { results } = outputs(layers.dropout({ rate: 0.5 }), [ones]);
    expect(results[0].node.op).toBe('input');
  });

  test('training keeps 1 - rate of the values, scaled; new masks come with the counter', () => {
    const run = (counter: number) =>
      outputs(layers.dropout({ rate: 0.2 }), [ones], [], { training: true, counter }).values[0];
    const first = run(0);
    const kept = first.filter((v) => v !== 0);
    expect(Math.abs(kept.length / n - 0.8)).toBeLessThan(5 * Math.sqrt(0.16 / n));
    expect(kept.every((v) => Math.abs(v - 1.25) < 1e-6)).toBe(true);
    expect(run(0)).toEqual(first);
    expect(run(1)).not.toEqual(first);
  });

  test('a seed of its own replaces the seed, but masks still change with the counter', () => {
    const run = (seed: number, counter: number) =>
      outputs(layers.dropout({ rate: 0.5, seed: 7 }), [ones], [], { training: true, seed, counter }).values[0];
    expect(run(1, 0)).toEqual(run(2, 0));
    expect(run(1, 1)).not.toEqual(run(1, 0));
  });

  test('noiseShape shares the decision along an axis', () => {
    const layer = layers.dropout({ rate: 0.5, noiseShape: [null, 1, null] });
    const x = { shape: [4, 3, 8], values: Array<number>(96).fill(1) };
    const [mask] = outputs(layer, [x], [], { training: true }).values;
    for (let b = 0; b < 4; b++) {
      const row = (t: number) => [...mask.subarray((b * 3 + t) * 8, (b * 3 + t + 1) * 8)];
      expect(row(1)).toEqual(row(0));
      expect(row(2)).toEqual(row(0));
    }
    expect(new Set(mask)).toEqual(new Set([0, 2]));
    const wrong = layers.dropout({ rate: 0.5, noiseShape: [null, 2, null] });
    expect(() => wrong.apply(layers.input({ shape: [3, 8] }))).toThrow('noiseShape [null, 2, null]');
  });

  test('rate 1 drops everything; other rates are errors', () => {
    expect(new Set(outputs(layers.dropout({ rate: 1 }), [ones], [], { training: true }).values[0])).toEqual(
      new Set([0]),
    );
    expect(() => layers.dropout({ rate: 1.1 })).toThrow(
      'layers.dropout: rate must be a finite number >= 0 and <= 1, got 1.1',
    );
  });
});

describe('shape layers', () => {
  const x = { shape: [2, 2, 3], values: [...Array(12).keys()] };

  test('flatten and reshape keep the values', () => {
    for (const [layer, shape] of [
      [layers.flatten(), [2, 6]],
      [layers.reshape({ targetShape: [3, -1] }), [2, 3, 2]],
    ] as const) {
      const { values, shapes } = outputs(layer, [x]);
      expect(shapes).toEqual([shape]);
      expectClose(values[0], x.values);
    }
    expect(outputs(layers.flatten(), [{ shape: [3], values: [1, 2, 3] }]).shapes).toEqual([[3, 1]]);
  });

  test('reshape refuses what does not fit', () => {
    expect(() => layers.reshape({ targetShape: [-1, -1] })).toThrow('targetShape');
    expect(() => layers.reshape({ targetShape: [5] }).apply(layers.input({ shape: [6] }))).toThrow(
      'reshape: cannot reshape samples of shape [6] (6 values) to [5]',
    );
  });

  test('activation', () => {
    expectClose(
      outputs(layers.activation({ activation: 'relu6' }), [x]).values[0],
      x.values.map((v) => Math.min(v, 6)),
    );
  });
});

describe('merging', () => {
  const a = { shape: [2, 2], values: [1, 2, 3, 4] };
  const b = { shape: [2, 2], values: [4, 0, -1, 4] };
  test.each([
    ['add', layers.add(), [5, 2, 2, 8]],
    ['subtract', layers.subtract(), [-3, 2, 4, 0]],
    ['multiply', layers.multiply(), [4, 0, -3, 16]],
    ['average', layers.average(), [2.5, 1, 1, 4]],
    ['maximum', layers.maximum(), [4, 2, 3, 4]],
    ['minimum', layers.minimum(), [1, 0, -1, 4]],
  ])('%s', (_, layer, expected) => {
    expectClose(outputs(layer, [a, b]).values[0], expected);
  });

  test('concatenate along the last and another axis', () => {
    expectClose(outputs(layers.concatenate(), [a, b]).values[0], [1, 2, 4, 0, 3, 4, -1, 4]);
    const c = { shape: [1, 2, 2], values: [1, 2, 3, 4] };
    expectClose(outputs(layers.concatenate({ axis: 1 }), [c, c]).values[0], [1, 2, 3, 4, 1, 2, 3, 4]);
  });

  test('misuse names the layer', () => {
    const [p, q] = [layers.input({ shape: [2] }), layers.input({ shape: [3] })];
    expect(() => layers.add().apply([p, q])).toThrow('add: inputs must have the same shape, got [2, 2] and [2, 3]');
    expect(() => layers.add().apply(p)).toThrow('add: takes a list of at least 2 inputs, got 1');
    expect(() => layers.subtract().apply([p, p, p])).toThrow('subtract: takes a list of exactly 2 inputs, got 3');
    expect(() => layers.concatenate({ axis: 0 })).toThrow('axis 0 is the batch dimension');
    expect(() => layers.concatenate({ axis: 2 }).apply([p, q])).toThrow('axis 2 is not a dimension of samples');
  });
});

describe('layers of your own', () => {
  test('lambda, with several inputs and outputs', () => {
    const layer = layers.lambda((a, b) => [add(a, b), multiply(a, b)]);
    const { values } = outputs(layer, [x23, x23]);
    expectClose(
      values[0],
      x23.values.map((v) => 2 * v),
    );
    expectClose(
      values[1],
      x23.values.map((v) => v * v),
    );
    expect(() => layer.apply([layers.input({ shape: [2] }), layers.input({ shape: [2] })])).toThrow('use applyMany');
  });

  test('what a function returns is checked', () => {
    const x = layers.input({ shape: [3] });
    expect(() => layers.lambda((t) => reshape(t, [-1])).apply(x)).toThrow('must begin with the batch dimension');
    expect(() => layers.lambda((() => 3) as never).apply(x)).toThrow('lambda: must return tensors, returned 3');
    expect(() => layers.lambda(3 as never)).toThrow('layers.lambda');
  });

  test('define: weights, state, penalties', () => {
    const layer = layers.define({
      kind: 'scale',
      build: ([x], addWeight) => ({
        gain: addWeight({ name: 'gain', shape: x.shape.slice(1), initializer: 'ones' }),
        calls: addWeight({ name: 'calls', shape: [], initializer: 'zeros', trainable: false }),
      }),
      call: ([x], { gain, calls }, context, variables) => {
        context.write(variables.calls, add(calls, 1));
        context.addLoss(sum(gain));
        return multiply(x as Tensor, gain);
      },
    });
    const { values } = outputs(layer, [x23], [[1, 10, 2], [4]], { training: true });
    expectClose(values[0], [1, 20, 6, -1, 0, 1]);
    expectClose(values[1], [13]);
    expectClose(values[2], [5]);
    expect(layer.trainableWeights.map((w) => w.name)).toEqual(['scale/gain']);
  });

  test('define checks its arguments', () => {
    expect(() => layers.define({ kind: 'two words', call: ([x]) => x as Tensor })).toThrow(
      'layers.define: kind must be',
    );
    const twice = layers.define({
      kind: 'twice',
      build: (_, addWeight) => ({ a: addWeight({ name: 'w', shape: [] }), b: addWeight({ name: 'w', shape: [] }) }),
      call: ([x]) => x as Tensor,
    });
    expect(() => twice.apply(layers.input({ shape: [1] }))).toThrow("twice: has two weights named 'w'");
    expect(twice.weights).toEqual([]);
  });
});

describe('layers that pass values on', () => {
  test('identity', () => {
    expect(outputs(layers.identity(), [x23]).values).toEqual([Float64Array.from(x23.values)]);
  });

  test('activityRegularization: with a penalty on them, averaged over the batch', () => {
    const { values } = outputs(layers.activityRegularization({ l1: 0.5, l2: 2 }), [x23]);
    expectClose(values[0], x23.values);
    expectClose(values[1], [(0.5 * (1 + 2 + 3 + 1 + 0.5) + 2 * (1 + 4 + 9 + 1 + 0.25)) / 2]);
    expectClose(outputs(layers.activityRegularization(), [x23]).values[1], [0]);
    expect(() => layers.activityRegularization({ l1: -1 })).toThrow('layers.activityRegularization: l1 must be');
  });
});
