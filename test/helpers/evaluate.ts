import { make } from '../../lib/ir/build';
import type { DType, Node, Shape, Tensor, Variable } from '../../lib/ir/graph';
import { interpret } from '../../lib/ir/reference';
import type { CallContext } from '../../lib/layers/layer';

/** Values of tensors in float64, with fed inputs and variables. */
export function evaluate(
  outputs: readonly Tensor[],
  feeds: readonly ArrayLike<number>[] = [],
  variables: ReadonlyMap<Variable, ArrayLike<number>> = new Map(),
  writes: readonly Node[] = [],
) {
  return interpret({ inputs: [], outputs, writes }, { feeds, variables });
}

/** A fed input. */
export const fed = (slot: number, shape: Shape, dtype: DType = 'float32'): Tensor =>
  make('input', [], { slot }, shape, dtype);

/** Reads variables as they are, and collects what a layer writes and adds to the loss. */
export function recordingContext(training: boolean) {
  const losses: Tensor[] = [];
  const writes = new Map<Variable, Tensor>();
  const context: CallContext = {
    training,
    read: (variable) => make('variable', [], { variable }, variable.shape, variable.dtype),
    write: (variable, value) => writes.set(variable, value),
    addLoss: (penalty) => losses.push(penalty),
  };
  return { context, losses, writes };
}

/** Compares numbers; the tolerance is that of constants, which graphs hold in float32. */
export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-6): void {
  expect(got.length).toBe(expected.length);
  for (let i = 0; i < got.length; i++) {
    const [g, e] = [got[i], expected[i]];
    if (!(Math.abs(g - e) <= tolerance * (1 + Math.abs(e)))) throw new Error(`[${i}]: got ${g}, expected ${e}`);
  }
}
