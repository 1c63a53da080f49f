import { asTensor, broadcastShapes, broadcastTo, make, type Operand, opError } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { productAttributes } from '../precision.js';
import { cast } from './elementwise.js';
import { reshape } from './shape.js';

/**
 * Matrix product of the last two axes: [..., M, K] x [..., K, N] -> [..., M, N]. Leading axes broadcast; a vector on
 * either side is treated as a row or a column and dropped again (NumPy's rule).
 *
 * @throws Error when the inner dimensions differ
 */
export function matmul(a: Operand, b: Operand): Tensor {
  const x = cast(asTensor('matmul', 'a', a), 'float32');
  const y = cast(asTensor('matmul', 'b', b), 'float32');
  if (x.rank === 0 || y.rank === 0)
    throw opError('matmul', `expected matrices, got ${formatType(x)} and ${formatType(y)}`);
  if (x.rank === 1) {
    const product = matmul(reshape(x, [1, x.size]), y);
    return reshape(
      product,
      product.shape.filter((_, i) => i !== product.rank - (y.rank === 1 ? 1 : 2)),
    );
  }
  if (y.rank === 1) {
    const product = matmul(x, reshape(y, [y.size, 1]));
    return reshape(product, product.shape.slice(0, -1));
  }
  const [m, k] = x.shape.slice(-2) as [number, number];
  const [k2, n] = y.shape.slice(-2) as [number, number];
  if (k !== k2) throw opError('matmul', `inner dimensions differ: ${formatType(x)} x ${formatType(y)}`);
  // [B..., M, K] x [K, N] is one tall product, which needs no batch
  if (x.rank > 2 && y.rank === 2) {
    return reshape(matmul(reshape(x, [-1, k]), y), [...x.shape.slice(0, -1), n]);
  }
  const batch = broadcastShapes('matmul', x.shape.slice(0, -2), y.shape.slice(0, -2));
  return make(
    'matmul',
    [broadcastTo(x, [...batch, m, k]), broadcastTo(y, [...batch, k, n])],
    productAttributes(),
    [...batch, m, n],
    'float32',
  );
}
