import { currentScope, normalizeAxes } from '../build.js';
import { Node, sizeOf, type Tensor } from '../graph.js';
import { add, multiply, rsqrt, square, subtract } from './elementwise.js';
import { type Axes, mean } from './reduce.js';
import { reshape, transpose } from './shape.js';

/** Of so few elements the kernel computes in float64, see `native/cpu/simd/normalize.inl`. */
const fewElements = 16;

/** (x - mean) / sqrt(variance + epsilon) over axes. Two passes: x^2 - mean^2 would cancel where the mean is large. */
export function standardize(x: Tensor, axes: Axes, epsilon: number): Tensor {
  const few = standardizeFew(x, normalizeAxes('standardize', axes, x.rank), epsilon);
  if (few !== undefined) return few;
  const centered = subtract(x, mean(x, axes, { keepDims: true }));
  return multiply(centered, rsqrt(add(mean(square(centered), axes, { keepDims: true }), epsilon)));
}

/** The same by the kernel for rows, of a few elements each, or undefined where there are more. */
export function standardizeFew(x: Tensor, axes: readonly number[], epsilon: number): Tensor | undefined {
  const kept = [...x.shape.keys()].filter((i) => !axes.includes(i));
  const count = sizeOf(axes.map((i) => x.shape[i] as number));
  if (x.size === 0 || count > fewElements) return undefined;
  const order = [...kept, ...axes];
  const moved = transpose(x, order);
  const rows = reshape(moved, [x.size / count, count]);
  const normal = normalizedRows(rows, -1, epsilon, true, undefined, undefined) as Tensor;
  const back = order.map((_, i) => order.indexOf(i));
  return transpose(reshape(normal, moved.shape), back);
}

/** By the kernel, where the rows are the last axis and scale and offset have a value for each element of it. */
export function normalizedRows(
  x: Tensor,
  axes: Axes,
  epsilon: number,
  centered: boolean,
  scale: Tensor | undefined,
  offset: Tensor | undefined,
): Tensor | undefined {
  const last = x.rank - 1;
  const fits = (t: Tensor | undefined): boolean =>
    t === undefined ||
    (t.dtype === 'float32' && t.rank <= x.rank && t.rank > 0 && t.size === x.shape[last] && t.shape.at(-1) === t.size);
  const list = typeof axes === 'number' ? [axes] : (axes ?? []);
  if (x.size === 0 || list.length !== 1 || (list[0] !== -1 && list[0] !== last) || ![scale, offset].every(fits)) {
    return undefined;
  }
  const rows = x.shape.slice(0, -1);
  const affine = [scale, offset].flatMap((t) => (t === undefined ? [] : [reshape(t, [t.size])]));
  const attrs = {
    ...{ epsilon: Math.fround(epsilon), centered },
    ...{ scale: scale !== undefined, offset: offset !== undefined },
  };
  const stats = { shape: rows, dtype: 'float32' } as const;
  return new Node('normalize', [x, ...affine], attrs, [x, stats, stats], currentScope()).outputs[0];
}
