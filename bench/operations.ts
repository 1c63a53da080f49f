import { type Layer, layers, losses, ops, optimizers, type SymbolicTensor, type Tensor } from 'steepest';
import { networks } from './networks.js';
import type { Operation } from './operation-model.js';

type Make = () => Layer | readonly Layer[];

/** One layer after the other. */
const stack =
  (make: Make): Operation['apply'] =>
  (x) =>
    [make()].flat().reduce<SymbolicTensor>((t, layer) => layer.apply(t) as SymbolicTensor, x);

const images = [32, 32, 64];
const rows = [128, 256];
const of = (shape: readonly number[], batch: number, make: Make): Operation => ({ shape, batch, apply: stack(make) });
const call = (f: (x: Tensor) => Tensor): Operation => of(rows, 32, () => layers.lambda(f));
const towards = (
  targets: Operation['targets'],
  loss: losses.Loss,
  activation: 'sigmoid' | 'softmax' | 'linear' = 'linear',
) => ({
  ...of(rows, 32, () => layers.activation({ activation })),
  ...{ loss, targets },
});
/** Where each of 256 columns comes from: all of them, out of order. */
const mixed = ops.tensor(
  Int32Array.from({ length: 256 }, (_, i) => (i * 37 + 11) % 256),
  [256],
);
/** Four million weights. */
const updated = (optimizer: optimizers.Optimizer): Operation => ({
  ...of([1024], 8, () => layers.dense({ units: 4096, useBias: false })),
  optimizer,
});
const embedded = (optimizer: optimizers.Optimizer): Operation => ({
  ...of([128], 32, () => layers.embedding({ inputDim: 32_000, outputDim: 256 })),
  ...{ below: 32_000, optimizer },
});

/** A layer, and what its products end and begin with. */
const dense = (
  options: object,
  then: (y: SymbolicTensor, x: SymbolicTensor) => SymbolicTensor = (y) => y,
): Operation => ({
  ...{ shape: [1024], batch: 256 },
  apply: (x) => then(layers.dense({ units: 1024, ...options }).apply(x) as SymbolicTensor, x),
});

const conv = (kernelSize: number, options: object = {}): Layer =>
  layers.conv2d({ filters: 64, kernelSize, padding: 'same', useBias: false, ...options });
const depthwise = (kernelSize: number, strides = 1): Layer =>
  layers.depthwiseConv2d({ kernelSize, strides, padding: 'same', useBias: false });
const normalized = (layer: Layer, activation: 'relu' | 'relu6' = 'relu'): Layer[] => [
  layer,
  layers.batchNormalization(),
  layers.activation({ activation }),
];
const mobile = (strides: number): Layer[] => [
  ...normalized(conv(1, { filters: 192 }), 'relu6'),
  ...normalized(depthwise(3, strides), 'relu6'),
  conv(1, { filters: 32 }),
  layers.batchNormalization(),
];
const attention = (shape: readonly number[], batch: number, options: object = {}): Operation => ({
  ...{ shape, batch },
  apply: (x) => layers.multiHeadAttention({ numHeads: 8, keyDim: 32, ...options }).apply([x, x]) as SymbolicTensor,
});
const recurrent = (make: () => Layer): Operation => of([64, 128], 32, make);
const sequences = { units: 128, returnSequences: true } as const;
const activations = ['relu', 'sigmoid', 'tanh', 'elu', 'selu', 'softplus', 'silu', 'mish', 'gelu'] as const;

export const operations: Readonly<Record<string, Operation>> = {
  dense: dense({ useBias: false }),
  'dense, bias': dense({}),
  'dense, bias, relu': dense({ activation: 'relu' }),
  'dense, bias, gelu': dense({ activation: 'gelu' }),
  'dense, bias, residual': dense({}, (y, x) => layers.add().apply([y, x]) as SymbolicTensor),
  'dense, bias, dropout': dense({}, (y) => layers.dropout({ rate: 0.1 }).apply(y) as SymbolicTensor),
  'dense, bias, relu, Adam': { ...dense({ activation: 'relu' }), optimizer: optimizers.adam({ learningRate: 1e-6 }) },
  'conv 1x1': of(images, 16, () => conv(1)),
  'conv 1x1, stride 2': of(images, 16, () => conv(1, { strides: 2 })),
  'conv 3x3': of(images, 16, () => conv(3)),
  'conv 3x3, stride 2': of(images, 16, () => conv(3, { strides: 2 })),
  'conv 3x3, dilation 2': of(images, 16, () => conv(3, { dilationRate: 2 })),
  'conv 3x3, 4 groups': of(images, 16, () => conv(3, { groups: 4 })),
  'conv 3x3, 32 groups': of(images, 16, () => conv(3, { groups: 32 })),
  'conv 5x5': of(images, 16, () => conv(5)),
  'conv 5x5, 4 groups': of(images, 16, () => conv(5, { groups: 4 })),
  'conv 7x7, stride 2': of(images, 16, () => conv(7, { strides: 2 })),
  'conv 7x7, stride 2, of 3 channels': of([112, 112, 3], 8, () => conv(7, { strides: 2 })),
  'conv 3x3 of 1 channel': of([28, 28, 1], 128, () => conv(3, { filters: 32 })),
  'conv 3x3, 512 channels': of([7, 7, 512], 8, () => conv(3, { filters: 512 })),
  'conv 9': of([256, 64], 32, () => layers.conv1d({ filters: 64, kernelSize: 9, padding: 'same', useBias: false })),
  'conv 3x3x3': of([16, 16, 16, 16], 8, () =>
    layers.conv3d({ filters: 32, kernelSize: 3, padding: 'same', useBias: false }),
  ),
  'transposed conv 4x4, stride 2': of([16, 16, 64], 16, () =>
    layers.conv2dTranspose({ filters: 32, kernelSize: 4, strides: 2, padding: 'same', useBias: false }),
  ),
  'depthwise conv 3x3': of(images, 64, () => depthwise(3)),
  'depthwise conv 3x3, stride 2': of(images, 64, () => depthwise(3, 2)),
  'depthwise conv 5x5': of(images, 64, () => depthwise(5)),
  'depthwise conv 7x7': of(images, 64, () => depthwise(7)),
  'depthwise conv 9': of([256, 64], 64, () =>
    layers.depthwiseConv1d({ kernelSize: 9, padding: 'same', useBias: false }),
  ),
  'separable conv 3x3': of(images, 16, () =>
    layers.separableConv2d({ filters: 64, kernelSize: 3, padding: 'same', useBias: false }),
  ),
  'bottleneck block': of([28, 28, 256], 8, () => [
    ...normalized(conv(1)),
    ...normalized(conv(3)),
    ...normalized(conv(1, { filters: 256 })),
  ]),
  'mobile block': of([28, 28, 32], 16, () => mobile(1)),
  'mobile block, stride 2': of([28, 28, 32], 16, () => mobile(2)),
  'ConvNeXt block': of([14, 14, 96], 16, () => [
    layers.depthwiseConv2d({ kernelSize: 7, padding: 'same' }),
    layers.layerNormalization(),
    layers.dense({ units: 384, activation: 'gelu' }),
    layers.dense({ units: 96 }),
  ]),
  'max pooling 2x2': of(images, 64, () => layers.maxPooling2d({ poolSize: 2 })),
  'max pooling 3x3, stride 2': of(images, 64, () => layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' })),
  'average pooling 2x2': of(images, 64, () => layers.averagePooling2d({ poolSize: 2 })),
  'average pooling 3x3, stride 1': of(images, 64, () =>
    layers.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same' }),
  ),
  'global average pooling': of(images, 64, () => layers.globalAveragePooling2d()),
  'global max pooling': of(images, 64, () => layers.globalMaxPooling2d()),
  'adaptive average pooling to 7x7': of(images, 64, () => layers.adaptiveAveragePooling2d({ outputSize: 7 })),
  'adaptive average pooling to 8x8': of(images, 64, () => layers.adaptiveAveragePooling2d({ outputSize: 8 })),
  'upsampling, nearest': of([16, 16, 64], 64, () => layers.upSampling2d({ size: 2 })),
  'upsampling, bilinear': of([16, 16, 64], 64, () => layers.upSampling2d({ size: 2, interpolation: 'bilinear' })),
  'resizing, bilinear': of(images, 64, () => layers.resizing({ height: 48, width: 40 })),
  'batch normalization': of(images, 64, () => layers.batchNormalization()),
  'group normalization': of(images, 64, () => layers.groupNormalization({ groups: 8 })),
  'instance normalization': of(images, 64, () => layers.instanceNormalization()),
  'layer normalization': of(rows, 32, () => layers.layerNormalization()),
  'RMS normalization': of(rows, 32, () => layers.rmsNormalization()),
  softmax: call((x) => ops.softmax(x)),
  'log-softmax': call((x) => ops.logSoftmax(x)),
  ...Object.fromEntries(
    activations.map((activation) => [activation, of(rows, 32, () => layers.activation({ activation }))]),
  ),
  LSTM: recurrent(() => layers.lstm(sequences)),
  'LSTM, both ways': recurrent(() => layers.bidirectional({ layer: layers.lstm(sequences) })),
  GRU: recurrent(() => layers.gru(sequences)),
  'GRU, both ways': recurrent(() => layers.bidirectional({ layer: layers.gru(sequences) })),
  'simple RNN': recurrent(() => layers.simpleRNN(sequences)),
  attention: attention(rows, 16),
  'attention, 1024 tokens': attention([1024, 256], 2),
  'causal attention': attention(rows, 16, { useCausalMask: true }),
  'grouped-query attention': {
    ...{ shape: rows, batch: 16 },
    apply: (x) =>
      layers
        .groupQueryAttention({ headDim: 32, numQueryHeads: 8, numKeyValueHeads: 2 })
        .apply([x, x]) as SymbolicTensor,
  },
  'transformer encoder': of(rows, 16, () => layers.transformerEncoder({ intermediateDim: 1024, numHeads: 8 })),
  sort: call((x) => ops.sort(x, -1)),
  'top 8': call((x) => ops.topK(x, 8).values),
  median: call((x) => ops.median(x, -1)),
  'take along an axis': call((x) => ops.takeAlongAxis(x, ops.broadcastTo(mixed, x.shape))),
  cumsum: call((x) => ops.cumsum(x, -1)),
  transpose: call((x) => ops.transpose(x, [0, 2, 1])),
  concatenate: call((x) => ops.concatenate([x, ops.multiply(x, x)], -1)),
  variance: call((x) => ops.variance(x, -1)),
  prod: call((x) => ops.prod(x, -1)),
  dropout: of(rows, 32, () => layers.dropout({ rate: 0.1 })),
  'Gaussian noise': of(rows, 32, () => layers.gaussianNoise({ stddev: 0.1 })),
  embedding: embedded(optimizers.sgd({ learningRate: 1e-6 })),
  'embedding, Adam': embedded(optimizers.adam({ learningRate: 1e-6 })),
  'mean squared error': towards('values', losses.meanSquaredError()),
  'mean absolute error': towards('values', losses.meanAbsoluteError()),
  'Huber loss': towards('values', losses.huber()),
  'cosine similarity': towards('values', losses.cosineSimilarity()),
  'KL divergence': towards('values', losses.klDivergence(), 'softmax'),
  'binary cross-entropy': towards('values', losses.binaryCrossentropy({ fromLogits: true })),
  'binary cross-entropy of sigmoids': towards('values', losses.binaryCrossentropy(), 'sigmoid'),
  'cross-entropy': towards('values', losses.categoricalCrossentropy({ fromLogits: true })),
  'sparse cross-entropy': towards('labels', losses.sparseCategoricalCrossentropy({ fromLogits: true })),
  'sparse cross-entropy of 32,000': {
    ...towards('labels', losses.sparseCategoricalCrossentropy({ fromLogits: true })),
    ...{ shape: [16, 32_000], batch: 8 },
  },
  CTC: { ...towards('words', losses.ctc()), batch: 16 },
  'SGD, momentum': updated(optimizers.sgd({ learningRate: 1e-6, momentum: 0.9 })),
  RMSprop: updated(optimizers.rmsprop({ learningRate: 1e-6 })),
  Adam: updated(optimizers.adam({ learningRate: 1e-6 })),
  AdamW: updated(optimizers.adamw({ learningRate: 1e-6 })),
  'AdamW, clipped': updated(optimizers.adamw({ learningRate: 1e-6, globalClipnorm: 1 })),
  NAdam: updated(optimizers.nadam({ learningRate: 1e-6 })),
  RAdam: updated(optimizers.radam({ learningRate: 1e-6 })),
  Adamax: updated(optimizers.adamax({ learningRate: 1e-6 })),
  Adagrad: updated(optimizers.adagrad({ learningRate: 1e-6 })),
  Adadelta: updated(optimizers.adadelta({ learningRate: 1e-6 })),
  Adafactor: updated(optimizers.adafactor({ learningRate: 1e-6 })),
  Muon: updated(optimizers.muon({ learningRate: 1e-6, newtonSchulzPrecision: 'bfloat16' })), // as PyTorch's
  ...networks,
};
