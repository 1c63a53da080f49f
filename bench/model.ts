import {
  input,
  layers,
  type Model,
  model,
  ops,
  optimizers,
  type Precision,
  type SymbolicTensor,
  sequential,
} from 'steepest';
import type { Case } from './cases.js';
import { gpt } from './workers/gpt.js';

/** The network of a case, ready to be trained as the case says. */
export function trainable(spec: Case, precision: Precision): Model {
  const { units, head, optimizer, transformer } = spec;
  if (transformer !== undefined) {
    const [context, vocabulary] = units as [number, number];
    return gpt({ context, vocabulary, ...transformer }, { learningRate: optimizer.learningRate, precision });
  }
  const { name, ...settings } = optimizer;
  const net = buildModel(spec);
  net.compile({
    optimizer: optimizers[name](settings),
    loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
    precision,
  });
  return net;
}

/** The network of a case, not compiled. */
export function buildModel(spec: Case): Model {
  const { units, image, sequence, residual } = spec;
  const features = units[0] as number;
  if (residual !== undefined) {
    const build = residual.bottleneck ? bottleneckNetwork : residualNetwork;
    return build(residual, features, denseLayers(spec));
  }
  const convolutions = image && [
    layers.reshape({ targetShape: image.shape, inputShape: [features] }),
    ...image.filters.flatMap((filters) => [
      layers.conv2d({ filters, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
    ]),
    layers.flatten(),
    layers.dropout({ rate: image.dropout }),
  ];
  const recurrent = sequence && [
    layers.reshape({ targetShape: sequence.shape, inputShape: [features] }),
    layers.lstm({ units: sequence.units }),
  ];
  const before = convolutions ?? recurrent;
  return sequential([...(before ?? []), ...denseLayers(spec, before === undefined ? features : undefined)]);
}

function denseLayers({ units, head }: Case, features?: number) {
  return units.slice(1).map((n, i) =>
    layers.dense({
      units: n,
      activation: i < units.length - 2 ? 'relu' : head,
      ...(i === 0 && features !== undefined ? { inputShape: [features] } : {}),
    }),
  );
}

const relu = (x: SymbolicTensor): SymbolicTensor => layers.relu().apply(x);

/** A convolution and its normalization. */
function convolve(x: SymbolicTensor, filters: number, kernelSize: number, strides = 1): SymbolicTensor {
  const convolution = layers.conv2d({ filters, strides, kernelSize, padding: 'same', useBias: false });
  return layers.batchNormalization().apply(convolution.apply(x));
}

const blocksOf = ({ blocks }: NonNullable<Case['residual']>, stage: number): number =>
  typeof blocks === 'number' ? blocks : (blocks[stage] as number);

/** ResNet for small images (He et al., "Deep residual learning for image recognition", section 4.2). */
function residualNetwork(
  residual: NonNullable<Case['residual']>,
  features: number,
  dense: ReturnType<typeof denseLayers>,
): Model {
  const { shape, filters } = residual;
  const inputs = input({ shape: [features] });
  let x = layers.reshape({ targetShape: shape }).apply(inputs);
  let channels = filters[0] as number;
  x = relu(convolve(x, channels, 3));
  filters.forEach((width, stage) => {
    for (let block = 0; block < blocksOf(residual, stage); block++) {
      const strides = width === channels ? 1 : 2;
      const y = convolve(relu(convolve(x, width, 3, strides)), width, 3);
      const around = strides === 1 ? x : shortcut((width - channels) / 2).apply(x);
      x = relu(layers.add().apply([around, y]));
      channels = width;
    }
  });
  x = layers.globalAveragePooling2d().apply(x);
  for (const layer of dense) x = layer.apply(x);
  return model({ inputs, outputs: x });
}

/** ResNet-50 and its kin (the same paper, section 4.1), with the strides in the 3x3 convolutions. */
function bottleneckNetwork(
  residual: NonNullable<Case['residual']>,
  features: number,
  dense: ReturnType<typeof denseLayers>,
): Model {
  const { shape, filters } = residual;
  const inputs = input({ shape: [features] });
  let x = layers.reshape({ targetShape: shape }).apply(inputs);
  x = relu(convolve(x, filters[0] as number, 7, 2));
  x = layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(x);
  filters.forEach((width, stage) => {
    for (let block = 0; block < blocksOf(residual, stage); block++) {
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const y = convolve(relu(convolve(relu(convolve(x, width, 1)), width, 3, strides)), 4 * width, 1);
      const around = block === 0 ? convolve(x, 4 * width, 1, strides) : x;
      x = relu(layers.add().apply([around, y]));
    }
  });
  x = layers.globalAveragePooling2d().apply(x);
  for (const layer of dense) x = layer.apply(x);
  return model({ inputs, outputs: x });
}

/** Every other pixel, with `side` channels of zeros before and after its own. */
const shortcut = (side: number) =>
  layers.lambda((t) => {
    const [n, height, width, depth] = t.shape as [number, number, number, number];
    const every = ops.slice(t, [0, 0, 0, 0], [n, height / 2, width / 2, depth], [1, 2, 2, 1]);
    return ops.pad(every, [
      [0, 0],
      [0, 0],
      [0, 0],
      [side, side],
    ]);
  });
