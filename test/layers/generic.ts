/** One small configuration of every kind of layer, for the tests that hold for all of them. */
export interface GenericCase {
  /** What the factory is called with: arguments that differ from the defaults, names and values of the library. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Shapes of samples, one for each input. Default: [[4]]. */
  readonly inputs?: readonly (readonly number[])[];
  /** Inputs are whole numbers under this. */
  readonly integers?: number;
  /** Shape of an output sample. Default: that of the first input. */
  readonly output?: readonly number[];
  /** Number of values in all weights. Default: 0. */
  readonly params?: number;
}

const sequence = { inputs: [[3, 4]] } as const;
const two = { inputs: [[4], [4]] } as const;
const image = { inputs: [[4, 4, 2]] } as const;
const volume = { inputs: [[2, 2, 2, 2]] } as const;

export const genericCases: Readonly<Record<string, GenericCase>> = {
  activation: { config: { activation: 'gelu' } },
  activityRegularization: { config: { l1: 0.01, l2: 0.02 } },
  adaptiveAveragePooling1d: { config: { outputSize: 2 }, inputs: [[5, 2]], output: [2, 2] },
  adaptiveAveragePooling2d: { config: { outputSize: [2, 1] }, ...image, output: [2, 1, 2] },
  adaptiveAveragePooling3d: { config: { outputSize: 1 }, ...volume, output: [1, 1, 1, 2] },
  adaptiveMaxPooling1d: { config: { outputSize: 2 }, inputs: [[5, 2]], output: [2, 2] },
  adaptiveMaxPooling2d: { config: { outputSize: [2, 1] }, ...image, output: [2, 1, 2] },
  adaptiveMaxPooling3d: { config: { outputSize: 1 }, ...volume, output: [1, 1, 1, 2] },
  add: two,
  additiveAttention: {
    inputs: [
      [3, 4],
      [2, 4],
    ],
    params: 4,
  },
  alphaDropout: { config: { rate: 0.3, seed: 2 } },
  attention: {
    config: { useScale: true, dropout: 0.2 },
    inputs: [
      [3, 4],
      [2, 4],
    ],
    params: 1,
  },
  average: two,
  averagePooling1d: { config: { poolSize: 3, strides: 1, padding: 'same' }, ...sequence },
  averagePooling2d: { ...image, output: [2, 2, 2] },
  averagePooling3d: { ...volume, output: [1, 1, 1, 2] },
  batchNormalization: { config: { momentum: 0.8, epsilon: 1e-4, gammaRegularizer: 'l2' }, params: 16 },
  bidirectional: {
    config: { layer: { kind: 'layers.simpleRNN', config: { units: 3 } } },
    ...sequence,
    output: [6],
    params: 48,
  },
  categoryEncoding: { config: { numTokens: 5, outputMode: 'count' }, integers: 5, output: [5] },
  centerCrop: { config: { height: 2, width: 3 }, ...image, output: [2, 3, 2] },
  concatenate: { config: { axis: 1 }, inputs: [[4], [3]], output: [7] },
  conv1d: { config: { filters: 3, kernelSize: 2 }, inputs: [[5, 2]], output: [4, 3], params: 15 },
  conv1dTranspose: { config: { filters: 3, kernelSize: 2, strides: 2 }, inputs: [[3, 2]], output: [6, 3], params: 15 },
  conv2d: {
    config: { filters: 2, kernelSize: 2, strides: 2, padding: 'same', activation: 'relu' },
    ...image,
    output: [2, 2, 2],
    params: 18,
  },
  conv2dTranspose: {
    config: { filters: 2, kernelSize: 2, strides: 2 },
    inputs: [[2, 2, 2]],
    output: [4, 4, 2],
    params: 18,
  },
  conv3d: { config: { filters: 2, kernelSize: 2, useBias: false }, ...volume, output: [1, 1, 1, 2], params: 32 },
  conv3dTranspose: { config: { filters: 1, kernelSize: 2 }, ...volume, output: [3, 3, 3, 1], params: 17 },
  convLstm1d: {
    config: { filters: 2, kernelSize: 2, padding: 'same', returnSequences: true },
    inputs: [[3, 4, 2]],
    output: [3, 4, 2],
    params: 2 * 2 * 8 + 2 * 2 * 8 + 8,
  },
  convLstm2d: {
    config: { filters: 2, kernelSize: [2, 1], strides: 2, dropout: 0.1 },
    inputs: [[2, 4, 4, 1]],
    output: [2, 2, 2],
    params: 2 * 8 + 2 * 2 * 8 + 8,
  },
  convLstm3d: { config: { filters: 1, kernelSize: 2 }, inputs: [[2, 2, 2, 2, 1]], output: [1, 1, 1, 1], params: 68 },
  cropping1d: { config: { cropping: 1 }, ...sequence, output: [1, 4] },
  cropping2d: { config: { cropping: 1 }, ...image, output: [2, 2, 2] },
  cropping3d: { config: { cropping: 1 }, inputs: [[3, 3, 3, 1]], output: [1, 1, 1, 1] },
  dense: {
    config: { units: 3, activation: 'tanh', useBias: false, kernelInitializer: 'heNormal', kernelRegularizer: 'l1l2' },
    output: [3],
    params: 12,
  },
  depthwiseConv1d: { config: { kernelSize: 2, depthMultiplier: 2 }, inputs: [[5, 2]], output: [4, 4], params: 12 },
  depthwiseConv2d: { config: { kernelSize: 3, padding: 'same' }, ...image, params: 20 },
  discretization: { config: { binBoundaries: [-0.5, 0, 0.25], outputMode: 'oneHot' }, output: [4, 4] },
  dot: { config: { axes: 1, normalize: true }, ...two, output: [1] },
  dropout: { config: { rate: 0.25, noiseShape: [null, 1], seed: 7 } },
  einsumDense: {
    config: { equation: 'abc,cde->abde', outputShape: [null, 2, 3], biasAxes: 'e', activation: 'tanh' },
    ...sequence,
    output: [3, 2, 3],
    params: 24 + 3,
  },
  elu: { config: { alpha: 0.5 } },
  embedding: { config: { inputDim: 5, outputDim: 3 }, inputs: [[4]], integers: 5, output: [4, 3], params: 15 },
  flatten: { inputs: [[2, 3]], output: [6] },
  gaussianDropout: { config: { rate: 0.2 } },
  gaussianNoise: { config: { stddev: 0.1 } },
  globalAveragePooling1d: { ...sequence, output: [4] },
  globalAveragePooling2d: { config: { keepDims: true }, ...image, output: [1, 1, 2] },
  globalAveragePooling3d: { ...volume, output: [2] },
  globalMaxPooling1d: { ...sequence, output: [4] },
  globalMaxPooling2d: { config: { keepDims: true }, ...image, output: [1, 1, 2] },
  globalMaxPooling3d: { ...volume, output: [2] },
  groupNormalization: { config: { groups: 2 }, ...sequence, params: 8 },
  groupQueryAttention: {
    config: { headDim: 2, numQueryHeads: 2, numKeyValueHeads: 1 },
    inputs: [
      [3, 4],
      [2, 4],
    ],
    params: 20 + 10 + 10 + 20,
  },
  gru: { config: { units: 3, dropout: 0.1 }, ...sequence, output: [3], params: 81 },
  gruCell: { config: { units: 3 }, inputs: [[4], [3]], output: [3], params: 81 },
  identity: {},
  input: { config: { shape: [4] } },
  instanceNormalization: { config: { epsilon: 1e-4, scale: false }, ...sequence, params: 4 },
  integerLookup: { config: { vocabulary: [3, 1], outputMode: 'multiHot' }, integers: 5, output: [3] },
  lambda: { config: { fn: { kind: 'functions.genericLambda' } } },
  layerNormalization: { config: { epsilon: 1e-3, center: false }, ...sequence, params: 4 },
  leakyRelu: { config: { negativeSlope: 0.2 } },
  lstm: {
    config: { units: 3, returnSequences: true, zeroOutputForMask: true },
    ...sequence,
    output: [3, 3],
    params: 96,
  },
  lstmCell: { config: { units: 3 }, inputs: [[4], [3], [3]], output: [3], params: 96 },
  masking: { config: { maskValue: 0.5 }, ...sequence },
  maxPooling1d: { config: { poolSize: 2, padding: 'same' }, ...sequence, output: [2, 4] },
  maxPooling2d: { ...image, output: [2, 2, 2] },
  maxPooling3d: { ...volume, output: [1, 1, 1, 2] },
  maximum: two,
  minimum: two,
  multiHeadAttention: {
    config: { numHeads: 2, keyDim: 3 },
    inputs: [
      [3, 4],
      [2, 4],
    ],
    params: 3 * 30 + 28,
  },
  multiply: two,
  normalization: { config: { mean: [0, 1, 2, 3], variance: [1, 4, 0.25, 2] } },
  permute: { config: { dims: [2, 1] }, ...sequence, output: [4, 3] },
  positionEmbedding: { config: { sequenceLength: 5 }, ...sequence, params: 20 },
  prelu: { config: { sharedAxes: [1] }, ...sequence, params: 4 },
  randomBrightness: { config: { factor: 0.1, valueRange: [-2, 2] }, ...image },
  randomContrast: { config: { factor: [0.1, 0.2], valueRange: [-2, 2], seed: 4 }, ...image },
  randomCrop: { config: { height: 3, width: 3 }, ...image, output: [3, 3, 2] },
  randomFlip: { config: { mode: 'horizontal' }, ...image },
  randomRotation: { config: { factor: [-0.02, 0.03], fillMode: 'nearest' }, ...image },
  randomTranslation: { config: { heightFactor: 0.1, widthFactor: [0, 0.1], interpolation: 'nearest' }, ...image },
  randomZoom: { config: { heightFactor: 0.1, fillMode: 'constant', fillValue: 0.5 }, ...image },
  relu: { config: { maxValue: 2, negativeSlope: 0.1, threshold: 0.2 } },
  repeatVector: { config: { n: 3 }, output: [3, 4] },
  rescaling: { config: { scale: 0.5, offset: [1, 2, 3, 4] } },
  reshape: { config: { targetShape: [2, -1] }, output: [2, 2] },
  resizing: { config: { height: 2, width: 6, antialias: true }, ...image, output: [2, 6, 2] },
  rmsNormalization: { ...sequence, params: 4 },
  rnn: { config: { cell: { kind: 'layers.lstmCell', config: { units: 3 } } }, ...sequence, output: [3], params: 96 },
  separableConv1d: { config: { filters: 3, kernelSize: 2 }, inputs: [[5, 2]], output: [4, 3], params: 13 },
  separableConv2d: { config: { filters: 3, kernelSize: 2 }, ...image, output: [3, 3, 3], params: 17 },
  simpleRNN: { config: { units: 3, goBackwards: true }, ...sequence, output: [3], params: 24 },
  simpleRNNCell: { config: { units: 3 }, inputs: [[4], [3]], output: [3], params: 24 },
  sinePositionEncoding: { config: { maxWavelength: 100 }, ...sequence },
  softmax: { config: { axis: 1 }, ...sequence },
  spatialDropout1d: { config: { rate: 0.3 }, ...sequence },
  spatialDropout2d: { config: { rate: 0.3 }, ...image },
  spatialDropout3d: { config: { rate: 0.3 }, inputs: [[2, 2, 2, 2]] },
  spectralNormalization: {
    config: { layer: { kind: 'layers.dense', config: { units: 3 } }, powerIterations: 2 },
    output: [3],
    params: 15 + 3,
  },
  stackedRNNCells: {
    config: {
      cells: [
        { kind: 'layers.simpleRNNCell', config: { units: 3 } },
        { kind: 'layers.gruCell', config: { units: 2 } },
      ],
    },
    inputs: [[4], [3], [2]],
    output: [2],
    params: 24 + 42,
  },
  subtract: two,
  timeDistributed: {
    config: { layer: { kind: 'layers.dense', config: { units: 2 } } },
    ...sequence,
    output: [3, 2],
    params: 10,
  },
  transformerDecoder: {
    config: { intermediateDim: 6, numHeads: 2 },
    inputs: [
      [3, 4],
      [2, 4],
    ],
    params: 2 * 80 + 3 * 8 + 58,
  },
  transformerEncoder: {
    config: { intermediateDim: 6, numHeads: 2, activation: 'gelu' },
    ...sequence,
    params: 80 + 2 * 8 + 58,
  },
  unitNormalization: { config: { axis: 1 }, ...sequence },
  upSampling1d: { config: { size: 2 }, ...sequence, output: [6, 4] },
  upSampling2d: { config: { size: 2, interpolation: 'bilinear' }, inputs: [[2, 2, 2]], output: [4, 4, 2] },
  upSampling3d: { inputs: [[1, 2, 2, 1]], output: [2, 4, 4, 1] },
  zeroPadding1d: { config: { padding: 2 }, ...sequence, output: [7, 4] },
  zeroPadding2d: { config: { padding: 1 }, inputs: [[2, 2, 2]], output: [4, 4, 2] },
  zeroPadding3d: { config: { padding: 1 }, inputs: [[1, 1, 1, 2]], output: [3, 3, 3, 2] },
};
