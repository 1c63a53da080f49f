/** Window functions: how much each of n neighbouring values counts, symmetric, for signals and spectra. */
import { checkNumber, opError, show, tensor } from '../build.js';
import type { Tensor } from '../graph.js';

/** Of n values from position -1 to 1. */
function taper(op: string, n: number, of: (position: number) => number): Tensor {
  if (!Number.isInteger(n) || n < 0) {
    throw opError(op, `n must be a whole number that is not negative, got ${show(n)}`);
  }
  if (n === 1) return tensor([1]);
  return tensor(Float32Array.from({ length: n }, (_, i) => of((2 * i) / (n - 1) - 1)));
}

/**
 * Bartlett's window, a triangle: 1 - |p|, with p from -1 to 1. [n]
 *
 * @throws Error when n is not a whole number or is negative
 */
export const bartlett = (n: number): Tensor => taper('bartlett', n, (p) => 1 - Math.abs(p));
/**
 * Hann's window: 0.5 + 0.5 cos(pi p), with p from -1 to 1. [n]
 *
 * @throws Error when n is not a whole number or is negative
 *
 * @example
 * ops.hanning(5); // 0, 0.5, 1, 0.5, 0
 */
export const hanning = (n: number): Tensor => taper('hanning', n, (p) => 0.5 + 0.5 * Math.cos(Math.PI * p));
/**
 * Hamming's window: 0.54 + 0.46 cos(pi p), with p from -1 to 1. [n]
 *
 * @throws Error when n is not a whole number or is negative
 */
export const hamming = (n: number): Tensor => taper('hamming', n, (p) => 0.54 + 0.46 * Math.cos(Math.PI * p));
/**
 * Blackman's window: 0.42 + 0.5 cos(pi p) + 0.08 cos(2 pi p), with p from -1 to 1. [n]
 *
 * @throws Error when n is not a whole number or is negative
 */
export const blackman = (n: number): Tensor =>
  taper('blackman', n, (p) => 0.42 + 0.5 * Math.cos(Math.PI * p) + 0.08 * Math.cos(2 * Math.PI * p));
/**
 * Kaiser's window: I0(beta sqrt(1 - p^2)) / I0(beta), with p from -1 to 1 and the modified Bessel function I0. [n]
 *
 * @param beta 0: all 1; larger is narrower
 * @throws Error when n is not a whole number or is negative
 */
export function kaiser(n: number, beta: number): Tensor {
  checkNumber('kaiser', 'beta', beta);
  return taper('kaiser', n, (p) => besselI0(beta * Math.sqrt(Math.max(0, 1 - p * p))) / besselI0(beta));
}

/** Its power series: terms (x^2 / 4)^k / k!^2. */
function besselI0(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x * x) / (4 * k * k);
    sum += term;
  }
  return sum;
}
