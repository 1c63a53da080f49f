import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { setThreads } from '../../lib/runtime/native';
import { callbacks, sequential } from '../../lib/training/index';
import { layers, optimizers } from './library';
import { bits, classes, messageOf, mlp, noise } from './support';

/** A model and data that train for about a second or more, so that there is time to do something meanwhile. */
function slow() {
  const net = sequential([
    layers.dense({ units: 128, activation: 'relu', inputShape: [64] }),
    layers.dense({ units: 128, activation: 'relu' }),
    layers.dense({ units: 1 }),
  ]);
  net.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
  return { net, x: noise(64 * 4096, 1), y: noise(4096, 2) };
}

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

// They take CPUs several times as long, and the moments of units that have died are full of them. Devices keep them.
describe('numbers too small to be normal', () => {
  const inputs = 4096;
  const units = 64;
  // Large enough for several threads, in training and in predictions.
  const model = (weight: number) => {
    const net = sequential([layers.dense({ units, useBias: false, inputShape: [inputs], name: 'd' })]);
    net.setWeights({ 'd/kernel': new Float32Array(inputs * units).fill(weight) });
    const optimizer = optimizers.sgd({ learningRate: 0.5, weightDecay: 1 });
    net.compile({ optimizer, loss: 'mse', device: 'cpu' });
    return net;
  };
  const predictions = () => {
    const net = model(1e-39);
    const x = Float32Array.from({ length: 256 * inputs }, (_, i) => (i % inputs === 0 ? 1 : 0));
    const values = [...new Set(net.predictSync(x) as Float32Array)];
    net.dispose();
    return values;
  };

  test('count as zero in training, on all threads, and stay what they are in predictions before and after', async () => {
    expect(predictions()).toEqual([Math.fround(1e-39)]);
    const net = model(2e-38);
    await net.fit(new Float32Array(2 * inputs), new Float32Array(2 * units), { epochs: 100, batchSize: 2 });
    // All that the decay would take from 2e-38 is 1e-38.
    expect([...new Set(net.getWeights()[0]?.data)]).toEqual([Math.fround(2e-38)]);
    net.dispose();
    expect(predictions()).toEqual([Math.fround(1e-39)]);
  });
});

describe('determinism', () => {
  const train = async (seed: number, threads: number): Promise<string> => {
    setThreads(threads);
    const net = sequential([
      layers.dense({ units: 96, activation: 'relu', inputShape: [64] }),
      layers.dropout({ rate: 0.3 }),
      layers.dense({ units: 1 }),
    ]);
    net.compile({ optimizer: 'adam', loss: 'mse', seed });
    await net.fit(noise(64 * 300, 1), noise(300, 2), { epochs: 3, batchSize: 128 });
    const result = bits(net);
    net.dispose();
    return result;
  };
  afterAll(() => setThreads(2));

  test('one seed gives the same bits, for any number of threads, shuffled and with dropout', async () => {
    const first = await train(1, 1);
    expect(await train(1, 1)).toBe(first);
    expect(await train(1, 2)).toBe(first);
    expect(await train(1, 3)).toBe(first);
  });

  test('another seed gives others', async () => {
    expect(await train(2, 2)).not.toBe(await train(1, 2));
  });

  test('a seed of fit sets the initial weights as well, when nothing has set them', async () => {
    const { x, y } = classes(40);
    const run = async (seed?: number): Promise<string> => {
      const net = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })]);
      net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
      await net.fit(x, y, { seed });
      const result = bits(net);
      net.dispose();
      return result;
    };
    expect(await run(4)).toBe(await run(4));
    expect(await run()).not.toBe(await run());
  });

  test('models that train at the same time do not disturb each other', async () => {
    const { x, y } = classes(200);
    const alone = mlp({ dropout: 0.1 });
    await alone.fit(x, y, { epochs: 5, seed: 2 });
    const together = Array.from({ length: 4 }, () => mlp({ dropout: 0.1 }));
    await Promise.all(together.map((net) => net.fit(x, y, { epochs: 5, seed: 2 })));
    for (const net of together) expect(bits(net)).toBe(bits(alone));
    for (const net of [alone, ...together]) net.dispose();
  });

  test('callbacks that bring training back to JavaScript change no bit', async () => {
    const { x, y } = classes(100);
    const [a, b, c] = [mlp({ dropout: 0.1 }), mlp({ dropout: 0.1 }), mlp({ dropout: 0.1 })];
    await a.fit(x, y, { epochs: 4, seed: 2 });
    await b.fit(x, y, { epochs: 4, seed: 2, callbacks: [{ onEpochEnd: () => {} }] });
    await c.fit(x, y, { epochs: 4, seed: 2, callbacks: [{ onBatchEnd: () => later(0) }] });
    expect(bits(b)).toBe(bits(a));
    expect(bits(c)).toBe(bits(a));
    for (const net of [a, b, c]) net.dispose();
  });
});

describe('abort', () => {
  test('fit rejects with the reason of the signal soon, and the model stays usable', async () => {
    const { net, x, y } = slow();
    const controller = new AbortController();
    const running = net.fit(x, y, { epochs: 10_000, signal: controller.signal });
    await later(100);
    const start = performance.now();
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(performance.now() - start).toBeLessThan(500);
    const { last } = await net.fit(x.subarray(0, 64 * 64), y.subarray(0, 64), { epochs: 2 });
    expect(Number.isFinite(last.loss)).toBe(true);
    net.dispose();
  });

  test('a signal without a reason gives an AbortError; one that aborted before lets nothing run', async () => {
    const { x, y } = classes(10);
    const net = mlp();
    const before = bits(net);
    await expect(net.fit(x, y, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    await expect(net.predict(x, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect(bits(net)).toBe(before);
    net.dispose();
  });

  test('an aborted prediction does not stop a training of the same model', async () => {
    const { x, y } = classes(2000);
    const [a, b] = [mlp(), mlp()];
    const training = a.fit(x, y, { epochs: 200, seed: 1 });
    const controller = new AbortController();
    const predicting = a.predict(x, { batchSize: 1, signal: controller.signal });
    setImmediate(() => controller.abort());
    await predicting.catch(() => {});
    const { epochs } = await training;
    expect(epochs).toHaveLength(200);
    await b.fit(x, y, { epochs: 200, seed: 1 });
    expect(bits(a)).toBe(bits(b));
    for (const net of [a, b]) net.dispose();
  });
});

describe('while fit runs', () => {
  test('predictions, evaluations and weights can be had', async () => {
    const { net, x, y } = slow();
    const running = net.fit(x, y, { epochs: 30, batchSize: 64 });
    const one = x.slice(0, 64);
    let predictions = 0;
    for (; predictions < 20; predictions++) {
      expect(Number.isFinite(net.predictSync(one)[0])).toBe(true);
      await later(1);
    }
    const [results, evaluated] = await Promise.all([net.predict(x), net.evaluate(x, y)]);
    expect((results as { shape: readonly number[] }).shape).toEqual([4096, 1]);
    expect(Number.isFinite(evaluated.loss)).toBe(true);
    expect(net.getWeights()).toHaveLength(6);
    const { history } = await running;
    expect(history.loss).toHaveLength(30);
    net.dispose();
  });

  // in a process of its own, where no other test's garbage is collected meanwhile
  test('the event loop stays free', () => {
    const library = path.join(__dirname, '..', '..', 'dist', 'index.js');
    const script = `
      const { openSync, readSync } = require('node:fs');
      const { layers, sequential } = require(${JSON.stringify(library)});

      // milliseconds that this thread was ready to run and other threads and processes had the processors (Linux)
      const file = process.platform === 'linux' ? openSync('/proc/thread-self/schedstat') : undefined;
      const text = Buffer.alloc(100);
      const waited = () => file === undefined ? 0 : Number(text.latin1Slice(0, readSync(file, text, 0, 100, 0)).split(' ')[1]) / 1e6;

      /** Milliseconds from one turn of a timer to the next while 'body' runs, less what was waited for a processor; sorted. */
      async function turns(body) {
        const found = [];
        let running = true;
        let last = performance.now() - waited();
        const turn = () => {
          const now = performance.now() - waited();
          found.push(now - last);
          last = now;
          if (running) setTimeout(turn, 1);
        };
        setTimeout(turn, 1);
        await body();
        running = false;
        return found.sort((a, b) => a - b);
      }

      const dense = (units, more) => layers.dense({ units, ...more });
      const net = sequential([dense(128, { activation: 'relu', inputShape: [64] }), dense(128, { activation: 'relu' }), dense(1)]);
      net.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
      const [x, y] = [64 * 4096, 4096].map((n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i)));
      const fit = (epochs) => net.fit(x, y, { epochs, validationSplit: 0.1 });
      (async () => {
        await fit(1);
        const windows = [];
        do {
          const found = await turns(() => fit(20));
          windows.push([0.95, 0.99].map((part) => found[Math.floor(part * found.length)]));
        } while (windows.at(-1)[1] > 10 && windows.length < 5);
        console.log(JSON.stringify(windows));
      })();`;
    const windows: [number, number][] = JSON.parse(
      execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }),
    );
    // a native call that is not left to the session's thread takes tens of milliseconds, each time
    for (const [most] of windows) expect(most).toBeLessThan(5);
    // a virtual machine may be stopped for longer, unseen: then the quietest window tells
    expect(Math.min(...windows.map(([, nearlyAll]) => nearlyAll))).toBeLessThan(10);
  });

  test('a second fit is refused and the first one is unaffected; so are compile and trainOnBatch', async () => {
    const { x, y } = classes(500);
    const [a, b] = [mlp(), mlp()];
    const running = a.fit(x, y, { epochs: 20, seed: 1 });
    expect(await messageOf(a.fit(x, y))).toMatch(/being trained already/);
    expect(() => a.compile({ optimizer: 'sgd', loss: 'mse' })).toThrow(/being trained or used/);
    expect(() => a.trainOnBatch(x, y)).toThrow(/being trained by fit/);
    await running;
    await b.fit(x, y, { epochs: 20, seed: 1 });
    expect(bits(a)).toBe(bits(b));
    for (const net of [a, b]) net.dispose();
  });

  test('dispose ends it with an error that says so', async () => {
    const { net, x, y } = slow();
    const running = net.fit(x, y, { epochs: 10_000 });
    await later(50);
    net.dispose();
    await expect(running).rejects.toThrow(/disposed/);
  });
});

describe('a loss that is not finite', () => {
  const broken = () => {
    const { x, y } = classes(64);
    x[4 * 40] = Number.NaN; // row 40: second batch
    return { x, y };
  };

  test('gives one warning that names epoch and batch', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    const { x, y } = broken();
    const net = mlp();
    const { history } = await net.fit(x, y, { epochs: 3, shuffle: false });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(/epoch 1, batch 2/);
    expect(history.loss).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    warn.mockRestore();
    net.dispose();
  });

  test('ends training with terminateOnNaN', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    const { x, y } = broken();
    const net = mlp();
    const { epochs } = await net.fit(x, y, { epochs: 3, shuffle: false, callbacks: [callbacks.terminateOnNaN()] });
    expect(epochs).toEqual([0]);
    warn.mockRestore();
    net.dispose();
  });
});

test('the learning rate can be changed between steps without compiling again', async () => {
  const { x, y } = classes(40);
  const optimizer = optimizers.sgd({ learningRate: 0.1 });
  const net = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })]);
  net.compile({ optimizer, loss: 'sparseCategoricalCrossentropy' });
  await net.fit(x, y);
  const before = bits(net);
  optimizer.learningRate = 0;
  await net.fit(x, y, { epochs: 2 });
  expect(bits(net)).toBe(before);
  net.dispose();
});
