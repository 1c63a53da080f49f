import { multiply, square } from '../../lib/ir/ops/elementwise';
import { mean } from '../../lib/ir/ops/reduce';
import { input } from '../../lib/layers/input';
import { model, sequential } from '../../lib/training/index';
import { layers, optimizers } from './library';

describe('a model as a part of another', () => {
  /** y = second(first(x)) with weights 3 and 2: the first is trained, the second stands still. */
  function pair() {
    const first = sequential([layers.dense({ units: 1, useBias: false, inputShape: [1], name: 'a' })], {
      name: 'first',
    });
    const second = sequential([layers.dense({ units: 1, useBias: false, inputShape: [1], name: 'b' })], {
      name: 'second',
    });
    second.compile({ optimizer: 'sgd', loss: 'mse' });
    second.trainable = false;
    const x = input({ shape: [1] });
    const both = model({ inputs: x, outputs: second.apply(first.apply(x)) });
    both.setWeights({ 'first/a/kernel': Float32Array.of(3), 'second/b/kernel': Float32Array.of(2) });
    return { first, second, both };
  }

  test('gradients go through a part that is not trainable, and leave it as it is', () => {
    const { both } = pair();
    both.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
    const { loss } = both.trainOnBatch(Float32Array.of(1), Float32Array.of(5));
    expect(loss).toBe(1); // (2 * 3 * 1 - 5)^2
    const [a, b] = both.getWeights();
    expect([a?.name, b?.name]).toEqual(['first/a/kernel', 'second/b/kernel']);
    expect(a?.data[0]).toBeCloseTo(3 - 0.1 * 2 * 1 * 2, 6); // d/da (2a - 5)^2 = 4
    expect(b?.data[0]).toBe(2);
  });

  test('what was compiled before it was frozen goes on to train', () => {
    const { second } = pair();
    expect(second.trainable).toBe(false);
    second.setWeights([Float32Array.of(2)]);
    second.trainOnBatch(Float32Array.of(1), Float32Array.of(5));
    expect(second.getWeights()[0]?.data[0]).toBeCloseTo(2 + 0.01 * 2 * 3, 6);
  });

  test('each model has values of its own, which setWeights hands over', () => {
    const { first, both } = pair();
    first.setWeights([Float32Array.of(7)]);
    expect(both.predictSync(Float32Array.of(1))[0]).toBe(6);
    first.setWeights(both.getWeights().filter(({ name }) => name.startsWith('first/')));
    expect(first.predictSync(Float32Array.of(1))[0]).toBe(3);
  });

  test('a model of the first layers of another one, with a head of its own', () => {
    const digits = sequential([
      layers.dense({ units: 2, inputShape: [2], activation: 'relu' }),
      layers.dense({ units: 3 }),
    ]);
    const features = model({ inputs: digits.inputs, outputs: digits.outputOf('dense_1') });
    features.setWeights(digits.getWeights().filter(({ name }) => !name.startsWith('dense_2/')));
    const [kernel] = digits.getWeights();
    const [w0, w1] = [kernel?.data[0] ?? 0, kernel?.data[1] ?? 0];
    expect([...features.predictSync(Float32Array.of(1, 0))]).toEqual([Math.max(w0, 0), Math.max(w1, 0)]);
    expect(digits.outputOf(-1)).toBe(digits.outputs[0]);
    expect(digits.outputOf(0)).toBe(digits.inputs[0]);
  });

  test('outputOf needs one output', () => {
    const x = input({ shape: [1] });
    const twice = layers.dense({ units: 1, name: 'twice' });
    const both = model({ inputs: x, outputs: twice.apply(twice.apply(x)) });
    expect(() => both.outputOf('twice')).toThrow("model 'model': layer 'twice' has 2 outputs, expected one");
    expect(() => both.outputOf('other')).toThrow("model 'model': no layer 'other'; there are input_1, twice");
  });

  test('apply refuses a model of several outputs, and trainable what is not a boolean', () => {
    const x = input({ shape: [1] });
    const two = model({ inputs: x, outputs: [layers.flatten().apply(x), layers.flatten().apply(x)], name: 'two' });
    expect(() => two.apply(input({ shape: [1] }))).toThrow('two (model): has 2 outputs; use applyMany');
    expect(two.applyMany(input({ shape: [1] })).length).toBe(2);
    expect(() => {
      two.trainable = 1 as unknown as boolean;
    }).toThrow("model 'two': trainable must be true or false, got 1");
  });
});

test('addLoss: a penalty of a layer counts in training and in evaluation, and has a gradient', async () => {
  const x = input({ shape: [2] });
  const hidden = layers.dense({ units: 2, useBias: false, name: 'a' }).apply(x);
  const penalized = layers.define({
    kind: 'penalized',
    call: ([h], _weights, context) => {
      context.addLoss(multiply(mean(square(h)), 0.5));
      return h;
    },
  });
  const net = model({ inputs: x, outputs: penalized.apply(hidden) });
  net.setWeights([Float32Array.of(1, 0, 0, 1)]);
  net.compile({ optimizer: optimizers.sgd({ learningRate: 1 }), loss: 'mse', metrics: ['mse'] });
  const rows = Float32Array.of(1, 2, 3, 4); // h = x: the error is 0, the penalty (1 + 4 + 9 + 16) / 4 / 2
  const evaluated = await net.evaluate(rows, rows);
  expect(evaluated.loss).toBeCloseTo(3.75, 6);
  expect(evaluated.mse).toBe(0);
  expect(net.trainOnBatch(rows, rows).loss).toBeCloseTo(3.75, 6);
  // d penalty / d W = x' h / 4
  const expected = [1 - (1 + 9) / 4, 0 - (2 + 12) / 4, 0 - (2 + 12) / 4, 1 - (4 + 16) / 4];
  net.getWeights()[0]?.data.forEach((w, i) => {
    expect(w).toBeCloseTo(expected[i] as number, 5);
  });
});
