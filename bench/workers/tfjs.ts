import { createRequire } from 'node:module';
import path from 'node:path';
import { type Case, cases, makeData } from '../cases.js';
import { serveTraining } from './protocol.js';

// node tfjs.js CASE PEERS_FOLDER: TensorFlow.js on its WebAssembly backend (SIMD, threads)
const [name = '', folder = ''] = process.argv.slice(2);
const spec = cases[name] as Case;
const fromPeers = createRequire(path.join(folder, 'index.js'));
// biome-ignore lint/suspicious/noExplicitAny: the peer is not a dependency, so its types are not here
const tf: any = fromPeers('@tensorflow/tfjs');
// biome-ignore lint/suspicious/noExplicitAny: as above
const wasm: any = fromPeers('@tensorflow/tfjs-backend-wasm');
console.warn = () => {};

async function main(): Promise<void> {
  wasm.setThreadsCount(2);
  await tf.setBackend('wasm');
  await tf.ready();
  const { units, head, optimizer, batch, samples, image, sequence, residual, transformer } = spec;
  if (residual !== undefined) throw new Error('its WebAssembly backend has no gradient of convolution');
  if (transformer !== undefined) throw new Error('TensorFlow.js has no attention layers');
  const model = tf.sequential();
  if (image !== undefined) {
    model.add(tf.layers.reshape({ targetShape: image.shape, inputShape: [units[0]] }));
    for (const filters of image.filters) {
      model.add(tf.layers.conv2d({ filters, kernelSize: 3, activation: 'relu' }));
      model.add(tf.layers.maxPooling2d({ poolSize: 2 }));
    }
    model.add(tf.layers.flatten());
    model.add(tf.layers.dropout({ rate: image.dropout }));
  }
  if (sequence !== undefined) {
    model.add(tf.layers.reshape({ targetShape: sequence.shape, inputShape: [units[0]] }));
    model.add(tf.layers.lstm({ units: sequence.units, recurrentActivation: 'sigmoid' }));
  }
  units.slice(1).forEach((n, i) => {
    const first = i === 0 && image === undefined && sequence === undefined ? { inputShape: [units[0]] } : {};
    model.add(tf.layers.dense({ units: n, activation: i < units.length - 2 ? 'relu' : head, ...first }));
  });
  model.compile({
    optimizer: tf.train[optimizer.name](optimizer.learningRate),
    loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
  });
  const data = makeData(spec);
  const x = tf.tensor(data.x, [samples, units[0]]);
  const y = spec.autoencoder ? x : tf.tensor(Float32Array.from(data.y), [samples, 1]);
  serveTraining('tfjs-wasm', async (epochs) => {
    const { history } = await model.fit(x, y, { batchSize: batch, epochs, verbose: 0, shuffle: true });
    return history.loss.at(-1);
  });
}
main().catch((error: Error) => process.stdout.write(`${JSON.stringify({ error: error.message })}\n`));
