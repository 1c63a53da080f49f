export type { SampleBatch } from './adapt.js';
export { type CategoryEncodingOptions, categoryEncoding } from './category-encoding.js';
export type { ConstantValues } from './constant.js';
export { type Discretization, type DiscretizationOptions, discretization } from './discretization.js';
export type { EncodingMode } from './encode.js';
export { type IntegerLookup, type IntegerLookupOptions, integerLookup } from './integer-lookup.js';
export type { LookupMode, LookupOptions } from './lookup.js';
export { type FeatureNormalizationOptions, type Normalization, normalization } from './normalization.js';
export { type RescalingOptions, rescaling } from './rescaling.js';
