import { opError, show } from '../build.js';

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];

/**
 * - 'valid': none; outputs only where the window lies inside.
 * - 'same': as many outputs as ceil(size / stride); an odd cell of padding comes after (TensorFlow, Keras).
 * - 'causal': one spatial axis, all of the padding before: output t sees no input after t * stride.
 * - a list: [before, after] for each spatial axis.
 */
export type Padding = 'valid' | 'same' | 'causal' | readonly (readonly [number, number])[];

/** Steps and windows are encoded in words, and kernels keep tables of taps. */
const largestStep = 2 ** 24 - 1;
const largestWindow = 2 ** 16;

/** One whole number of at least `least` for each of `rank` axes. */
export function perAxis(op: string, name: string, value: PerAxis, rank: number, least = 1): number[] {
  const list: unknown = typeof value === 'number' ? new Array(rank).fill(value) : value;
  const valid = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= least && (n as number) <= largestStep;
  if (!Array.isArray(list) || list.length !== rank || !list.every(valid)) {
    const what = `whole numbers from ${least} to ${largestStep}`;
    throw opError(op, `${name} must be one or ${rank} ${what}, got ${show(value)}`);
  }
  return [...list];
}

/** Sizes of a window, bounded by what the kernels take. */
export function checkWindow(op: string, name: string, window: readonly number[]): void {
  if (window.some((n) => n < 1 || n > largestWindow)) {
    throw opError(op, `${name} must be from 1 to ${largestWindow} along each spatial axis, got [${window.join(', ')}]`);
  }
}

export interface Placement {
  /** Cells of padding [before, after] each axis. */
  readonly pads: [number, number][];
  /** Sizes of the output. */
  readonly out: number[];
}

/**
 * Where windows stand: out = floor((size + before + after - extent) / stride) + 1, extent being (window - 1) * dilation + 1.
 *
 * @throws Error when the padding is not valid or no window fits
 */
export function placeWindows(
  op: string,
  sizes: readonly number[],
  window: readonly number[],
  strides: readonly number[],
  dilation: readonly number[],
  padding: Padding,
): Placement {
  const pads = sizes.map((size, a): [number, number] => {
    const extent = ((window[a] as number) - 1) * (dilation[a] as number) + 1;
    if (padding === 'valid') return [0, 0];
    if (padding === 'same') return sameCells(size, extent, strides[a] as number);
    if (padding === 'causal' && sizes.length === 1) return [extent - 1, 0];
    return explicitCells(op, padding, a, sizes.length);
  });
  const out = sizes.map((size, a) => {
    const extent = ((window[a] as number) - 1) * (dilation[a] as number) + 1;
    const [before, after] = pads[a] as [number, number];
    const room = size + before + after - extent;
    if (room < 0) {
      throw opError(
        op,
        `a window that covers ${extent} cells does not fit spatial axis ${a} of size ${size} with padding [${before}, ${after}]`,
      );
    }
    return Math.floor(room / (strides[a] as number)) + 1;
  });
  return { pads, out };
}

/** Cells that 'same' adds: `ceil(size / stride)` windows, an odd cell after. */
export function sameCells(size: number, extent: number, stride: number): [number, number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** [before, after] of one axis of a padding that is a list. */
export function explicitCells(op: string, padding: Padding, axis: number, rank: number): [number, number] {
  const valid = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= largestStep;
  const pair: unknown = Array.isArray(padding) && padding.length === rank ? padding[axis] : undefined;
  if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(valid)) {
    const names = rank === 1 ? `'valid', 'same', 'causal'` : `'valid', 'same'`;
    throw opError(
      op,
      `padding must be ${names} or ${rank} pairs [before, after] of whole numbers, got ${show(padding)}`,
    );
  }
  return [pair[0], pair[1]];
}
