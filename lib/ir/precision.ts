import type { encoding } from './optable.js';

/**
 * What the operands of a product are rounded to before they are multiplied. The products are exact, sums are float32. `tf32` is
 * a permission: the rounding is for kernels that are faster by it, others take the operands as they are, and so does the
 * reference.
 */
export type ProductPrecision = keyof typeof encoding.precisions;

/** What the products of a model are computed in, by the names that `compile` and `jit` take. */
export const precisions = {
  float32: 'float32',
  tf32: 'tf32',
  mixedBfloat16: 'bfloat16',
  bfloat16: 'bfloat16',
} as const satisfies Record<string, ProductPrecision>;

/**
 * - `float32`: everything.
 * - `tf32`: operands of products may be rounded to 11 bits of mantissa with the exponents of float32, which tensor cores of GPUs
 *   multiply faster; everywhere else it is `float32`.
 * - `mixedBfloat16`: products (`matmul`, convolutions, and those of attention) of operands that are rounded to bfloat16, to
 *   nearest and to even; their sums, and everything else, are float32. Tensors and weights stay float32 in memory.
 * - `bfloat16`: products as in `mixedBfloat16`; weights, what the optimizer keeps for them, and what layers hand to each other are
 *   bfloat16 in memory.
 */
export type Precision = keyof typeof precisions;

let current: ProductPrecision = 'float32';

/** Runs `body`; the products that it makes have this precision. */
export function withProductPrecision<T>(precision: ProductPrecision, body: () => T): T {
  const outer = current;
  current = precision;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** @throws Error for what is no name of a precision, after `where` */
export function checkPrecision(where: string, value: unknown): Precision {
  if (typeof value === 'string' && Object.hasOwn(precisions, value)) return value as Precision;
  const names = Object.keys(precisions).map((name) => `'${name}'`);
  const got = typeof value === 'string' ? `'${value}'` : String(value);
  throw new Error(`${where}precision must be one of ${names.join(', ')}, got ${got}`);
}

let narrow = false;

/** Whether layers that are traced now hand bfloat16 numbers to each other. */
export const handsOverNarrow = (): boolean => narrow;

function withHandOver<T>(asNarrow: boolean, body: () => T): T {
  const outer = narrow;
  narrow = asNarrow;
  try {
    return body();
  } finally {
    narrow = outer;
  }
}

/** Runs `body`, in which layers hand over what they compute: for parts of a layer that see each other's results many times. */
export const withExactHandOver = <T>(body: () => T): T => withHandOver(false, body);

/**
 * As `withProductPrecision`, by the name of a model's precision, which also says what layers hand to each other.
 *
 * @throws Error for another name
 */
export const withPrecision = <T>(precision: Precision, body: () => T): T =>
  withProductPrecision(precisions[checkPrecision('', precision)], () => withHandOver(precision === 'bfloat16', body));

/** Attributes that a product which is made now gets. */
export const productAttributes = (): { readonly precision?: ProductPrecision } =>
  current === 'float32' ? {} : { precision: current };
