import { gradients } from '../../lib/compile/autodiff';
import { make } from '../../lib/ir/build';
import type { Graph, Tensor } from '../../lib/ir/graph';
import { add, multiply } from '../../lib/ir/ops/elementwise';
import { sum } from '../../lib/ir/ops/reduce';
import { interpret } from '../../lib/ir/reference';
import type { Input } from './cases';
import { Random } from './random';

type Values = ArrayLike<number>;
export type Traced = (...inputs: Tensor[]) => Tensor;

/** An `input` node for each value, in order. */
export const placeholders = (inputs: readonly Pick<Input, 'shape' | 'dtype'>[]): Tensor[] =>
  inputs.map(({ shape, dtype }, slot) => make('input', [], { slot }, shape, dtype));

export function dot(a: Values, b: Values): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}
function size(a: Values, b: Values): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += Math.abs(a[i] * b[i]);
  return total;
}

/**
 * Compares <u, J v> by central differences (Richardson-extrapolated, so of fourth order) with <J^T u, v> by
 * `gradients`, in float64, for independent random u and v. J is the derivative of `f` at `inputs` with respect to the
 * float32 ones.
 *
 * @throws Error with both numbers when they differ by more than 1e-7 of the size of their terms
 */
export function gradcheck(f: Traced, inputs: readonly Input[], seed = 1): void {
  const random = new Random(seed);
  const x = placeholders(inputs);
  const y = f(...x);
  const upstream = make('input', [], { slot: x.length }, y.shape, 'float32');
  const wrt = x.filter((t) => t.dtype === 'float32');
  const forward: Graph = { inputs: x, outputs: [y], writes: [] };
  const backward: Graph = { inputs: [...x, upstream], outputs: [y, ...gradients(y, wrt, upstream)], writes: [] };

  const u = Float64Array.from({ length: y.size }, () => random.normal());
  const v = inputs.map((input) =>
    Float64Array.from(input.values, () => (input.dtype === 'float32' ? random.normal() : 0)),
  );
  const at = (h: number) =>
    interpret(forward, { feeds: inputs.map(({ values }, i) => values.map((value, j) => value + h * v[i][j])) })
      .outputs[0];
  const difference = (h: number) => {
    const [plus, minus] = [at(h), at(-h)];
    return plus.map((p, i) => (p - minus[i]) / (2 * h));
  };
  const h = 1e-3;
  const [coarse, fine] = [difference(h), difference(h / 2)];
  const jv = fine.map((value, i) => (4 * value - coarse[i]) / 3);

  const [atZero, ...jtu] = interpret(backward, { feeds: [...inputs.map((input) => input.values), u] }).outputs;
  const ofFloats = v.filter((_, i) => inputs[i].dtype === 'float32');
  const expected = dot(u, jv);
  const got = jtu.reduce((total, g, i) => total + dot(g, ofFloats[i]), 0);
  const scale = size(u, jv) + jtu.reduce((total, g, i) => total + size(g, ofFloats[i]), 0);
  // the truncation error shows in how much the two step sizes disagree; the rest is float64 rounding over h
  const truncation =
    size(
      u,
      fine.map((value, i) => value - coarse[i]),
    ) * 0.01;
  const rounding = (size(u, atZero) * 1e-15) / h;
  if (!(Math.abs(got - expected) <= 1e-7 * scale + truncation + 10 * rounding)) {
    throw new Error(`<u, Jv> = ${expected} by differences, <J'u, v> = ${got} by gradients (terms of size ${scale})`);
  }
}

/** The function that the gradient of `f` is, contracted to one number: for checking gradients of gradients. */
export function gradientOf(f: Traced, inputs: readonly Input[], seed = 2): { run: Traced; inputs: Input[] } {
  const random = new Random(seed);
  const outputShape = f(...placeholders(inputs)).shape;
  const floats = inputs.filter((input) => input.dtype === 'float32');
  const draw = (shape: readonly number[]): Input => ({
    shape,
    dtype: 'float32',
    values: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  });
  return {
    inputs: [...inputs, draw(outputShape), ...floats.map(({ shape }) => draw(shape))],
    run: (...all) => {
      const x = all.slice(0, inputs.length);
      const [upstream, ...weights] = all.slice(inputs.length);
      const wrt = x.filter((t) => t.dtype === 'float32');
      return gradients(f(...x), wrt, upstream)
        .map((g, i) => sum(multiply(g, weights[i])))
        .reduce((a, b) => add(a, b));
    },
  };
}
