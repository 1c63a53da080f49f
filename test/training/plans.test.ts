// A model keeps the plans that were used last, and those that something relies on.

import type { Tensor } from '../../lib/ir/graph';
import { sequential } from '../../lib/training/index';
import { layers } from './library';
import { noise } from './support';

function make() {
  const net = sequential([
    layers.dense({ units: 8, activation: 'tanh', inputShape: [64] }),
    layers.dense({ units: 1 }),
  ]);
  net.compile({ optimizer: 'sgd', loss: 'mse', seed: 1 });
  return net;
}

const rows = (n: number): Float32Array => noise(64 * n, 3);

const sameBytes = (a: Tensor['data'], b: Tensor['data']): boolean =>
  Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

/** Lets go of every plan that nothing relies on. */
function useManySizes(net: ReturnType<typeof make>): void {
  for (let n = 1; n <= 40; n++) net.predictSync(rows(n));
}

test('fit and its validation keep their plans', async () => {
  const run = async (disturb: boolean) => {
    const net = make();
    const hook = disturb ? () => useManySizes(net) : () => {};
    const options = {
      epochs: 2,
      batchSize: 20,
      validationSplit: 0.3,
      shuffle: false,
      callbacks: [{ onBatchEnd: hook }],
    };
    const { history } = await net.fit(rows(100), noise(100, 5), options);
    net.dispose();
    return history;
  };
  expect(await run(true)).toEqual(await run(false));
});

test('predict keeps its plans, for data that is copied at once and in pieces', async () => {
  const net = make();
  for (const count of [1000, 70_001]) {
    const x = rows(count);
    const predicting = net.predict(x, { batchSize: 999 });
    useManySizes(net);
    const evaluating = net.evaluate(x, noise(count, 5), { batchSize: 999 });
    useManySizes(net);
    const found = (await predicting) as Tensor;
    expect(found.shape).toEqual([count, 1]);
    const expected = net.predictSync(x);
    expect(
      Math.max(
        ...[0, 500, 998, 999, count - 1].map((i) => Math.abs((found.data[i] as number) - (expected[i] as number))),
      ),
    ).toBeLessThan(1e-6);
    expect(sameBytes(found.data, ((await net.predict(x, { batchSize: 999 })) as Tensor).data)).toBe(true);
    expect(Number.isFinite((await evaluating).loss)).toBe(true);
  }
  net.dispose();
});

test('what is copied at once may change right after the call', async () => {
  const net = make();
  const x = rows(2000);
  const expected = net.predictSync(x);
  const predicting = net.predict(x, { batchSize: 2000 });
  x.fill(0);
  expect(((await predicting) as Tensor).data).toEqual(expected);
  net.dispose();
});

test('a wrong value in a later piece is found, with its row', async () => {
  const net = sequential([layers.embedding({ inputDim: 4, outputDim: 2, inputShape: [8] }), layers.flatten()]);
  const x = new Float64Array(8 * 600_000);
  x[8 * 500_000] = 0.5;
  await expect(net.predict(x)).rejects.toThrow(/row 500000 of x .* is 0.5; expected/);
  const y = new Int32Array(8 * 600_000);
  y[8 * 500_000] = 4;
  await expect(net.predict(y, { batchSize: 1000 })).rejects.toThrow('predict: batch 501: an index');
  net.dispose();
});

test('what kernels keep of the weights follows every change of them', async () => {
  const build = () => {
    const net = sequential([
      layers.reshape({ targetShape: [8, 8, 3], inputShape: [192] }),
      layers.conv2d({ filters: 40, kernelSize: 3, activation: 'relu' }),
      layers.flatten(),
      layers.dense({ units: 64 }),
    ]);
    net.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
    return net;
  };
  const net = build();
  const x = noise(192 * 100, 3);
  const y = noise(64 * 100, 4);
  const expected = () => {
    const fresh = build();
    fresh.setWeights(net.getWeights());
    const found = fresh.predictSync(x);
    fresh.dispose();
    return found;
  };
  const seen = new Set<number>();
  const check = async (): Promise<void> => {
    const wanted = expected();
    for (let i = 0; i < 2; i++) expect(sameBytes(net.predictSync(x), wanted)).toBe(true);
    expect(sameBytes(((await net.predict(x, { batchSize: 100 })) as Tensor).data, wanted)).toBe(true);
    seen.add(wanted[0] as number);
  };
  await check();
  await net.fit(x, y, { batchSize: 100, epochs: 2 });
  await check();
  net.trainOnBatch(x, y);
  await check();
  net.setWeights(net.getWeights().map(({ data }) => (data as Float32Array).map((v) => v / 2)));
  await check();
  await net.evaluate(x, y);
  await check();
  expect(seen.size).toBe(4);
  net.dispose();
});

test('a full slice and a short one have their plans while jobs hold all others', async () => {
  const net = make();
  const expected = net.predictSync(rows(1100));
  // two plans for each, and as many as are kept in all
  const jobs = Array.from({ length: 16 }, (_, i) => net.predict(rows(70 + 2 * i), { batchSize: 50 + i }));
  expect(net.predictSync(rows(1100))).toEqual(expected);
  expect((await Promise.all(jobs)).length).toBe(16);
  net.dispose();
});
