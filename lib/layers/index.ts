/** Layers: the parts that models are made of, with Keras's names. */
export { type ActivationOptions, activation } from './activation.js';
export type { Activation, ActivationFn, ActivationName } from './activations.js';
export { type CustomLayerOptions, define } from './define.js';
export { type DenseOptions, dense } from './dense.js';
export { type DropoutOptions, dropout } from './dropout.js';
export { InputLayer, type InputOptions, input, inputLayer } from './input.js';
export { type LambdaFn, lambda } from './lambda.js';
export {
  type CallContext,
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
export { type LayerFactory, registerFunction, registerLayer } from './registry.js';
export { flatten, type ReshapeOptions, reshape } from './reshape.js';
export { type SymbolicShape, SymbolicTensor } from './symbolic.js';
