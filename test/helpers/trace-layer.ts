import type { Tensor, Variable } from '../../lib/ir/graph';
import type { Layer } from '../../lib/layers/layer';

/** Results of a layer for given inputs and values of its weights, by what their names end with: 'kernel'. */
export function traceWith(
  layer: Layer,
  inputs: readonly Tensor[],
  weights: Readonly<Record<string, Tensor>>,
): readonly Tensor[] {
  layer.ensureBuilt(inputs);
  const read = ({ name }: Variable): Tensor => {
    const value = weights[name.slice(name.indexOf('/') + 1)];
    if (value === undefined) throw new Error(`no value for weight ${name}`);
    return value;
  };
  return layer.trace(inputs, { training: false, read, write: () => {}, addLoss: () => {} });
}
