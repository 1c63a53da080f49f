import { model, sequential } from '../../lib/training/index';
import { layers, ops, optimizers } from './library';
import { bits, classes, linear, mlp, noise } from './support';

const features = noise(2 * 10, 3);
const targets = noise(10, 4);

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

/**
 * Gradient descent on the mean of weight_i * (w·x_i + b - y_i)^2, in float64, from the start of `linear()`.
 *
 * @returns the final parameters [w0, w1, b], and for each epoch the losses of its batches before the updates
 */
function descend(rate: number, batchSize: number, epochs: number, weights?: readonly number[]) {
  let [w0, w1, b] = [0.5, -0.25, 0.1];
  const losses: number[][] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const ofEpoch: number[] = [];
    for (let from = 0; from < targets.length; from += batchSize) {
      const to = Math.min(targets.length, from + batchSize);
      let [d0, d1, db, loss] = [0, 0, 0, 0];
      for (let i = from; i < to; i++) {
        const [x0, x1] = [at(features, 2 * i), at(features, 2 * i + 1)];
        const error = w0 * x0 + w1 * x1 + b - at(targets, i);
        const weight = (weights?.[i] ?? 1) / (to - from);
        loss += weight * error * error;
        d0 += 2 * weight * error * x0;
        d1 += 2 * weight * error * x1;
        db += 2 * weight * error;
      }
      [w0, w1, b] = [w0 - rate * d0, w1 - rate * d1, b - rate * db];
      ofEpoch.push(loss);
    }
    losses.push(ofEpoch);
  }
  return { losses, parameters: [w0, w1, b] };
}

/** Kernel and bias of `linear()` in a row. */
const parametersOf = (net: ReturnType<typeof linear>): number[] => net.getWeights().flatMap(({ data }) => [...data]);

const expectClose = (got: readonly number[] | undefined, expected: readonly number[], digits: number): void => {
  expect(got).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(got?.[i]).toBeCloseTo(value, digits);
  });
};

describe('fit computes what the formula says', () => {
  test('gradient descent with a short last batch; the loss of an epoch is the mean over samples', async () => {
    const net = linear();
    net.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' });
    const { history } = await net.fit(features, targets, { epochs: 5, batchSize: 4, shuffle: false });
    const { losses, parameters } = descend(0.1, 4, 5);
    const means = losses.map((l) => (4 * at(l, 0) + 4 * at(l, 1) + 2 * at(l, 2)) / 10);
    expectClose(history.loss, means, 6);
    expectClose(parametersOf(net), parameters, 5);
    net.dispose();
  });

  test('sample weights scale each sample, in the loss and in the gradient', async () => {
    const net = linear();
    net.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
    const sampleWeight = [0, 1, 2, 0.5, 1, 3, 1, 0, 1, 2];
    const { history } = await net.fit(features, targets, { epochs: 2, batchSize: 10, shuffle: false, sampleWeight });
    const { losses, parameters } = descend(0.1, 10, 2, sampleWeight);
    expectClose(history.loss, losses.flat(), 6);
    expectClose(parametersOf(net), parameters, 5);
    net.dispose();
  });

  test('class weights are sample weights by class; classes that are not named weigh 1', async () => {
    const { x, y } = classes(40);
    const weights = Float32Array.from(y, (label) => (label === 1 ? 3 : 1));
    const [a, b, c] = [mlp(), mlp(), mlp()];
    await a.fit(x, y, { epochs: 3, seed: 5, classWeight: { 1: 3 } });
    await b.fit(x, y, { epochs: 3, seed: 5, sampleWeight: weights });
    await c.fit(x, y, { epochs: 3, seed: 5 });
    expect(bits(a)).toBe(bits(b));
    expect(bits(a)).not.toBe(bits(c));
    for (const net of [a, b, c]) net.dispose();
  });

  test('validationSplit is the last part of the data, and class weights do not count there', async () => {
    const { x, y } = classes(50);
    const [a, b] = [mlp(), mlp()];
    const common = { epochs: 3, seed: 9, batchSize: 16, classWeight: { 0: 2 } };
    const split = await a.fit(x, y, { ...common, validationSplit: 0.2 });
    const manual = await b.fit(x.slice(0, 160), y.slice(0, 40), {
      ...common,
      validationData: [x.slice(160), y.slice(40)],
    });
    expect(bits(a)).toBe(bits(b));
    expect(split.history.valAccuracy).toEqual(manual.history.valAccuracy);
    split.history.valLoss?.forEach((loss, i) => {
      expect(loss).toBeCloseTo(manual.history.valLoss?.[i] as number, 6);
    });
    for (const net of [a, b]) net.dispose();
  });

  test('a penalty on a weight is part of the loss and of its gradient', async () => {
    const net = sequential([
      layers.dense({
        units: 1,
        inputShape: [2],
        useBias: false,
        name: 'line',
        kernelRegularizer: (w) => ops.multiply(ops.sum(ops.square(w)), 0.5),
      }),
    ]);
    net.setWeights([Float32Array.of(1, -2)]);
    net.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' });
    const { history } = await net.fit(new Float32Array(8), new Float32Array(4), { shuffle: false });
    expect(history.loss).toEqual([2.5]);
    expect([...(net.getWeights()[0]?.data ?? [])].map((v) => Math.round(v * 1e6) / 1e6)).toEqual([0.9, -1.8]);
    net.dispose();
  });

  test('initialEpoch goes on where an earlier fit stopped: the same bits', async () => {
    const { x, y } = classes(40);
    const [whole, parts] = [mlp({ dropout: 0.2 }), mlp({ dropout: 0.2 })];
    await whole.fit(x, y, { epochs: 6, seed: 3 });
    await parts.fit(x, y, { epochs: 2, seed: 3 });
    const { epochs } = await parts.fit(x, y, { epochs: 6, initialEpoch: 2, seed: 3 });
    expect(epochs).toEqual([2, 3, 4, 5]);
    expect(bits(parts)).toBe(bits(whole));
    for (const net of [whole, parts]) net.dispose();
  });

  test('trainOnBatch makes the step that fit makes', async () => {
    const { x, y } = classes(32);
    const [a, b] = [mlp(), mlp()];
    const { history } = await a.fit(x, y, { shuffle: false });
    const results = b.trainOnBatch(x, y);
    expect(results.loss).toBe(history.loss?.[0]);
    expect(results.accuracy).toBe(history.accuracy?.[0]);
    expect(bits(a)).toBe(bits(b));
    for (const net of [a, b]) net.dispose();
  });
});

describe('forms of data', () => {
  test('typed arrays, nested arrays, rows and tensors give the same training', async () => {
    const { x, y } = classes(12);
    const nested = Array.from({ length: 12 }, (_, i) => [...x.slice(4 * i, 4 * i + 4)]);
    const forms: [Parameters<ReturnType<typeof mlp>['fit']>[0], Parameters<ReturnType<typeof mlp>['fit']>[1]][] = [
      [x, y],
      [nested, [...y]],
      [nested.map((row) => Float32Array.from(row)), Int32Array.from(y)],
      [ops.tensor(nested), ops.tensor([...y], [12], 'int32')],
      [Float64Array.from(x), [...y].map((label) => [label])],
      [{ [mlp().inputNames[0] as string]: x }, Float32Array.from(y)],
    ];
    const results: string[] = [];
    for (const [fx, fy] of forms) {
      const net = mlp();
      await net.fit(fx, fy, { epochs: 2, seed: 1 });
      results.push(bits(net));
      net.dispose();
    }
    expect(new Set(results).size).toBe(1);
  });

  test('bytes stay bytes and become their number', () => {
    const net = linear([1, 2], 0);
    expect(net.predictSync(Uint8Array.of(3, 250))).toMatchObject({ shape: [1, 1] });
    expect((net.predictSync(Uint8Array.of(3, 250)) as { data: Float32Array }).data[0]).toBe(503);
    net.dispose();
  });

  test('shared memory is copied like any other', async () => {
    const { x, y } = classes(20);
    const shared = new Float32Array(new SharedArrayBuffer(x.byteLength));
    shared.set(x);
    const [a, b] = [mlp(), mlp()];
    await a.fit(x, y, { seed: 1 });
    await b.fit(shared, y, { seed: 1 });
    expect(bits(a)).toBe(bits(b));
    expect(b.predictSync(shared)).toEqual(a.predictSync(x));
    for (const net of [a, b]) net.dispose();
  });

  test('large data is copied piece by piece', async () => {
    const net = sequential([layers.dense({ units: 1, inputShape: [1024], useBias: false })]);
    net.setWeights([new Float32Array(1024).fill(1)]);
    const rows = 5000; // 20 MB
    const large = new Float32Array(1024 * rows);
    for (let row = 0; row < rows; row++) large[1024 * row + (row % 1024)] = row;
    const { data } = (await net.predict(large, { batchSize: 999 })) as { data: Float32Array };
    expect(data.findIndex((value, row) => value !== row)).toBe(-1);
    net.dispose();
  });

  test('what happens to arrays after the call does not matter', async () => {
    const { x, y } = classes(40);
    const [a, b] = [mlp(), mlp()];
    const plain = a.fit(x, y, { epochs: 3, seed: 1, validationData: [x, y, new Float32Array(40).fill(0.5)] });
    const mine = [x.slice(), y.slice(), x.slice(), y.slice(), new Float32Array(40).fill(0.5)] as const;
    const [trainX, trainY, ...validationData] = mine;
    const other = b.fit(trainX, trainY, { epochs: 3, seed: 1, validationData });
    for (const array of mine) {
      array.fill(200);
      structuredClone(array.buffer, { transfer: [array.buffer] });
    }
    expect((await other).history).toEqual((await plain).history);
    expect(bits(a)).toBe(bits(b));
    for (const net of [a, b]) net.dispose();
  });

  // 4092 rows are 16 bytes less than 16 MB, 4093 are more
  test.each([
    ['right after the call, with data up to 16 MB', 4092],
    ['from onTrainBegin on, with more', 4093],
  ])('arrays may change %s', async (_, rows) => {
    const train = async (change: boolean): Promise<string> => {
      const net = sequential([layers.dense({ units: 1, inputShape: [1024] })]);
      net.compile({ optimizer: 'sgd', loss: 'mse', seed: 1 });
      const [x, y] = [new Float32Array(1024 * rows).fill(0.1), noise(rows, 2)];
      const spoil = (): void => {
        if (change) for (const array of [x, y]) array.fill(Number.NaN);
      };
      const callback = rows === 4093 ? [{ onTrainBegin: spoil }] : [];
      const running = net.fit(x, y, { batchSize: 1000, callbacks: callback });
      if (rows === 4092) spoil();
      await running;
      const result = bits(net);
      net.dispose();
      return result;
    };
    expect(await train(true)).toBe(await train(false));
  });
});

describe('models with several inputs and outputs', () => {
  const build = () => {
    const left = layers.input({ shape: [2], name: 'left' });
    const right = layers.input({ shape: [3], name: 'right' });
    const both = layers.concatenate().apply([left, right]);
    const price = layers.dense({ units: 1, name: 'price' }).apply(both);
    const kind = layers.dense({ units: 3, activation: 'softmax', name: 'kind' }).apply(both);
    return model({ inputs: [left, right], outputs: [price, kind] });
  };
  const x = { left: noise(20, 1), right: noise(30, 2) };
  const y = { price: noise(10, 3), kind: Uint8Array.from({ length: 10 }, (_, i) => i % 3) };

  test('losses add up with their weights, and each output reports its own', async () => {
    const net = build();
    net.compile({
      optimizer: 'sgd',
      loss: { price: 'mse', kind: 'sparseCategoricalCrossentropy' },
      lossWeights: { price: 0.25 },
      metrics: { kind: ['accuracy'] },
      seed: 1,
    });
    const results = await net.evaluate(x, y, { batchSize: 4 });
    expect(Object.keys(results)).toEqual(['loss', 'priceLoss', 'kindLoss', 'kindAccuracy']);
    expect(results.loss).toBeCloseTo(0.25 * (results.priceLoss as number) + (results.kindLoss as number), 6);
    const before = results.loss;
    const { last } = await net.fit([x.left, x.right], [y.price, y.kind], { epochs: 50, batchSize: 5 });
    expect(last.loss).toBeLessThan(before);
    const outputs = await net.predict([x.left, x.right]);
    expect(Array.isArray(outputs) && outputs.map((t) => t.shape)).toEqual([
      [10, 1],
      [10, 3],
    ]);
    net.dispose();
  });
});

describe('functions of your own', () => {
  test('a loss: one number per sample, or one for the batch', async () => {
    const absolute = (yTrue: Parameters<typeof ops.subtract>[0], yPred: Parameters<typeof ops.subtract>[0]) =>
      ops.mean(ops.abs(ops.subtract(yTrue, yPred)), 1);
    const [a, b] = [linear(), linear()];
    a.compile({ optimizer: 'sgd', loss: absolute });
    b.compile({ optimizer: 'sgd', loss: 'meanAbsoluteError' });
    await a.fit(features, targets, { epochs: 3, shuffle: false });
    await b.fit(features, targets, { epochs: 3, shuffle: false });
    expect(bits(a)).toBe(bits(b));
    const scalar = linear();
    scalar.compile({ optimizer: 'sgd', loss: (t, p) => ops.mean(ops.abs(ops.subtract(t, p))) });
    const { last } = await scalar.fit(features, targets);
    expect(Number.isFinite(last.loss)).toBe(true);
    await expect(scalar.fit(features, targets, { sampleWeight: new Float32Array(10) })).rejects.toThrow(
      /single value|one number/,
    );
    for (const net of [a, b, scalar]) net.dispose();
  });

  test('a layer', async () => {
    const net = sequential([
      layers.inputLayer({ shape: [2] }),
      layers.lambda((t) => ops.multiply(t, 2)),
      layers.dense({ units: 1, name: 'line' }),
    ]);
    net.setWeights({ 'line/kernel': Float32Array.of(1, 1), 'line/bias': Float32Array.of(0) });
    expect(net.predictSync(Float32Array.of(3, 4))[0]).toBe(14);
    net.dispose();
  });
});

test('a frozen layer keeps its weights', async () => {
  const { x, y } = classes(40);
  const net = mlp();
  (net.layers[1] as { trainable: boolean }).trainable = false;
  net.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
  const before = net.getWeights();
  await net.fit(x, y, { epochs: 2 });
  const after = net.getWeights();
  expect(after[0]?.data).toEqual(before[0]?.data);
  expect(after[1]?.data).toEqual(before[1]?.data);
  expect(after[2]?.data).not.toEqual(before[2]?.data);
  net.dispose();
});

test('compiling again keeps the weights and starts the optimizer anew', async () => {
  const { x, y } = classes(40);
  const net = mlp();
  await net.fit(x, y, { epochs: 2 });
  const trained = bits(net);
  net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
  expect(bits(net)).toBe(trained);
  await net.fit(x, y);
  expect(bits(net)).not.toBe(trained);
  net.dispose();
});

test('predict, predictSync and evaluate agree, for any batch size', async () => {
  const { x, y } = classes(50);
  const net = mlp();
  await net.fit(x, y, { epochs: 5 });
  const whole = net.predictSync(x);
  for (const batchSize of [1, 7, 32, 50, 64]) {
    const predicted = (await net.predict(x, { batchSize })) as { data: Float32Array };
    predicted.data.forEach((v, i) => {
      expect(v).toBeCloseTo(whole[i] as number, 6);
    });
  }
  let correct = 0;
  let loss = 0;
  y.forEach((label, i) => {
    const row = [...whole.subarray(3 * i, 3 * i + 3)];
    if (row.indexOf(Math.max(...row)) === label) correct++;
    loss -= Math.log(row[label] as number) / 50;
  });
  const results = await net.evaluate(x, y, { batchSize: 16 });
  expect(results.accuracy).toBeCloseTo(correct / 50, 6);
  expect(results.loss).toBeCloseTo(loss, 5);
  net.dispose();
});

test('a model can be a resource of a `using` declaration', () => {
  const net = mlp();
  net[Symbol.dispose]();
  expect(() => net.predictSync(new Float32Array(4))).toThrow(/disposed/);
});
