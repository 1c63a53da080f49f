// The update of a layer with many outputs is cut in columns, as its product is: Adam's step is what its formula says.

import { sequential } from '../../lib/training/index';
import { layers, optimizers } from './library';
import { expectSameBitsOnThreads, noise } from './support';

const rows = 64;
const [beta1, beta2, epsilon, rate] = [0.9, 0.999, 0.01, 1];

function network(features: number, units: number) {
  const net = sequential([layers.dense({ units, useBias: false, inputShape: [features], name: 'wide' })]);
  const optimizer = optimizers.adam({ learningRate: rate, beta1, beta2, epsilon });
  net.compile({ optimizer, loss: 'meanSquaredError', seed: 3 });
  return net;
}

const kernelOf = (net: ReturnType<typeof network>): Float32Array => net.getWeights()[0]?.data as Float32Array;

describe('Adam on a layer with many outputs', () => {
  test.each([
    [128, 784],
    [100, 784],
    [70, 530],
    [60, 512],
    [57, 2100],
  ])('%i features to %i units', async (features, units) => {
    const [x, y] = [noise(rows * features, 5), noise(rows * units, 6)];
    const net = network(features, units);
    const before = Float64Array.from(kernelOf(net));
    await net.fit(x, y, { epochs: 1, batchSize: rows, verbose: 0 });
    const after = kernelOf(net);

    const error = new Float64Array(rows * units);
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < units; j++) error[r * units + j] = -(y[r * units + j] as number);
      for (let i = 0; i < features; i++) {
        const v = x[r * features + i] as number;
        for (let j = 0; j < units; j++) {
          error[r * units + j] = (error[r * units + j] as number) + v * (before[i * units + j] as number);
        }
      }
    }
    let worst = 0;
    for (let i = 0; i < features; i++) {
      for (let j = 0; j < units; j++) {
        let g = 0;
        for (let r = 0; r < rows; r++) g += (x[r * features + i] as number) * (error[r * units + j] as number);
        g *= 2 / (rows * units);
        // the first step: m = (1 - beta1) g and v = (1 - beta2) g^2, whose bias is in the rate
        const [m, v] = [(1 - beta1) * g, (1 - beta2) * g * g];
        const step = ((rate * Math.sqrt(1 - beta2)) / (1 - beta1)) * (m / (Math.sqrt(v) + epsilon));
        const at = i * units + j;
        worst = Math.max(worst, Math.abs((after[at] as number) - ((before[at] as number) - step)));
      }
    }
    // of weights up to 0.3, and of steps of 0.001 whose gradients are sums of 64 float32 products
    expect(worst).toBeLessThan(1e-7);
  });

  test('the same bits on one thread and on three', async () => {
    await expectSameBitsOnThreads(async () => {
      const net = network(128, 784);
      await net.fit(noise(rows * 128 * 3, 5), noise(rows * 784 * 3, 6), { epochs: 2, batchSize: rows, verbose: 0 });
      return net;
    });
  });
});
