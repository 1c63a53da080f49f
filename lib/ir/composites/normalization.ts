import type { NormalizeAttributes, Tensor } from '../graph.js';
import { add, multiply, rsqrt, square, subtract } from '../ops/elementwise.js';
import { zeros } from '../ops/random.js';
import { mean, sum } from '../ops/reduce.js';
import { reshape } from '../ops/shape.js';

/** x * scale + offset, where given. */
export function affinely(x: Tensor, scale: Tensor | undefined, offset: Tensor | undefined): Tensor {
  const scaled = scale === undefined ? x : multiply(x, scale);
  return offset === undefined ? scaled : add(scaled, offset);
}

/** What `normalize` computes, as other operations do it. */
export function normalizedByParts(
  [x, ...affine]: readonly Tensor[],
  { epsilon, centered, scale, offset }: NormalizeAttributes,
): readonly [Tensor, Tensor, Tensor] {
  const t = x as Tensor;
  const average = centered ? mean(t, -1, { keepDims: true }) : undefined;
  const values = average === undefined ? t : subtract(t, average);
  const inverse = rsqrt(add(mean(square(values), -1, { keepDims: true }), epsilon));
  const rows = t.shape.slice(0, -1);
  return [
    affinely(multiply(values, inverse), scale ? affine[0] : undefined, offset ? affine.at(-1) : undefined),
    average === undefined ? zeros(rows) : reshape(average, rows),
    reshape(inverse, rows),
  ];
}

/** What `normalizeGrad` computes. */
export function normalizedGradByParts(
  [x, , , dy, factor]: readonly Tensor[],
  { epsilon, centered, scale, offset }: NormalizeAttributes,
): readonly Tensor[] {
  const [t, upstream] = [x, dy] as [Tensor, Tensor];
  const rows = [...t.shape.keys()].slice(0, -1);
  const average = (v: Tensor): Tensor => mean(v, -1, { keepDims: true });
  const values = centered ? subtract(t, average(t)) : t;
  const inverse = rsqrt(add(average(square(values)), epsilon));
  const normal = multiply(values, inverse);
  const g = factor === undefined ? upstream : multiply(upstream, factor);
  const along = multiply(normal, average(multiply(g, normal)));
  const dx = multiply(subtract(centered ? subtract(g, average(g)) : g, along), inverse);
  return [dx, ...(scale ? [sum(multiply(upstream, normal), rows)] : []), ...(offset ? [sum(upstream, rows)] : [])];
}
