import type { Shape } from '../ir/graph.js';
import { sizeOf, Tensor } from '../ir/graph.js';
import type { SymbolicTensor } from '../layers/symbolic.js';
import { type ArrayData, type Column, type ColumnType, nestedShape, readColumn } from './columns.js';
import type { CompiledObjective } from './objective.js';

export const sampleShape = (t: SymbolicTensor): Shape => t.shape.slice(1) as number[];

/** What each input of a model expects. */
export const inputTypes = (inputs: readonly SymbolicTensor[], names: readonly string[]): ColumnType[] =>
  inputs.map((t, i) => ({
    label: inputs.length === 1 ? `x (input '${names[i]}')` : `x['${names[i]}']`,
    dtype: t.dtype,
    shape: sampleShape(t),
  }));

/**
 * Reads the targets of one output. Losses of the library know what they want; for other functions, nested arrays and
 * tensors keep their shape, and a flat array is divided evenly.
 */
export function readTarget(
  where: string,
  output: SymbolicTensor,
  { loss, name }: CompiledObjective['losses'][number],
  data: ArrayData,
  rows: number,
  label: string,
): Column {
  const shape = sampleShape(output);
  const classes = shape.at(-1);
  if (loss.task === 'sparseCategorical' && classes !== undefined) {
    return readColumn(where, { label, dtype: 'int32', shape: shape.slice(0, -1), classes }, data);
  }
  if (loss.targetDType !== undefined) {
    return readColumn(where, { label, dtype: loss.targetDType, shape }, data);
  }
  const custom = customShape(shape, data, rows);
  const dtype = data instanceof Tensor ? data.dtype : data instanceof Int32Array ? 'int32' : 'float32';
  return readColumn(where, { label: `${label} (output '${name}')`, dtype, shape: custom }, data);
}

function customShape(output: Shape, data: ArrayData, rows: number): Shape {
  if (data instanceof Tensor) return data.shape.slice(1);
  if (Array.isArray(data)) return nestedShape(data).slice(1);
  const { length } = data as ArrayLike<number>;
  if (length === rows * sizeOf(output) || length % rows !== 0) return output;
  return length === rows ? [] : [length / rows];
}
