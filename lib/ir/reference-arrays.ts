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

export const positionOf = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, i, axis) => sum + i * strides[axis], 0);

export function fill(size: number, value: (position: number) => number): Float64Array {
  return Float64Array.from({ length: size }, (_, position) => value(position));
}
