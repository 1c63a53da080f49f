import { toBfloat16 } from '../../../lib/ir/bfloat16';
import { type Shape, sizeOf } from '../../../lib/ir/graph';
import { anywhere, type Draw, labels } from '../domains';
import type { Random } from '../random';
import type { Input } from './case';

export const float = (random: Random, shape: Shape, draw: Draw = anywhere): Input => ({
  shape,
  dtype: 'float32',
  values: draw(random, sizeOf(shape)).map(Math.fround),
});
export const bfloat16 = (random: Random, shape: Shape, draw: Draw = anywhere): Input => ({
  shape,
  dtype: 'bfloat16',
  values: draw(random, sizeOf(shape)).map(toBfloat16),
});
export const int = (random: Random, shape: Shape, low: number, high: number): Input => ({
  shape,
  dtype: 'int32',
  values: labels(low, high)(random, sizeOf(shape)),
});
export const int8 = (random: Random, shape: Shape, low = -128, high = 127): Input => ({
  ...int(random, shape, low, high),
  dtype: 'int8',
});
export const bool = (random: Random, shape: Shape): Input => ({ ...int(random, shape, 0, 1), dtype: 'bool' });

/** Shapes with tails that fill no vector, rank 0, and sizes beyond one tile. */
export const someShape = (random: Random): number[] =>
  random.pick([() => random.shape(), () => [random.int(1, 70)], () => [random.int(1, 7), random.int(1, 40)]])();

/** Two shapes that broadcast together, in many ways. */
export function broadcastPair(random: Random): [Shape, Shape] {
  const full = random.shape(random.int(1, 4), 5);
  const thin = (shape: readonly number[]): number[] =>
    shape.map((n) => (random.uniform() < 0.3 ? 1 : n)).slice(random.pick([0, 0, random.int(0, shape.length)]));
  const pair: [Shape, Shape] = random.uniform() < 0.4 ? [full, full] : [full, thin(full)];
  return random.uniform() < 0.5 ? pair : [pair[1], pair[0]];
}
