import type { DType, Shape, Tensor } from '../../../lib/ir/graph';
import { anywhere, type Draw } from '../domains';
import type { Random } from '../random';
import { float, someShape } from './inputs';

/** A value that a case is run on. Floats are rounded to float32, so that every runner sees the same numbers. */
export interface Input {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: Float64Array;
}

export interface Instance {
  readonly inputs: readonly Input[];
  readonly run: (...inputs: Tensor[]) => Tensor;
}

/** One way to use operations. `build` draws shapes and values; each draw is one test. */
export interface Case {
  readonly family: string;
  readonly name: string;
  /** Whether gradients with respect to its float32 inputs are compared with finite differences. */
  readonly differentiable: boolean;
  /** Operands are rounded: finite differences see steps, so gradients are compared with the reference only. */
  readonly rounds: boolean;
  /** Whether the gradient is differentiated once more. */
  readonly twice: boolean;
  /** Of one size, which takes seconds: one draw says what eight would. */
  readonly large: boolean;
  readonly build: (random: Random) => Instance;
}

export type Traits = {
  readonly differentiable?: boolean;
  readonly twice?: boolean;
  readonly large?: boolean;
  readonly rounds?: boolean;
};
export const notDifferentiable: Traits = { differentiable: false };
export const once: Traits = { twice: false };

export type Unary = (x: Tensor) => Tensor;
export type Binary = (a: Tensor, b: Tensor) => Tensor;

type Define = (name: string, build: Case['build'], traits?: Traits) => void;

/** A function that adds cases of a family to its list. */
export function into(list: Case[], family: string): Define {
  return (name, build, { differentiable = true, twice = differentiable, large = false, rounds = false } = {}) => {
    list.push({ family, name, differentiable, twice, large, rounds, build });
  };
}

/** The same for functions of one tensor of any shape. */
export function unaryWith(define: Define) {
  return (name: string, f: Unary, draw: Draw = anywhere, traits?: Traits) =>
    define(name, (random) => ({ inputs: [float(random, someShape(random), draw)], run: f }), traits);
}
