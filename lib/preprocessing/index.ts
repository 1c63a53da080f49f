/** Preprocessing of strings, outside of models, with Keras's names. For numbers see `layers`. */
export { type AnyPreprocessor, fromJSON, load } from './load.js';
export type { Preprocessor, PreprocessorJson } from './preprocessor.js';
export {
  type InverseStringLookup,
  type StringLookup,
  type StringLookupOptions,
  stringLookup,
} from './string-lookup.js';
export type { Strings } from './strings.js';
export {
  type Texts,
  type TextVectorization,
  type TextVectorizationOptions,
  textVectorization,
} from './text-vectorization.js';
export type { SplitFn, SplitName, StandardizeFn, StandardizeName } from './tokenize.js';
