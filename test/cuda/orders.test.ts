// Training on the emulated CUDA device with its threads and blocks in several orders.
import { layers, sequential, tensor } from '../../lib/index';
import { Random } from '../helpers/random';
import { onDevice, setEnvironment } from './device';

const random = new Random(7);
const rows = 48;
const y = tensor(
  Int32Array.from({ length: rows }, (_, i) => i % 3),
  [rows],
);

onDevice('training', () => {
  test.each(['mixedBfloat16', 'bfloat16'] as const)(
    '%s: whichever threads and blocks come first, weights and predictions are the same bits',
    async (precision) => {
      const images = tensor(
        Float32Array.from({ length: rows * 64 }, () => random.normal()),
        [rows, 8, 8, 1],
      );
      const train = async (order: string) => {
        await setEnvironment({ STEEPEST_EMULATED_THREADS: order });
        const model = sequential([
          layers.conv2d({ filters: 8, kernelSize: 3, inputShape: [8, 8, 1] }),
          layers.batchNormalization(),
          layers.averagePooling2d({ poolSize: 2 }),
          layers.reshape({ targetShape: [9, 8] }),
          layers.lstm({ units: 6, returnSequences: true }),
          layers.flatten(),
          layers.layerNormalization(),
          layers.dense({ units: 3, activation: 'softmax' }),
        ]);
        model.compile({
          ...{ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', seed: 3 },
          ...{ device: 'cuda:0', precision },
        });
        await model.fit(images, y, { epochs: 1, batchSize: 16 });
        const predicted = (await model.predict(images)) as { data: Float32Array };
        await setEnvironment({ STEEPEST_EMULATED_THREADS: before });
        return [...model.getWeights().map(({ data }) => data), predicted.data];
      };
      const before = process.env.STEEPEST_EMULATED_THREADS ?? '';
      const first = await train('first');
      expect(await train('last')).toEqual(first);
      expect(await train('mixed')).toEqual(first);
    },
  );
});
