// Models trained on a CUDA device, beside the CPU.
import { type CompileOptions, devices, layers, model, ops, sequential, tensor } from '../../lib/index';
import { toBfloat16 } from '../../lib/ir/bfloat16';
import { Random } from '../helpers/random';
import { onDevice } from './device';

const random = new Random(7);
const rows = 48;
const x = tensor(
  Float32Array.from({ length: rows * 8 }, () => random.normal()),
  [rows, 8],
);
const y = tensor(
  Int32Array.from({ length: rows }, (_, i) => i % 3),
  [rows],
);

const mlp = () =>
  sequential([
    layers.dense({ units: 16, activation: 'relu', inputShape: [8] }),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ]);

const options = (device: string, rest: Partial<CompileOptions> = {}): CompileOptions => ({
  optimizer: 'adam',
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  seed: 3,
  device,
  ...rest,
});

onDevice('on cuda:0', () => {
  test('an MLP with dropout and shuffled batches has the losses, metrics and weights of the CPU', async () => {
    const train = async (device: string) => {
      const model = mlp();
      model.compile(options(device));
      const { history } = await model.fit(x, y, { epochs: 4, batchSize: 10, validationSplit: 0.25 });
      const { loss } = await model.evaluate(x, y);
      return {
        history,
        loss,
        predicted: (await model.predict(x)) as { data: Float32Array },
        weights: model.getWeights(),
      };
    };
    const [cpu, cuda] = [await train('cpu'), await train('cuda:0')];
    for (const [name, values] of Object.entries(cpu.history)) {
      values.forEach((value, epoch) => {
        expect(cuda.history[name]?.[epoch]).toBeCloseTo(value, 5);
      });
    }
    expect(cuda.loss).toBeCloseTo(cpu.loss as number, 5);
    cpu.predicted.data.forEach((value, i) => {
      expect(cuda.predicted.data[i]).toBeCloseTo(value, 4);
    });
  });

  test('weights and values of two bytes: losses like those of the CPU, and weights that go from one to the other', async () => {
    const block = () => {
      const ids = layers.input({ shape: [8] });
      const embedded = layers.embedding({ inputDim: 12, outputDim: 16 }).apply(ids);
      const encoded = layers.transformerEncoder({ intermediateDim: 32, numHeads: 2 }).apply(embedded);
      const pooled = layers.globalAveragePooling1d().apply(encoded);
      return model({ inputs: ids, outputs: layers.dense({ units: 3, activation: 'softmax' }).apply(pooled) });
    };
    const ids = tensor(
      Float32Array.from({ length: rows * 8 }, (_, i) => (i * i) % 12),
      [rows, 8],
    );
    for (const [make, data] of [
      [mlp, x],
      [block, ids],
    ] as const) {
      const train = async (device: string) => {
        const net = make();
        net.compile(options(device, { precision: 'bfloat16' }));
        const { history } = await net.fit(data, y, { epochs: 4, batchSize: 12 });
        return { history, weights: net.getWeights(), net };
      };
      const [cpu, cuda] = [await train('cpu'), await train('cuda:0')];
      cpu.history.loss?.forEach((value, epoch) => {
        expect(Math.abs((cuda.history.loss?.[epoch] as number) - value)).toBeLessThan(0.03);
      });
      for (const { data: values } of cuda.weights) {
        expect(Array.from(values)).toEqual(Array.from(values, toBfloat16));
      }
      cuda.net.setWeights(cpu.weights);
      expect(cuda.net.getWeights()).toEqual(cpu.weights);
      const predicted = [cpu, cuda].map(({ net }) => net.predictSync(data) as { data: Float32Array });
      predicted[0]?.data.forEach((p, i) => {
        expect(Math.abs((predicted[1]?.data[i] as number) - p)).toBeLessThan(0.02);
      });
    }
  });

  test('an index that is out of range is reported with its batch', async () => {
    const model = sequential([
      layers.embedding({ inputDim: 5, outputDim: 4, inputShape: [2] }),
      layers.flatten(),
      layers.dense({ units: 3, activation: 'softmax' }),
    ]);
    model.compile(options('cuda:0'));
    const indices = Int32Array.from({ length: rows * 2 }, (_, i) => (i === 50 ? 5 : i % 5));
    await expect(
      model.fit(tensor(indices, [rows, 2]), y, { epochs: 2, batchSize: 10, shuffle: false }),
    ).rejects.toThrow(
      'fit: epoch 1, batch 3: an index (of an embedding, a category encoding, a lookup or take) is out of range',
    );
  });

  test('predictions in the midst of training see the weights of whole steps', async () => {
    const model = mlp();
    model.compile(options('cuda:0'));
    const training = model.fit(x, y, { epochs: 20, batchSize: 8 });
    const sums: number[] = [];
    for (let i = 0; i < 5; i++) {
      const p = model.predictSync(x) as { data: Float32Array };
      sums.push(p.data.reduce((sum, v) => sum + v, 0));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await training;
    for (const sum of sums) expect(sum).toBeCloseTo(rows, 3);
  });

  test('jit and eager operations honour STEEPEST_DEVICE', () => {
    const before = process.env.STEEPEST_DEVICE;
    process.env.STEEPEST_DEVICE = 'cuda:0';
    try {
      expect([...ops.add(tensor(Float32Array.of(1, 2), [2]), 2.5).data]).toEqual([3.5, 4.5]);
      process.env.STEEPEST_DEVICE = 'cuda:7';
      expect(() => ops.multiply(tensor(Float32Array.of(1, 2), [2]), 2.5).data).toThrow(
        "STEEPEST_DEVICE: there is no device 'cuda:7', only 'cpu', 'cuda:0'",
      );
    } finally {
      if (before === undefined) delete process.env.STEEPEST_DEVICE;
      else process.env.STEEPEST_DEVICE = before;
    }
  });

  test('devices are listed, and one that is not there is refused by name', () => {
    expect(devices().map(({ name }) => name)).toEqual(['cpu', 'cuda:0']);
    for (const { description, bytes } of devices()) {
      expect(description).not.toBe('');
      expect(bytes).toBeGreaterThan(1e8);
    }
    expect(() => mlp().compile(options('cuda:1'))).toThrow(
      "compile: device: there is no device 'cuda:1', only 'cpu', 'cuda:0'",
    );
    expect(() => mlp().compile(options('gpu'))).toThrow("compile: device: there is no device 'gpu'");
  });
});
