// Sample weights of every shape, in loss, weighted metrics, validation, and for several outputs.
import { input, layers } from '../../lib/index';
import { tensor } from '../../lib/ir/build';
import { type Model, model, sequential } from '../../lib/training/index';
import { messageOf, noise } from './support';

/** Predicts x itself, for each of 3 steps. */
function steps(): Model {
  const net = sequential([layers.dense({ units: 1, kernelInitializer: 'ones', inputShape: [3, 1] })]);
  net.compile({ optimizer: 'sgd', loss: 'mse', metrics: ['mse'], weightedMetrics: ['mae'] });
  return net;
}

describe('weights of time steps', () => {
  const x = Float32Array.of(1, 2, 3, 4, 5, 6);
  const y = Float32Array.of(0, 0, 1, 4, 4, 2);
  // errors 1, 2, 2, 0, 1, 4
  const weights = [
    [1, 0, 2],
    [5, 3, 0.5],
  ];
  const loss = (1 * 1 + 2 * 4 + 3 * 1 + 0.5 * 16) / 6;
  const mae = (1 + 4 + 3 + 2) / (1 + 2 + 5 + 3 + 0.5);

  test.each([
    ['nested arrays', weights],
    ['a flat array', Float32Array.from(weights.flat())],
    ['a tensor', tensor(weights as never)],
  ])('%s', async (_, sampleWeight) => {
    const net = steps();
    const results = await net.evaluate(x, y, { sampleWeight });
    expect(results.loss).toBeCloseTo(loss, 6);
    expect(results.weightedMae).toBeCloseTo(mae, 6);
    expect(results.mse).toBeCloseTo((1 + 4 + 4 + 0 + 1 + 16) / 6, 6);
    net.dispose();
  });

  test('one weight per sample is that of all its steps', async () => {
    const net = steps();
    const one = await net.evaluate(x, y, { sampleWeight: [2, 0.5] });
    expect(one.loss).toBeCloseTo((2 * 9 + 0.5 * 17) / 6, 6);
    expect(await net.evaluate(x, y, { sampleWeight: Float32Array.of(2, 2, 2, 0.5, 0.5, 0.5) })).toEqual(one);
    net.dispose();
  });

  test('train, and validate by data or by split', async () => {
    const [a, b] = [steps(), steps()];
    const options = { epochs: 2, shuffle: false, verbose: 0 } as const;
    const more = await a.fit(x, y, { ...options, sampleWeight: weights, validationData: [x, y, weights] });
    expect(more.history.loss[0]).toBeCloseTo(loss, 6);
    expect(more.history.valLoss?.[0]).toBeCloseTo(more.history.loss[1] as number, 6);
    const split = await b.fit(Float32Array.of(...x, ...x), Float32Array.of(...y, ...y), {
      ...options,
      sampleWeight: [...weights, ...weights],
      validationSplit: 0.5,
    });
    expect(split.history.loss).toEqual(more.history.loss);
    expect(split.history.valLoss).toEqual(more.history.valLoss);
    a.dispose();
    b.dispose();
  });

  test('what does not fit is an error', async () => {
    const net = steps();
    const message = (sampleWeight: never) => messageOf(net.evaluate(x, y, { sampleWeight }));
    expect(await message([1, 2, 3] as never)).toBe(
      'evaluate: sampleWeight has 3 values for 2 samples (or for [2, 3] time steps)',
    );
    expect(await message([[1, 2], [3, 4]] as never)).toContain('sampleWeight has shape [2, 2] for 2 samples'); // biome-ignore format: samples
    expect(await message([[1, 2, 3], [3, 4, -1]] as never)).toContain('sampleWeight of row 1 is -1'); // biome-ignore format: samples
    expect(await message('heavy' as never)).toContain(
      'sampleWeight must be a typed array of numbers, nested arrays or',
    );
    net.dispose();
  });
});

describe('several outputs', () => {
  const rows = 4;
  const x = noise(rows * 2, 1);
  const targets = { left: noise(rows, 2), right: noise(rows, 3) };

  /** Both outputs predict 0. */
  function both(): Model {
    const sample = input({ shape: [2] });
    const output = (name: string) =>
      layers.dense({ units: 1, kernelInitializer: 'zeros', trainable: name === 'right', name }).apply(sample);
    const net = model({ inputs: sample, outputs: [output('left'), output('right')] });
    net.compile({ optimizer: 'sgd', loss: 'mse', weightedMetrics: ['mse'] });
    return net;
  }
  const loss = (y: Float32Array, weights: readonly number[]): number =>
    y.reduce((total, v, i) => total + (weights[i] as number) * v * v, 0) / rows;
  const [w, ones] = [
    [1, 2, 0, 3],
    [1, 1, 1, 1],
  ];

  test('one array for all, a list, a record', async () => {
    const net = both();
    const evaluate = (sampleWeight: never) => net.evaluate(x, targets, { sampleWeight });
    const { left, right } = targets;
    const all = await evaluate(w as never);
    expect(all.leftLoss).toBeCloseTo(loss(left, w), 6);
    expect(all.rightLoss).toBeCloseTo(loss(right, w), 6);
    expect(all.loss).toBeCloseTo(loss(left, w) + loss(right, w), 6);
    const list = await evaluate([w, Float32Array.from(ones)] as never);
    expect(list.leftLoss).toBeCloseTo(loss(left, w), 6);
    expect(list.rightLoss).toBeCloseTo(loss(right, ones), 6);
    expect(list.rightWeightedMse).toBeCloseTo(loss(right, ones), 6);
    expect(list.leftWeightedMse).toBeCloseTo((loss(left, w) * rows) / 6, 6);
    expect(await evaluate({ left: w } as never)).toEqual(list);
    net.dispose();
  });

  test('what does not fit is an error', async () => {
    const net = both();
    const message = (options: object) => messageOf(net.fit(x, targets, options));
    expect(await message({ sampleWeight: { up: w } })).toBe("fit: sampleWeight has 'up'; expected left, right");
    expect(await message({ sampleWeight: { right: [1] } })).toBe(
      "fit: sampleWeight['right'] has 1 values for 4 samples",
    );
    expect(await message({ classWeight: { 0: 1 } })).toContain('classWeight works with one output');
    net.dispose();
  });
});

test('class weights multiply the weights of steps', async () => {
  const net = sequential([layers.dense({ units: 2, kernelInitializer: 'zeros', inputShape: [1] }), layers.softmax()]);
  net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
  const logs = net.trainOnBatch([[1], [1], [1]], [0, 1, 1], { sampleWeight: [2, 1, 0], classWeight: { 1: 5 } });
  expect(logs.loss).toBeCloseTo((Math.LN2 * (2 + 5)) / 3, 6);
  net.dispose();
});
