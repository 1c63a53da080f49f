import type { ScalarOp } from './optable.js';

/**
 * A straight-line program over scalar operations: what fusion turns a region of elementwise operations into.
 *
 * Registers are numbered: inputs first, then constants, then one per step in order (single assignment). The encoder
 * later renumbers the steps' registers so that dead ones are reused. The same program form serves `map` (all of it),
 * `reduce` (run before reducing, one output) and `matmul` (register 0 is the product; run on the tile while it is hot).
 */
export interface Program {
  readonly inputs: number;
  readonly constants: readonly Constant[];
  readonly steps: readonly Step[];
  /** Registers whose values are stored, in output order. */
  readonly outputs: readonly number[];
}

export interface Constant {
  readonly value: number;
  readonly lanes: 'f' | 'i';
}

export interface Step {
  readonly op: ScalarOp;
  /** Lane type of the operands. */
  readonly lanes: 'f' | 'i';
  readonly args: readonly number[];
  /** `random`: [stream, 0]; `iota`: [inner, size]; otherwise absent. */
  readonly immediates?: readonly [number, number];
}

/** The program that only passes its single input on. */
export const identityProgram: Program = { inputs: 1, constants: [], steps: [], outputs: [0] };
