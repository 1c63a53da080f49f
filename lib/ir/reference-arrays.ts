// Dense row-major arrays, as the float64 reference has them.
import { type Shape, sizeOf } from './graph.js';

/** Row-major strides: how far apart in memory neighbours along each axis are. */
export function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Index along each axis of the element at a row-major position. */
export function coordinates(position: number, shape: Shape): number[] {
  return stridesOf(shape).map((stride, axis) => Math.floor(position / stride) % shape[axis]);
}

/** The coordinates of every element, in row-major order. */
export const everyIndex = (shape: Shape): number[][] =>
  Array.from({ length: sizeOf(shape) }, (_, position) => coordinates(position, shape));

/**
 * Where the elements of an array of this shape are, in row-major order, when the first is at `first` and neighbours along
 * each axis are that axis's stride apart.
 */
export function positions(shape: Shape, strides: readonly number[], first = 0): Int32Array {
  let found = Int32Array.of(first);
  for (const [axis, n] of shape.entries()) {
    const along = new Int32Array(found.length * n);
    for (let at = 0; at < found.length; at++) {
      for (let i = 0; i < n; i++) along[at * n + i] = found[at] + i * strides[axis];
    }
    found = along;
  }
  return found;
}

export function fill(size: number, value: (position: number) => number): Float64Array {
  const out = new Float64Array(size);
  for (let at = 0; at < size; at++) out[at] = value(at);
  return out;
}
