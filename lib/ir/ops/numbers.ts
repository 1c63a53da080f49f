import type { DType, Tensor } from '../graph.js';
import { cast } from './elementwise.js';

/**
 * What an operation on numbers sees: bools as the dtype that they count in, int8 and bfloat16 as float32,
 * others as they are.
 */
export function numbers(t: Tensor, ofBool: DType): Tensor {
  if (t.dtype === 'bool') return cast(t, ofBool);
  return t.dtype === 'int8' || t.dtype === 'bfloat16' ? cast(t, 'float32') : t;
}
