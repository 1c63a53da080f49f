/** How numbers become int8, x ≈ q step with q in -127 .. 127, and the step that goes with the largest magnitude. */
export interface Int8Scale {
  /** q = round(x * factor). */
  readonly factor: number;
  readonly step: number;
}

/** Where no number is as large as this, all count as 0: 127 / x is a float32 from here on, and so is x / 127. */
const least = 2 ** -100;

/**
 * Both in float32, as kernels compute them. The step of what holds NaN or an infinity is NaN.
 *
 * @param largest the greatest magnitude of the numbers, NaN if one of them is
 */
export function int8Scale(largest: number): Int8Scale {
  if (!Number.isFinite(largest)) return { factor: 0, step: Number.NaN };
  if (largest < least) return { factor: 0, step: 0 };
  return { factor: Math.fround(127 / largest), step: Math.fround(largest / 127) };
}

/** 1.5 * 2^52: its neighbours are whole numbers, so adding it rounds to one, half to even. */
const rounder = 6755399441055744;

/** x as a whole number, with the factor of an `Int8Scale`. Half to even. */
export const toInt8 = (x: number, factor: number): number => Math.fround(x * factor) + rounder - rounder;
