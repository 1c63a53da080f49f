import type { Tensor } from './api';
import type { Attributes, GoldenCase } from './set';

export type Tensors = Readonly<Record<string, Tensor>>;
export type Numbers = ArrayLike<number>;

/** Values of a case's inputs as plain arrays. */
export interface Loaded extends GoldenCase {
  readonly values: (input: string) => Numbers;
}

/** How the library computes a case. */
export type Adapter =
  /** A pure function of the inputs: compiled, and differentiated where the case has gradients. */
  | { readonly traced: (inputs: Tensors, attrs: Attributes, shape: readonly number[]) => Tensor | Tensors }
  /** Anything else: returns the outputs by name. */
  | { readonly computed: (golden: Loaded) => Readonly<Record<string, Numbers>> }
  /** Statistics: throws when a check fails. */
  | { readonly checked: (golden: Loaded) => void };

/** Thrown by an adapter for a variant that the library does not have. */
export class Unsupported extends Error {}

export const unsupported = (what: string): never => {
  throw new Unsupported(what);
};
