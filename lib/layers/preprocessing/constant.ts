import { tensor } from '../../ir/build.js';
import type { NestedArray, Tensor } from '../../ir/graph.js';
import { argumentError } from '../arguments.js';

/** Numbers that a layer is given as an argument. */
export type ConstantValues = number | Float32Array | readonly NestedArray[];

/** A float32 tensor of the numbers. They have been checked. */
export const constantOf = (values: ConstantValues): Tensor => tensor(values as NestedArray | Float32Array);

/** @throws Error when it is neither a finite number nor nested arrays of such */
export function readConstant(where: string, name: string, values: unknown): Tensor {
  const expected = 'a finite number or an array of them';
  if (!(typeof values === 'number' || Array.isArray(values) || values instanceof Float32Array)) {
    throw argumentError(where, name, expected, values);
  }
  let t: Tensor;
  try {
    t = constantOf(values);
  } catch (error) {
    throw new Error(`${where}: ${name}: ${(error as Error).message}`);
  }
  if (t.dtype !== 'float32' || t.size === 0 || !t.data.every(Number.isFinite)) {
    throw argumentError(where, name, expected, values);
  }
  return t;
}
