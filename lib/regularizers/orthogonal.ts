import type { Tensor } from '../ir/graph.js';
import { abs, divide, equal, maximum, multiply, where as select, sqrt, square } from '../ir/ops/elementwise.js';
import { matmul } from '../ir/ops/linalg.js';
import { iota } from '../ir/ops/random.js';
import { sum } from '../ir/ops/reduce.js';
import { transpose } from '../ir/ops/shape.js';
import { checkOptions, numberIn, oneOf } from '../layers/arguments.js';
import type { RegularizerFn } from '../layers/layer.js';
import { remember } from '../layers/recipe.js';

export interface OrthogonalRegularizerOptions {
  /** Factor of the penalty. Default: 0.01. */
  readonly factor?: number;
  /** Which vectors of a matrix should be orthogonal. Default: 'rows'. */
  readonly mode?: 'rows' | 'columns';
}

/**
 * Penalty factor * mean over all pairs of rows (or columns) of |cosine of their angle|: drives them to be orthogonal.
 *
 * @throws Error when an option is not valid; when used, if the weight is not a matrix
 *
 * @example
 * layers.dense({ units: 8, kernelRegularizer: regularizers.orthogonal({ factor: 0.1 }) });
 */
export function orthogonal(options: OrthogonalRegularizerOptions = {}): RegularizerFn {
  const where = 'regularizers.orthogonal';
  checkOptions(where, options, ['factor', 'mode']);
  const factor = numberIn(where, 'factor', options.factor ?? 0.01, { min: 0 });
  const mode = oneOf(where, 'mode', options.mode ?? 'rows', ['rows', 'columns']);
  const penalty: RegularizerFn = (w) => {
    if (w.rank !== 2) throw new Error(`${where}: needs a weight of rank 2, got shape [${w.shape.join(', ')}]`);
    const vectors = mode === 'rows' ? w : transpose(w);
    const count = vectors.shape[0] as number;
    const length = sqrt(maximum(sum(square(vectors), 1, { keepDims: true }), 1e-12));
    const directions: Tensor = divide(vectors, length);
    const cosines = matmul(directions, transpose(directions));
    const shape = [count, count];
    const pairs = select(equal(iota(shape, 0), iota(shape, 1)), 0, abs(cosines));
    return multiply(sum(pairs), factor / Math.max(1, count * (count - 1)));
  };
  return remember(penalty, where, options);
}
