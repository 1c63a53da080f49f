import { type Layer, layers, losses, optimizers, type SymbolicTensor } from 'steepest';
import type { Operation } from './operation-model.js';

/** Whole networks of the kinds that people train, small enough for a step to take a tenth of a second. networks.py has the same ones. */

const through = (x: SymbolicTensor, ...all: Layer[]): SymbolicTensor =>
  all.reduce<SymbolicTensor>((t, layer) => layer.apply(t) as SymbolicTensor, x);

const adam = (options: object = {}) => optimizers.adam({ learningRate: 1e-6, ...options });

const convolution = (filters: number, kernelSize = 3, options: object = {}): Layer =>
  layers.conv2d({ filters, kernelSize, padding: 'same', useBias: false, ...options });
const normalized = (layer: Layer): Layer[] => [layer, layers.batchNormalization()];
const rectified = (layer: Layer): Layer[] => [...normalized(layer), layers.relu()];

/** Simonyan and Zisserman, "Very deep convolutional networks" (2014), configuration A for small images, with batch normalization. */
const vgg: Operation['apply'] = (x) => {
  const widths = [64, 128, 256, 256, 512, 512];
  const pooled = [true, true, false, true, false, true];
  return through(
    x,
    ...widths.flatMap((filters, i) => [
      ...rectified(convolution(filters)),
      ...(pooled[i] ? [layers.maxPooling2d({ poolSize: 2 })] : []),
    ]),
    layers.flatten(),
    layers.dense({ units: 512, activation: 'relu' }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 10 }),
  );
};

/** He et al., "Deep residual learning" (2015): blocks of two 3x3 convolutions. */
const resnet18: Operation['apply'] = (x) => {
  let y = through(x, ...rectified(convolution(64)));
  for (const [stage, filters] of [64, 128, 256, 512].entries()) {
    for (let block = 0; block < 2; block++) {
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const deep = through(y, ...rectified(convolution(filters, 3, { strides })), ...normalized(convolution(filters)));
      const around = strides === 1 ? y : through(y, ...normalized(convolution(filters, 1, { strides })));
      y = through(layers.add().apply([deep, around]), layers.relu());
    }
  }
  return through(y, layers.globalAveragePooling2d(), layers.dense({ units: 10 }));
};

/** Sandler et al., "MobileNetV2" (2018), its first stages. */
const mobilenet: Operation['apply'] = (x) => {
  const six = (layer: Layer): Layer[] => [...normalized(layer), layers.activation({ activation: 'relu6' })];
  let channels = 16;
  let y = through(x, ...six(convolution(channels, 3, { strides: 2 })));
  for (const [filters, strides] of [
    [24, 2],
    [24, 1],
    [32, 2],
    [32, 1],
    [64, 2],
    [64, 1],
    [96, 1],
  ] as const) {
    const depthwise = layers.depthwiseConv2d({ kernelSize: 3, strides, padding: 'same', useBias: false });
    const deep = through(
      y,
      ...six(convolution(6 * channels, 1)),
      ...six(depthwise),
      ...normalized(convolution(filters, 1)),
    );
    y = strides === 1 && filters === channels ? (layers.add().apply([deep, y]) as SymbolicTensor) : deep;
    channels = filters;
  }
  return through(y, ...six(convolution(320, 1)), layers.globalAveragePooling2d(), layers.dense({ units: 10 }));
};

/** Ronneberger et al., "U-Net" (2015), with padding. */
const unet: Operation['apply'] = (x) => {
  const twice = (t: SymbolicTensor, filters: number) =>
    through(t, ...rectified(convolution(filters)), ...rectified(convolution(filters)));
  const skipped: SymbolicTensor[] = [];
  let y = x;
  for (const filters of [16, 32, 64]) {
    y = twice(y, filters);
    skipped.push(y);
    y = through(y, layers.maxPooling2d({ poolSize: 2 }));
  }
  y = twice(y, 128);
  for (const filters of [64, 32, 16]) {
    const up = through(y, layers.conv2dTranspose({ filters, kernelSize: 2, strides: 2 }));
    y = twice(layers.concatenate().apply([skipped.pop() as SymbolicTensor, up]) as SymbolicTensor, filters);
  }
  return through(y, layers.conv2d({ filters: 1, kernelSize: 1 }));
};

/** Radford et al., "Unsupervised representation learning with DCGANs" (2015). */
const generator: Operation['apply'] = (x) => {
  const up = (filters: number) =>
    layers.conv2dTranspose({ filters, kernelSize: 4, strides: 2, padding: 'same', useBias: false });
  return through(
    x,
    layers.dense({ units: 4 * 4 * 256, useBias: false }),
    layers.reshape({ targetShape: [4, 4, 256] }),
    layers.batchNormalization(),
    layers.relu(),
    ...rectified(up(128)),
    ...rectified(up(64)),
    up(3),
    layers.activation({ activation: 'tanh' }),
  );
};
const discriminator: Operation['apply'] = (x) => {
  const leaky = () => layers.leakyRelu({ negativeSlope: 0.2 });
  const down = (filters: number) => convolution(filters, 4, { strides: 2 });
  return through(
    x,
    ...[down(64), leaky()],
    ...[...normalized(down(128)), leaky()],
    ...[...normalized(down(256)), leaky()],
    layers.flatten(),
    layers.dense({ units: 1 }),
  );
};

/** Pre-normalized blocks (Xiong et al., 2020) with dropout behind attention and network. */
const blocks = (x: SymbolicTensor, depth: number, heads: number, options: object = {}, rate = 0): SymbolicTensor => {
  const features = x.shape.at(-1) as number;
  let y = x;
  for (let i = 0; i < depth; i++) {
    const normal = through(y, layers.layerNormalization());
    const attended = layers
      .multiHeadAttention({ numHeads: heads, keyDim: features / heads, ...options })
      .apply([normal, normal]) as SymbolicTensor;
    y = layers.add().apply([y, through(attended, layers.dropout({ rate }))]) as SymbolicTensor;
    const wide = through(
      y,
      layers.layerNormalization(),
      layers.dense({ units: 4 * features, activation: 'gelu' }),
      layers.dense({ units: features }),
      layers.dropout({ rate }),
    );
    y = layers.add().apply([y, wide]) as SymbolicTensor;
  }
  return through(y, layers.layerNormalization());
};

/** Dosovitskiy et al., "An image is worth 16x16 words" (2020): patches of 4x4, the mean over tokens. */
const vit: Operation['apply'] = (x) => {
  const patches = through(
    x,
    layers.conv2d({ filters: 192, kernelSize: 4, strides: 4 }),
    layers.reshape({ targetShape: [64, 192] }),
    layers.positionEmbedding({ sequenceLength: 64 }),
  );
  return through(blocks(patches, 6, 3), layers.globalAveragePooling1d(), layers.dense({ units: 10 }));
};

/** Tolstikhin et al., "MLP-Mixer" (2021). */
const mixer: Operation['apply'] = (x) => {
  let y = through(
    x,
    layers.conv2d({ filters: 128, kernelSize: 4, strides: 4 }),
    layers.reshape({ targetShape: [64, 128] }),
  );
  const network = (wide: number, narrow: number) => [
    layers.dense({ units: wide, activation: 'gelu' }),
    layers.dense({ units: narrow }),
  ];
  for (let i = 0; i < 4; i++) {
    const turn = () => layers.permute({ dims: [2, 1] });
    const tokens = through(y, layers.layerNormalization(), turn(), ...network(64, 64), turn());
    y = layers.add().apply([y, tokens]) as SymbolicTensor;
    const channels = through(y, layers.layerNormalization(), ...network(512, 128));
    y = layers.add().apply([y, channels]) as SymbolicTensor;
  }
  return through(y, layers.layerNormalization(), layers.globalAveragePooling1d(), layers.dense({ units: 10 }));
};

const embedded = (x: SymbolicTensor, words: number, features: number): SymbolicTensor =>
  through(x, layers.embedding({ inputDim: words, outputDim: features }));
const positioned = (x: SymbolicTensor, words: number, features: number): SymbolicTensor =>
  through(embedded(x, words, features), layers.positionEmbedding({ sequenceLength: x.shape[1] as number }));

const textClassifier: Operation['apply'] = (x) =>
  through(
    blocks(positioned(x, 20_000, 256), 4, 8, {}, 0.1),
    layers.globalAveragePooling1d(),
    layers.dense({ units: 2 }),
  );
const gpt: Operation['apply'] = (x) =>
  through(blocks(positioned(x, 8000, 256), 4, 8, { useCausalMask: true }, 0.1), layers.dense({ units: 8000 }));
/** Zaremba et al., "Recurrent neural network regularization" (2014). */
const lstmLanguageModel: Operation['apply'] = (x) =>
  through(
    embedded(x, 8000, 200),
    layers.dropout({ rate: 0.2 }),
    layers.lstm({ units: 200, returnSequences: true }),
    layers.dropout({ rate: 0.2 }),
    layers.lstm({ units: 200, returnSequences: true }),
    layers.dropout({ rate: 0.2 }),
    layers.dense({ units: 8000 }),
  );
const gruTagger: Operation['apply'] = (x) =>
  through(
    embedded(x, 20_000, 128),
    layers.bidirectional({ layer: layers.gru({ units: 128, returnSequences: true }) }),
    layers.bidirectional({ layer: layers.gru({ units: 128, returnSequences: true }) }),
    layers.dense({ units: 17 }),
  );
/** Kim, "Convolutional neural networks for sentence classification" (2014). */
const textConvolutions: Operation['apply'] = (x) => {
  const words = embedded(x, 20_000, 128);
  const pooled = [3, 4, 5].map((kernelSize) =>
    through(words, layers.conv1d({ filters: 100, kernelSize, activation: 'relu' }), layers.globalMaxPooling1d()),
  );
  return through(
    layers.concatenate().apply(pooled) as SymbolicTensor,
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 2 }),
  );
};

/** Bai et al., "An empirical evaluation of generic convolutional and recurrent networks" (2018). */
const temporal: Operation['apply'] = (x) => {
  let y = through(x, layers.dense({ units: 64 }));
  for (const dilationRate of [1, 2, 4, 8, 16]) {
    const causal = (): Layer[] => [
      layers.conv1d({ filters: 64, kernelSize: 3, padding: 'causal', dilationRate, activation: 'relu' }),
      layers.dropout({ rate: 0.1 }),
    ];
    y = through(layers.add().apply([y, through(y, ...causal(), ...causal())]) as SymbolicTensor, layers.relu());
  }
  return through(y, layers.dense({ units: 1 }));
};

/** He et al., "Neural collaborative filtering" (2017): embeddings of a user and of an item. */
const recommender: Operation['apply'] = (x) =>
  through(
    embedded(x, 100_000, 32),
    layers.flatten(),
    layers.dense({ units: 128, activation: 'relu' }),
    layers.dense({ units: 64, activation: 'relu' }),
    layers.dense({ units: 1 }),
  );

/** Of tables: batch normalization and dropout. */
const tabular: Operation['apply'] = (x) =>
  through(
    x,
    ...[256, 256, 128].flatMap((units) => [
      layers.dense({ units, useBias: false }),
      layers.batchNormalization(),
      layers.relu(),
      layers.dropout({ rate: 0.2 }),
    ]),
    layers.dense({ units: 1 }),
  );

/** Tran et al., "Learning spatiotemporal features with 3D convolutional networks" (2014), small. */
const video: Operation['apply'] = (x) =>
  through(
    x,
    ...[16, 32, 64].flatMap((filters) => [
      layers.conv3d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' }),
      layers.maxPooling3d({ poolSize: 2 }),
    ]),
    layers.flatten(),
    layers.dense({ units: 10 }),
  );

/** Kingma and Welling, "Auto-encoding variational Bayes" (2013), without its sampling: convolutions down and up. */
const autoencoder: Operation['apply'] = (x) =>
  through(
    x,
    convolution(32, 3, { strides: 2, activation: 'relu', useBias: true }),
    convolution(64, 3, { strides: 2, activation: 'relu', useBias: true }),
    layers.flatten(),
    layers.dense({ units: 32 }),
    layers.dense({ units: 7 * 7 * 64, activation: 'relu' }),
    layers.reshape({ targetShape: [7, 7, 64] }),
    layers.conv2dTranspose({ filters: 32, kernelSize: 4, strides: 2, padding: 'same', activation: 'relu' }),
    layers.conv2dTranspose({ filters: 1, kernelSize: 4, strides: 2, padding: 'same' }),
  );

const small = [32, 32, 3];
const words = { loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }), targets: 'labels' } as const;

export const networks: Readonly<Record<string, Operation>> = {
  'VGG-11': { shape: small, batch: 16, apply: vgg, optimizer: adam() },
  'ResNet-18': {
    shape: small,
    batch: 8,
    apply: resnet18,
    optimizer: optimizers.sgd({ learningRate: 1e-6, momentum: 0.9 }),
  },
  MobileNetV2: { shape: [96, 96, 3], batch: 8, apply: mobilenet, optimizer: adam() },
  'U-Net': { shape: [64, 64, 3], batch: 8, apply: unet, optimizer: adam() },
  'DCGAN, generator': { shape: [100], batch: 32, apply: generator, optimizer: adam() },
  'DCGAN, discriminator': { shape: small, batch: 32, apply: discriminator, optimizer: adam() },
  'convolutional autoencoder': { shape: [28, 28, 1], batch: 64, apply: autoencoder, optimizer: adam() },
  'vision transformer': { shape: small, batch: 16, apply: vit, optimizer: adam() },
  'MLP-Mixer': { shape: small, batch: 32, apply: mixer, optimizer: adam() },
  'text classifier, transformer': {
    ...{ shape: [128], batch: 8, below: 20_000, apply: textClassifier },
    optimizer: adam(),
  },
  'text classifier, clipped': {
    ...{ shape: [128], batch: 8, below: 20_000, apply: textClassifier },
    optimizer: adam({ globalClipnorm: 1 }),
  },
  'text classifier, convolutions': {
    ...{ shape: [100], batch: 32, below: 20_000, apply: textConvolutions },
    optimizer: adam(),
  },
  'language model, GPT': { ...{ shape: [128], batch: 4, below: 8000, apply: gpt }, ...words, optimizer: adam() },
  'language model, LSTM': {
    ...{ shape: [35], batch: 20, below: 8000, apply: lstmLanguageModel },
    ...words,
    optimizer: optimizers.sgd({ learningRate: 1e-6, globalClipnorm: 1 }),
  },
  'tagger, GRU': { ...{ shape: [50], batch: 32, below: 20_000, apply: gruTagger }, optimizer: adam() },
  'temporal convolutions': { shape: [128, 8], batch: 32, apply: temporal, optimizer: adam() },
  recommender: { ...{ shape: [2], batch: 256, below: 100_000, apply: recommender }, optimizer: adam() },
  table: { shape: [64], batch: 256, apply: tabular, optimizer: adam() },
  'video, 3d convolutions': { shape: [16, 32, 32, 3], batch: 4, apply: video, optimizer: adam() },
};
