import type { AttributesOf, Node, Tensor } from '../graph.js';
import { type OpName, opTable } from '../optable.js';
import { type ProductPrecision, withProductPrecision } from '../precision.js';
import { attentionByParts, attentionGradByParts } from './attention.js';
import { mapByParts } from './map.js';
import { normalizedByParts, normalizedGradByParts } from './normalization.js';

type Composite = { [O in OpName]: (typeof opTable)[O] extends { readonly composite: true } ? O : never }[OpName];

/**
 * What operations with a kernel of their own are made of: their definition for the reference, their gradient where they
 * have no rule, and the measure of what rounding may do to them. From the operands to the results.
 */
const parts: {
  readonly [O in Composite | 'map']: (inputs: readonly Tensor[], attrs: AttributesOf<O>) => readonly Tensor[];
} = {
  map: mapByParts,
  attention: attentionByParts,
  attentionGrad: attentionGradByParts,
  normalize: normalizedByParts,
  normalizeGrad: normalizedGradByParts,
};

export const isComposite = (op: OpName): op is Composite => 'composite' in opTable[op];

/** The results of a composite, or of a program, as other operations compute them from `inputs`. */
export function byParts(node: Node, inputs: readonly Tensor[] = node.inputs): readonly Tensor[] {
  const make = parts[node.op as keyof typeof parts] as (inputs: readonly Tensor[], attrs: unknown) => readonly Tensor[];
  // its own, whatever the precision of the products around it
  const { precision = 'float32' } = node.attrs as { readonly precision?: ProductPrecision };
  return withProductPrecision(precision, () => make(inputs, node.attrs));
}
