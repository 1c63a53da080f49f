import type { Tensor } from '../../ir/graph.js';
import { cast, multiply } from '../../ir/ops/elementwise.js';
import { oneHot } from '../../ir/ops/indexing.js';
import { max, sum } from '../../ir/ops/reduce.js';
import { expandDims, reshape } from '../../ir/ops/shape.js';

export type EncodingMode = 'oneHot' | 'multiHot' | 'count';

/**
 * Category numbers as vectors of length `depth`; numbers out of range are left out.
 *
 * - 'oneHot': [..., n] -> [..., n, depth], and [..., 1] -> [..., depth]
 * - 'multiHot', 'count': [..., n] -> [..., depth]; each sample on its own, [batch], counts as one category for each
 *
 * @param indices int32 [batch, ...]
 * @param weights of the shape of `indices`: what each category adds to its count
 */
export function encodeCategories(indices: Tensor, mode: EncodingMode, depth: number, weights?: Tensor): Tensor {
  const single = indices.rank > 1 && indices.shape.at(-1) === 1;
  const flat = single && mode === 'oneHot' ? reshape(indices, indices.shape.slice(0, -1)) : indices;
  const hot = oneHot(flat, depth);
  if (mode === 'oneHot') return hot;
  const weighted = weights === undefined ? hot : multiply(hot, expandDims(cast(weights, 'float32'), -1));
  if (indices.rank === 1) return weighted;
  return mode === 'multiHot' ? max(hot, -2) : sum(weighted, -2);
}
