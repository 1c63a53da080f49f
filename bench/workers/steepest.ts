import { layers, optimizers, type Precision, sequential, setThreads } from 'steepest';
import { type Case, cases, makeData } from '../cases.js';
import { serve } from './protocol.js';

// node steepest.js CASE [PRECISION [THREADS]]
const [name = '', precision = 'float32', threads] = process.argv.slice(2);
const spec = cases[name] as Case;
if (threads !== undefined) setThreads(Number(threads));

const { units, head, optimizer, batch, image, sequence } = spec;
const convolutions = image && [
  layers.reshape({ targetShape: image.shape, inputShape: [units[0] as number] }),
  ...image.filters.flatMap((filters) => [
    layers.conv2d({ filters, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
  ]),
  layers.flatten(),
  layers.dropout({ rate: image.dropout }),
];
const recurrent = sequence && [
  layers.reshape({ targetShape: sequence.shape, inputShape: [units[0] as number] }),
  layers.lstm({ units: sequence.units }),
];
const before = convolutions ?? recurrent;
const dense = units.slice(1).map((n, i) =>
  layers.dense({
    units: n,
    activation: i < units.length - 2 ? 'relu' : head,
    ...(i === 0 && before === undefined ? { inputShape: [units[0] as number] } : {}),
  }),
);
const model = sequential([...(before ?? []), ...dense]);
model.compile({
  optimizer: optimizers[optimizer.name]({ learningRate: optimizer.learningRate }),
  loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
  precision: precision as Precision,
});
const { x, y } = makeData(spec);
const variant = [precision === 'float32' ? '' : '-bf16', threads === undefined ? '' : `-${threads}t`].join('');
serve(`steepest${variant}`, async (epochs) => {
  const history = await model.fit(x, y, { epochs, batchSize: batch, verbose: 0 });
  return history.history.loss?.at(-1) ?? Number.NaN;
});
