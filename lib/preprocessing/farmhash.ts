/**
 * FarmHash's 64-bit fingerprint of a string's UTF-8 bytes: what TensorFlow, and so Keras, chooses buckets for strings with.
 *
 * Source: Pike, "FarmHash", https://github.com/google/farmhash.
 */
export function fingerprint64(text: string): bigint {
  const bytes = new TextEncoder().encode(text);
  const s = new DataView(bytes.buffer);
  if (bytes.length <= 16) return upTo16(s);
  if (bytes.length <= 32) return upTo32(s);
  return bytes.length <= 64 ? upTo64(s) : beyond64(s);
}

const k0 = 0xc3a5c85c97cb3127n;
const k1 = 0xb492b66fbe98f273n;
const k2 = 0x9ae16a3b2f90404fn;

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const rotate = (x: bigint, by: bigint): bigint => {
  const v = u64(x);
  return u64((v >> by) | (v << (64n - by)));
};
const shiftMix = (x: bigint): bigint => u64(x) ^ (u64(x) >> 47n);
const at = (s: DataView, offset: number): bigint => s.getBigUint64(offset, true);
const multiplier = (s: DataView): bigint => k2 + BigInt(s.byteLength) * 2n;

function mix(u: bigint, v: bigint, mul: bigint): bigint {
  const a = shiftMix((u64(u) ^ u64(v)) * mul);
  return u64(shiftMix((u64(v) ^ a) * mul) * mul);
}

function upTo16(s: DataView): bigint {
  const n = s.byteLength;
  if (n >= 8) {
    const mul = multiplier(s);
    const a = at(s, 0) + k2;
    const b = at(s, n - 8);
    return mix(rotate(b, 37n) * mul + a, (rotate(a, 25n) + b) * mul, mul);
  }
  if (n >= 4) {
    const first = BigInt(s.getUint32(0, true));
    return mix(BigInt(n) + (first << 3n), BigInt(s.getUint32(n - 4, true)), multiplier(s));
  }
  if (n === 0) return k2;
  const y = BigInt(s.getUint8(0) + (s.getUint8(n >> 1) << 8));
  const z = BigInt(n + (s.getUint8(n - 1) << 2));
  return u64(shiftMix(u64(y * k2) ^ u64(z * k0)) * k2);
}

function upTo32(s: DataView): bigint {
  const n = s.byteLength;
  const mul = multiplier(s);
  const a = at(s, 0) * k1;
  const b = at(s, 8);
  const c = at(s, n - 8) * mul;
  const d = at(s, n - 16) * k2;
  return mix(rotate(a + b, 43n) + rotate(c, 30n) + d, a + rotate(b + k2, 18n) + c, mul);
}

function upTo64(s: DataView): bigint {
  const n = s.byteLength;
  const mul = multiplier(s);
  const a = at(s, 0) * k2;
  const b = at(s, 8);
  const c = at(s, n - 8) * mul;
  const d = at(s, n - 16) * k2;
  const y = rotate(a + b, 43n) + rotate(c, 30n) + d;
  const z = mix(y, a + rotate(b + k2, 18n) + c, mul);
  const e = at(s, 16) * mul;
  const f = at(s, 24);
  const g = (y + at(s, n - 32)) * mul;
  const h = (z + at(s, n - 24)) * mul;
  return mix(rotate(e + f, 43n) + rotate(g, 30n) + h, e + rotate(f + a, 18n) + g, mul);
}

type Pair = readonly [bigint, bigint];

function weak32(s: DataView, offset: number, a: bigint, b: bigint): Pair {
  const [w, x, y, z] = [at(s, offset), at(s, offset + 8), at(s, offset + 16), at(s, offset + 24)];
  const first = a + w;
  const sum = first + x + y;
  return [u64(sum + z), u64(rotate(b + first + z, 21n) + rotate(sum, 44n) + first)];
}

function beyond64(s: DataView): bigint {
  const n = s.byteLength;
  const rest = (n - 1) & 63;
  const end = n - 1 - rest;
  let x = u64(81n * k2 + at(s, 0));
  let y = u64(81n * k1 + 113n);
  let z = u64(shiftMix(y * k2 + 113n) * k2);
  let v: Pair = [0n, 0n];
  let w: Pair = [0n, 0n];
  const round = (from: number, mul: bigint, nine: bigint): void => {
    x = u64(rotate(x + y + v[0] + at(s, from + 8), 37n) * mul);
    y = u64(rotate(y + v[1] + at(s, from + 48), 42n) * mul);
    x ^= u64(w[1] * nine);
    y = u64(y + v[0] * nine + at(s, from + 40));
    z = u64(rotate(z + w[0], 33n) * mul);
    v = weak32(s, from, v[1] * mul, x + w[0]);
    w = weak32(s, from + 32, z + w[1], y + at(s, from + 16));
    [z, x] = [x, z];
  };
  for (let from = 0; from < end; from += 64) round(from, k1, 1n);
  const mul = k1 + ((z & 0xffn) << 1n);
  const extra = w[0] + BigInt(rest);
  v = [v[0] + extra, v[1]];
  w = [extra + v[0], w[1]];
  round(end + rest - 63, mul, 9n); // the last 64 bytes, some of them for the second time
  return mix(mix(v[0], w[0], mul) + shiftMix(y) * k0 + z, mix(v[1], w[1], mul) + x, mul);
}
