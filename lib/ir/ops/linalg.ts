import { asTensor, broadcastShapes, broadcastTo, make, type Operand, opError } from '../build.js';
import { formatType, sizeOf, type Tensor } from '../graph.js';
import { encoding } from '../optable.js';
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
    return reshape(matmul(reshape(x, [sizeOf(x.shape.slice(0, -1)), k]), y), [...x.shape.slice(0, -1), n]);
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

/**
 * The product of float32 rows and an int8 matrix, in int8: [..., K] x [K, N] -> [..., N].
 *
 * With the step sᵢ = max |xᵢ| / 127 of row i and qᵢₖ = round(xᵢₖ / sᵢ), half to even, it is yᵢⱼ = sᵢ Σₖ qᵢₖ kernelₖⱼ: the
 * sums are exact in int32, and the same on every CPU. What the whole numbers of the kernel stand for, a scale for each column,
 * is yours to multiply by. Rows without a number from 2^-100 on in magnitude give zeros, rows with NaN or an infinity NaN.
 * No gradient flows back, as through `round`.
 *
 * Source: dynamic quantization as in Jacob et al., "Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference" (2018), without offsets.
 *
 * @param x [..., K]; other dtypes become float32
 * @param kernel int8 [K, N], K at most 131072
 * @throws Error when the kernel is not an int8 matrix, the inner dimensions differ, or K is too large
 *
 * @example
 * const kernel = tensor([[127, -127], [64, 0]], [2, 2], 'int8');
 * ops.multiply(ops.matmulInt8(tensor([[1, 0.5]]), kernel), tensor([0.01, 0.02]));
 */
export function matmulInt8(x: Operand, kernel: Tensor): Tensor {
  const op = 'matmulInt8';
  const a = cast(asTensor(op, 'x', x), 'float32');
  const b = asTensor(op, 'kernel', kernel);
  if (b.dtype !== 'int8' || b.rank !== 2) throw opError(op, `kernel must be an int8 matrix, got ${formatType(b)}`);
  const [k, n] = b.shape as readonly [number, number];
  if (a.rank === 0 || a.shape.at(-1) !== k) {
    throw opError(op, `inner dimensions differ: ${formatType(a)} x ${formatType(b)}`);
  }
  if (k > encoding.maxInt8Depth) {
    throw opError(op, `kernel must have at most ${encoding.maxInt8Depth} rows, got ${formatType(b)}`);
  }
  const rows = reshape(a, [sizeOf(a.shape.slice(0, -1)), k]);
  return reshape(make(op, [rows, b], {}, [rows.shape[0] as number, n], 'float32'), [...a.shape.slice(0, -1), n]);
}
