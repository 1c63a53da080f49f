import {
  model as createModel,
  input,
  layers,
  type Model,
  ops,
  optimizers,
  type SymbolicTensor,
  sequential,
  setThreads,
} from 'steepest';
import { type Case, cases, makeData } from '../cases.js';
import { serve } from './protocol.js';

// node steepest.js CASE [THREADS]
const [name = '', threads] = process.argv.slice(2);
const spec = cases[name] as Case;
if (threads !== undefined) setThreads(Number(threads));

const { units, head, optimizer, batch, image, sequence, residual } = spec;
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
    ...(i === 0 && before === undefined && residual === undefined ? { inputShape: [units[0] as number] } : {}),
  }),
);

/** ResNet for small images (He et al., "Deep residual learning for image recognition", section 4.2). */
function residualNetwork({ shape, filters, blocks }: NonNullable<Case['residual']>): Model {
  const convolve = (x: SymbolicTensor, filters: number, strides: number): SymbolicTensor => {
    const convolution = layers.conv2d({ filters, strides, kernelSize: 3, padding: 'same', useBias: false });
    return layers.batchNormalization().apply(convolution.apply(x)) as SymbolicTensor;
  };
  const relu = (x: SymbolicTensor): SymbolicTensor => layers.relu().apply(x) as SymbolicTensor;
  const inputs = input({ shape: [units[0] as number] });
  let x = layers.reshape({ targetShape: shape }).apply(inputs) as SymbolicTensor;
  let channels = filters[0] as number;
  x = relu(convolve(x, channels, 1));
  for (const width of filters) {
    for (let block = 0; block < blocks; block++) {
      const strides = width === channels ? 1 : 2;
      const side = (width - channels) / 2;
      const shortcut = layers.lambda((t) => {
        const [n, height, width, depth] = t.shape as [number, number, number, number];
        const every = ops.slice(t, [0, 0, 0, 0], [n, height / 2, width / 2, depth], [1, 2, 2, 1]);
        return ops.pad(every, [
          [0, 0],
          [0, 0],
          [0, 0],
          [side, side],
        ]);
      });
      const y = convolve(relu(convolve(x, width, strides)), width, 1);
      x = relu(layers.add().apply([strides === 1 ? x : (shortcut.apply(x) as SymbolicTensor), y]) as SymbolicTensor);
      channels = width;
    }
  }
  x = layers.globalAveragePooling2d().apply(x) as SymbolicTensor;
  for (const layer of dense) x = layer.apply(x) as SymbolicTensor;
  return createModel({ inputs, outputs: x });
}

const model = residual === undefined ? sequential([...(before ?? []), ...dense]) : residualNetwork(residual);
const { name: _, ...settings } = optimizer;
model.compile({
  optimizer: optimizers[optimizer.name](settings),
  loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
});
const { x, y } = makeData(spec);
serve(`steepest${threads === undefined ? '' : `-${threads}t`}`, async (epochs) => {
  const history = await model.fit(x, y, { epochs, batchSize: batch, verbose: 0 });
  return history.history.loss?.at(-1) ?? Number.NaN;
});
