import { broadcastShapes, opError, show } from '../build.js';
import { formatType, type Shape, sameShape, Tensor } from '../graph.js';
import { greater, greaterEqual, logicalAnd } from './elementwise.js';
import { iota } from './random.js';

export const lowerTriangle = (rows: number, columns: number): Tensor =>
  greaterEqual(iota([rows, columns], 0), iota([rows, columns], 1));

export function checkMask(op: string, mask: unknown, scores: Shape): void {
  if (mask === undefined) return;
  if (!(mask instanceof Tensor) || mask.dtype === 'int32') {
    const got = mask instanceof Tensor ? formatType(mask) : show(mask);
    throw opError(op, `mask must be a tensor of bool or float32, got ${got}`);
  }
  if (!sameShape(broadcastShapes(op, scores, mask.shape), scores)) {
    throw opError(
      op,
      `mask ${formatType(mask)} must broadcast to the scores ${formatType({ dtype: 'float32', shape: scores })}`,
    );
  }
}

/** Which keys each query may attend to, if not all. */
export function visibleKeys(
  scores: Tensor,
  { mask, causal = false }: { readonly mask?: Tensor; readonly causal?: boolean },
): Tensor | undefined {
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  const order = causal ? lowerTriangle(queries, keys) : undefined;
  const seen = mask?.dtype === 'float32' ? greater(mask, Number.NEGATIVE_INFINITY) : mask;
  return seen === undefined ? order : order === undefined ? seen : logicalAnd(seen, order);
}
