import { activation } from './activation.js';
import { elu, identity, leakyRelu, prelu, relu, softmax } from './activation-layers.js';
import { activityRegularization } from './activity-regularization.js';
import { argumentError } from './arguments.js';
import { additiveAttention, attention } from './attention/attention.js';
import { groupQueryAttention, multiHeadAttention } from './attention/multi-head.js';
import { transformerDecoder, transformerEncoder } from './attention/transformer.js';
import { batchNormalization } from './batch-normalization.js';
import { dense } from './dense.js';
import { dot } from './dot.js';
import { dropout } from './dropout.js';
import { einsumDense } from './einsum-dense.js';
import { embedding, positionEmbedding, rotaryEmbedding, sinePositionEncoding } from './embedding.js';
import {
  autoContrast,
  centerCrop,
  equalization,
  randomBrightness,
  randomContrast,
  randomCrop,
  randomErasing,
  randomFlip,
  randomGaussianBlur,
  randomGrayscale,
  randomHue,
  randomPerspective,
  randomPosterization,
  randomRotation,
  randomSaturation,
  randomSharpness,
  randomShear,
  randomTranslation,
  randomZoom,
  resizing,
  solarization,
} from './image/index.js';
import { inputLayer } from './input.js';
import { type LambdaFn, lambda } from './lambda.js';
import type { Layer, LayerOptions } from './layer.js';
import { add, average, concatenate, maximum, minimum, multiply, subtract } from './merge.js';
import {
  alphaDropout,
  gaussianDropout,
  gaussianNoise,
  spatialDropout1d,
  spatialDropout2d,
  spatialDropout3d,
} from './noise.js';
import {
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  rmsNormalization,
  unitNormalization,
} from './normalization.js';
import {
  categoryEncoding,
  discretization,
  hashedCrossing,
  hashing,
  integerLookup,
  normalization,
  rescaling,
} from './preprocessing/index.js';
import {
  bidirectional,
  convLstm1d,
  convLstm2d,
  convLstm3d,
  gru,
  gruCell,
  lstm,
  lstmCell,
  masking,
  rnn,
  simpleRNN,
  simpleRNNCell,
  stackedRNNCells,
  timeDistributed,
} from './recurrent/index.js';
import { flatten, permute, repeatVector, reshape } from './reshape.js';
import { conv1d, conv2d, conv3d } from './spatial/conv.js';
import { conv1dTranspose, conv2dTranspose, conv3dTranspose } from './spatial/conv-transpose.js';
import { depthwiseConv1d, depthwiseConv2d, separableConv1d, separableConv2d } from './spatial/depthwise.js';
import {
  adaptiveAveragePooling1d,
  adaptiveAveragePooling2d,
  adaptiveAveragePooling3d,
  adaptiveMaxPooling1d,
  adaptiveMaxPooling2d,
  adaptiveMaxPooling3d,
  globalAveragePooling1d,
  globalAveragePooling2d,
  globalAveragePooling3d,
  globalMaxPooling1d,
  globalMaxPooling2d,
  globalMaxPooling3d,
} from './spatial/global-pooling.js';
import {
  averagePooling1d,
  averagePooling2d,
  averagePooling3d,
  maxPooling1d,
  maxPooling2d,
  maxPooling3d,
} from './spatial/pooling.js';
import {
  cropping1d,
  cropping2d,
  cropping3d,
  upSampling1d,
  upSampling2d,
  upSampling3d,
  zeroPadding1d,
  zeroPadding2d,
  zeroPadding3d,
} from './spatial/resizing.js';
import { spectralNormalization } from './spectral-normalization.js';

/** Makes a layer from what its `getConfig` returned. */
export type LayerFactory = (config: never) => Layer;

/**
 * Every kind of layer that a saved model may name. The key is the layer's `kind`, the factory takes its options.
 * A new layer is one line here.
 */
const builtin: Readonly<Record<string, LayerFactory>> = {
  activation,
  activityRegularization,
  adaptiveAveragePooling1d,
  adaptiveAveragePooling2d,
  adaptiveAveragePooling3d,
  adaptiveMaxPooling1d,
  adaptiveMaxPooling2d,
  adaptiveMaxPooling3d,
  add,
  additiveAttention,
  alphaDropout,
  attention,
  autoContrast,
  average,
  averagePooling1d,
  averagePooling2d,
  averagePooling3d,
  batchNormalization,
  bidirectional,
  categoryEncoding,
  centerCrop,
  concatenate,
  conv1d,
  conv1dTranspose,
  conv2d,
  conv2dTranspose,
  conv3d,
  conv3dTranspose,
  convLstm1d,
  convLstm2d,
  convLstm3d,
  cropping1d,
  cropping2d,
  cropping3d,
  dense,
  depthwiseConv1d,
  depthwiseConv2d,
  discretization,
  dot,
  dropout,
  einsumDense,
  elu,
  embedding,
  equalization,
  flatten,
  gaussianDropout,
  gaussianNoise,
  globalAveragePooling1d,
  globalAveragePooling2d,
  globalAveragePooling3d,
  globalMaxPooling1d,
  globalMaxPooling2d,
  globalMaxPooling3d,
  groupNormalization,
  groupQueryAttention,
  gru,
  gruCell,
  hashedCrossing,
  hashing,
  identity,
  input: inputLayer,
  instanceNormalization,
  integerLookup,
  lambda: ({ fn, ...options }: { fn: LambdaFn } & LayerOptions) => lambda(fn, options),
  layerNormalization,
  leakyRelu,
  lstm,
  lstmCell,
  masking,
  maxPooling1d,
  maxPooling2d,
  maxPooling3d,
  maximum,
  minimum,
  multiHeadAttention,
  multiply,
  normalization,
  permute,
  positionEmbedding,
  prelu,
  randomBrightness,
  randomContrast,
  randomCrop,
  randomErasing,
  randomFlip,
  randomGaussianBlur,
  randomGrayscale,
  randomHue,
  randomPerspective,
  randomPosterization,
  randomRotation,
  randomSaturation,
  randomSharpness,
  randomShear,
  randomTranslation,
  randomZoom,
  relu,
  repeatVector,
  rescaling,
  reshape,
  resizing,
  rmsNormalization,
  rnn,
  rotaryEmbedding,
  separableConv1d,
  separableConv2d,
  simpleRNN,
  simpleRNNCell,
  sinePositionEncoding,
  softmax,
  solarization,
  spatialDropout1d,
  spatialDropout2d,
  spatialDropout3d,
  spectralNormalization,
  stackedRNNCells,
  subtract,
  timeDistributed,
  transformerDecoder,
  transformerEncoder,
  unitNormalization,
  upSampling1d,
  upSampling2d,
  upSampling3d,
  zeroPadding1d,
  zeroPadding2d,
  zeroPadding3d,
};

const custom = new Map<string, LayerFactory>();

/** The kinds of the library, without those that were registered. */
export const layerKinds: readonly string[] = Object.keys(builtin);

/** The factory of a kind, or undefined when there is none. */
export const layerFactory = (kind: string): LayerFactory | undefined =>
  Object.hasOwn(builtin, kind) ? builtin[kind] : custom.get(kind);

/** Whether a kind was registered by the user of the library. */
export const isCustomKind = (kind: string): boolean => custom.has(kind);

const wordPattern = /^[A-Za-z_][\w.-]*$/;

function register<T>(where: string, what: string, table: Map<string, T>, name: unknown, value: T): void {
  if (typeof name !== 'string' || !wordPattern.test(name)) throw argumentError(where, what, 'a word', name);
  if (typeof value !== 'function') throw argumentError(where, 'the second argument', 'a function', value);
  const known = table.get(name);
  if (known !== undefined && known !== value) throw new Error(`${where}: '${name}' is registered already`);
  table.set(name, value);
}

/**
 * Makes a kind of layer of your own known, so that models with it can be saved, loaded and cloned. Do it before loading.
 *
 * @param kind what the layer has as its `kind`
 * @param factory makes the layer from its configuration: the `config` of `layers.define`, or what `getConfig` of your
 *     class returns
 * @throws Error when the kind is one of the library, or registered for another factory
 *
 * @example
 * const scale = ({ factor }: { factor: number }) =>
 *   layers.define({ kind: 'scale', config: { factor }, call: ([x]) => ops.multiply(x, factor) });
 * registerLayer('scale', scale);
 */
export function registerLayer(kind: string, factory: LayerFactory): void {
  const where = 'registerLayer';
  if (Object.hasOwn(builtin, kind) || kind === 'model')
    throw new Error(`${where}: '${kind}' is a layer of the library`);
  register(where, 'kind', custom, kind, factory);
}

// biome-ignore lint/suspicious/noExplicitAny: any function at all may stand in a configuration
type AnyFunction = (...args: any[]) => unknown;

const functions = new Map<string, AnyFunction>();
const names = new WeakMap<AnyFunction, string>();

/**
 * Gives a function a name in saved models: an activation, initializer, regularizer, loss, metric or the function of a
 * `lambda` layer. Loading finds it by this name, so register it before loading as well.
 *
 * @returns `fn`
 * @throws Error when another function is registered under the name
 *
 * @example
 * const squash = registerFunction('squash', (x: Tensor) => ops.divide(x, ops.add(ops.abs(x), 1)));
 * layers.dense({ units: 8, activation: squash });
 */
export function registerFunction<F extends AnyFunction>(name: string, fn: F): F {
  register<AnyFunction>('registerFunction', 'name', functions, name, fn);
  names.set(fn, name);
  return fn;
}

export const registeredFunction = (name: string): AnyFunction | undefined => functions.get(name);

export const nameOfFunction = (fn: AnyFunction): string | undefined => names.get(fn);
