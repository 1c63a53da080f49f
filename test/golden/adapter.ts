import type { Tensor } from './api';
import type { Attributes, GoldenCase } from './set';

export type Tensors = Readonly<Record<string, Tensor>>;
export type Numbers = ArrayLike<number>;

/** Values of a case's inputs as plain arrays. */
export interface Loaded extends GoldenCase {
  readonly values: (input: string) => Numbers;
}

/** What a case says of its arrays. */
export interface Described {
  readonly tags: readonly string[];
  /** The order of axes, a letter each, by the name of the array. */
  readonly axes: Readonly<Record<string, string | undefined>>;
}

/** How the library computes a case. */
export type Computation =
  /** A pure function of the inputs: compiled, and differentiated where the case has gradients. */
  | {
      readonly traced: (
        inputs: Tensors,
        attrs: Attributes,
        shape: readonly number[],
        described: Described,
      ) => Tensor | Tensors;
    }
  /** Anything else: returns the outputs by name. */
  | { readonly computed: (golden: Loaded) => Readonly<Record<string, Numbers>> }
  /** Statistics: throws when a check fails. `checks` are the texts of those that it makes. */
  | { readonly checked: (golden: Loaded) => void; readonly checks: readonly string[] };

/** What a case has and an adapter does not read is not supported, except for what stands here. */
export interface Scope {
  /** Attributes of which the library has these values only. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>;
  /** Attributes that follow from the inputs. */
  readonly implied?: readonly string[];
  /** Arrays with their axes in any order. */
  readonly anyAxes?: true;
}

export type Adapter = Computation & Scope;

/** Thrown by an adapter for a variant that the library does not have. */
export class Unsupported extends Error {}

export const unsupported = (what: string): never => {
  throw new Unsupported(what);
};
