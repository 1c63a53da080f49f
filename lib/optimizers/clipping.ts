import type { Tensor } from '../ir/graph.js';
import { add, divide, maximum, minimum, multiply, sqrt, square } from '../ir/ops/elementwise.js';
import { norm, sum } from '../ir/ops/reduce.js';
import type { Parameter } from './optimizer.js';
import type { OptimizerOptions } from './options.js';

/** Parameters with gradients that are within the limits of the options. */
export function clipped(parameters: readonly Parameter[], options: OptimizerOptions): readonly Parameter[] {
  const { clipnorm, clipvalue, globalClipnorm, clipEpsilon = 0 } = options;
  const change = (clip: (g: Tensor) => Tensor) => parameters.map((p) => ({ ...p, gradient: clip(p.gradient) }));
  // a length of 0 gives an infinite quotient, of which 1 is left
  const factor = (length: Tensor, limit: number): Tensor => minimum(divide(limit, add(length, clipEpsilon)), 1);
  if (clipnorm !== undefined) return change((g) => multiply(g, factor(norm(g), clipnorm)));
  if (clipvalue !== undefined) return change((g) => minimum(maximum(g, -clipvalue), clipvalue));
  if (globalClipnorm !== undefined && parameters.length > 0) {
    const squares = parameters.map((p) => sum(square(p.gradient)));
    const shared = factor(sqrt(squares.reduce((a, b) => add(a, b))), globalClipnorm);
    return change((g) => multiply(g, shared));
  }
  return parameters;
}
