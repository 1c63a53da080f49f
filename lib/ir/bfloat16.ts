/**
 * bfloat16 numbers: the upper 16 bits of a float32, 8 bits of mantissa and all of the exponent. They are in memory only.
 * `castBfloat16` rounds to them, `widen` takes them as the float32 numbers that they are, exactly; programs read and write
 * them as float lanes. Everything else computes with float32.
 */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the nearest float32 number, rounded as `toBfloat16` says. */
function roundedBits(x: number): number {
  float[0] = x;
  if (Number.isNaN(float[0])) return 0x7fc00000;
  const word = bits[0] as number;
  const magnitude = word & 0x7fffffff;
  return (magnitude < 0x00800000 ? word & 0x80000000 : (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000) >>> 0;
}

/**
 * The nearest bfloat16 number, 8 bits of mantissa and the exponents of float32; the even one of two. Numbers below the normal
 * ones, 2^-126 in magnitude, become zeros, as they do in the instructions that compute with bfloat16.
 */
export function toBfloat16(x: number): number {
  bits[0] = roundedBits(x);
  return float[0] as number;
}

/** The number behind 16 bits. */
export function fromBfloat16(upper: number): number {
  bits[0] = upper << 16;
  return float[0] as number;
}

/** The bits of numbers, each rounded. */
export function roundToBfloat16(values: ArrayLike<number>): Uint16Array {
  const rounded = new Uint16Array(values.length);
  for (let i = 0; i < rounded.length; i++) rounded[i] = roundedBits(values[i] as number) >>> 16;
  return rounded;
}

/** The numbers behind bits. */
export function widenBfloat16(values: ArrayLike<number>): Float32Array {
  const wide = new Float32Array(values.length);
  const words = new Uint32Array(wide.buffer);
  for (let i = 0; i < words.length; i++) words[i] = (values[i] as number) << 16;
  return wide;
}
