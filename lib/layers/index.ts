/** Layers: the parts that models are made of, with Keras's names. */
export { type ActivationOptions, activation } from './activation.js';
export {
  type EluOptions,
  elu,
  identity,
  type LeakyReluOptions,
  leakyRelu,
  type PreluOptions,
  prelu,
  type ReluOptions,
  relu,
  type SoftmaxOptions,
  softmax,
} from './activation-layers.js';
export type { Activation, ActivationFn, ActivationName } from './activations.js';
export { type ActivityRegularizationOptions, activityRegularization } from './activity-regularization.js';
export { type AttentionOptions, additiveAttention, attention } from './attention/attention.js';
export {
  type GroupQueryAttentionOptions,
  groupQueryAttention,
  type MultiHeadAttentionOptions,
  multiHeadAttention,
} from './attention/multi-head.js';
export {
  type TransformerEncoderOptions,
  type TransformerOptions,
  transformerDecoder,
  transformerEncoder,
} from './attention/transformer.js';
export { type BatchNormalizationOptions, batchNormalization } from './batch-normalization.js';
export { type CustomLayerOptions, define } from './define.js';
export { type DenseOptions, dense } from './dense.js';
export { type DotOptions, dot } from './dot.js';
export { type DropoutOptions, dropout } from './dropout.js';
export { type EinsumDenseOptions, einsumDense } from './einsum-dense.js';
export {
  type EmbeddingOptions,
  embedding,
  type PositionEmbeddingOptions,
  positionEmbedding,
  type RotaryEmbeddingOptions,
  rotaryEmbedding,
  type SinePositionEncodingOptions,
  sinePositionEncoding,
} from './embedding.js';
export * from './image/index.js';
export { InputLayer, type InputOptions, input, inputLayer } from './input.js';
export { type LambdaFn, lambda } from './lambda.js';
export {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  Layer,
  type LayerOptions,
  type RegularizerFn,
  type Weight,
  type WeightOptions,
} from './layer.js';
export {
  add,
  average,
  type ConcatenateOptions,
  concatenate,
  maximum,
  minimum,
  multiply,
  subtract,
} from './merge.js';
export {
  alphaDropout,
  type GaussianNoiseOptions,
  gaussianDropout,
  gaussianNoise,
  type NoiseOptions,
  type RateOptions,
  spatialDropout1d,
  spatialDropout2d,
  spatialDropout3d,
} from './noise.js';
export {
  type GroupNormalizationOptions,
  groupNormalization,
  type InstanceNormalizationOptions,
  instanceNormalization,
  type LayerNormalizationOptions,
  layerNormalization,
  type NormalizationOptions,
  type RmsNormalizationOptions,
  rmsNormalization,
  type UnitNormalizationOptions,
  unitNormalization,
} from './normalization.js';
export * from './preprocessing/index.js';
export * from './recurrent/index.js';
export {
  flatten,
  type PermuteOptions,
  permute,
  type RepeatVectorOptions,
  type ReshapeOptions,
  repeatVector,
  reshape,
} from './reshape.js';
export {
  type Conv1dOptions,
  type ConvOptions,
  conv1d,
  conv2d,
  conv3d,
} from './spatial/conv.js';
export {
  type ConvTransposeOptions,
  conv1dTranspose,
  conv2dTranspose,
  conv3dTranspose,
} from './spatial/conv-transpose.js';
export {
  type DepthwiseConvOptions,
  depthwiseConv1d,
  depthwiseConv2d,
  type SeparableConvOptions,
  separableConv1d,
  separableConv2d,
} from './spatial/depthwise.js';
export {
  type AdaptivePoolingOptions,
  adaptiveAveragePooling1d,
  adaptiveAveragePooling2d,
  adaptiveAveragePooling3d,
  adaptiveMaxPooling1d,
  adaptiveMaxPooling2d,
  adaptiveMaxPooling3d,
  type GlobalPoolingOptions,
  globalAveragePooling1d,
  globalAveragePooling2d,
  globalAveragePooling3d,
  globalMaxPooling1d,
  globalMaxPooling2d,
  globalMaxPooling3d,
} from './spatial/global-pooling.js';
export {
  averagePooling1d,
  averagePooling2d,
  averagePooling3d,
  maxPooling1d,
  maxPooling2d,
  maxPooling3d,
  type PoolingOptions,
} from './spatial/pooling.js';
export {
  type CroppingOptions,
  cropping1d,
  cropping2d,
  cropping3d,
  type UpSampling1dOptions,
  type UpSampling2dOptions,
  upSampling1d,
  upSampling2d,
  upSampling3d,
  type ZeroPaddingOptions,
  zeroPadding1d,
  zeroPadding2d,
  zeroPadding3d,
} from './spatial/resizing.js';
export { type SpectralNormalizationOptions, spectralNormalization } from './spectral-normalization.js';
export { type SymbolicShape, SymbolicTensor } from './symbolic.js';
