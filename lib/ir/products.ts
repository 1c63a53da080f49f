import type { Tensor } from './graph.js';
import { add } from './ops/elementwise.js';
import { matmul } from './ops/linalg.js';
import { concatenate, swapLastAxes } from './ops/shape.js';
import { type ProductPrecision, withProductPrecision } from './precision.js';

/** aᵀ b of two matrices [K, M] and [K, N]: the gradient of a weight that was used in a product. */
export interface Product {
  readonly a: Tensor;
  readonly b: Tensor;
  /** Default: 'float32'. */
  readonly precision?: ProductPrecision;
}

/**
 * The sum of products of one shape [M, N].
 *
 * A weight that is used in T steps of a recurrent network gets T products. They are one product of the factors laid end to
 * end, Σ aₜᵀ bₜ = [a₁; a₂; ...]ᵀ [b₁; b₂; ...], which passes over the result once instead of T times. Tall factors stay
 * apart: there moving them would cost more than the sum.
 */
export function sumProducts(products: readonly Product[]): Tensor {
  // in the order of the forward pass, in which a sequence is laid out
  const short = products.filter(isShort).reverse();
  const joined = [...new Set(short.map((p) => p.precision))].map((precision) =>
    join(
      short.filter((p) => p.precision === precision),
      precision,
    ),
  );
  return [...products.filter((p) => !isShort(p)), ...joined]
    .map(({ a, b, precision = 'float32' }) => withProductPrecision(precision, () => matmul(swapLastAxes(a), b)))
    .reduce((x, y) => add(x, y));
}

/** Moving both factors costs no more than adding a result of theirs to a sum. */
function isShort({ a, b }: Product): boolean {
  const [k, m] = a.shape as readonly [number, number];
  const n = b.shape[1] as number;
  return k * (m + n) <= 4 * m * n;
}

function join(products: readonly Product[], precision: Product['precision']): Product {
  const [first] = products;
  if (products.length === 1 && first !== undefined) return first;
  return {
    precision,
    a: concatenate(
      products.map(({ a }) => a),
      0,
    ),
    b: concatenate(
      products.map(({ b }) => b),
      0,
    ),
  };
}
