import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { grad, jit, valueAndGrad } from '../../lib/transforms/index';

const cube = (x: Tensor) => ops.sum(ops.multiply(ops.square(x), x));

describe('grad', () => {
  it('gives derivatives of any order', () => {
    const x = tensor([1, -2, 3]);
    expect(grad(cube)(x).toArray()).toEqual([3, 12, 27]);
    expect(grad((v: Tensor) => ops.sum(grad(cube)(v)))(x).toArray()).toEqual([6, -12, 18]);
    expect(jit(grad((v: Tensor) => ops.sum(grad((u: Tensor) => ops.sum(grad(cube)(u)))(v))))(x).toArray()).toEqual([
      6, 6, 6,
    ]);
  });

  it('gives value and gradient in the structure of the first argument', () => {
    const f = ({ w, b }: { w: Tensor[]; b: Tensor }, x: Tensor) =>
      ops.sum(ops.add(ops.multiply(ops.multiply(w[0], w[1]), x), b));
    const { value, gradient } = valueAndGrad(f)(
      { w: [tensor([1, 2]), tensor([3, 4])], b: tensor(5) },
      tensor([10, 100]),
    );
    expect(value.item()).toBe(840);
    expect(gradient.w.map((t) => t.toArray())).toEqual([
      [30, 400],
      [10, 200],
    ]);
    expect(gradient.b.item()).toBe(2);
  });

  it('of a length and a standard deviation is 0 where they are', () => {
    const x = tensor([[3, 4], [0, 0]]); // biome-ignore format: rows
    expect(jit(grad((v: Tensor) => ops.sum(ops.norm(v, -1))))(x).toArray()).toEqual([
      [expect.closeTo(0.6), expect.closeTo(0.8)],
      [0, 0],
    ]);
    const y = tensor([[1, 3], [2, 2]]); // biome-ignore format: rows
    expect(jit(grad((v: Tensor) => ops.sum(ops.std(v, -1))))(y).toArray()).toEqual([
      [-0.5, 0.5],
      [0, 0],
    ]);
    expect(grad((v: Tensor) => ops.norm(v))(tensor([Number.NaN])).toArray()).toEqual([Number.NaN]);
  });

  it('of clip passes at the limits, of activations with limits it does not', () => {
    const x = tensor([-1.5, -1, 0, 1, 1.5, Number.NaN]);
    expect(jit(grad((v: Tensor) => ops.sum(ops.clip(v, -1, 1))))(x).toArray()).toEqual([0, 1, 1, 1, 0, 0]);
    const atLimits = jit(grad((v: Tensor) => ops.sum(ops.hardTanh(v))))(x);
    expect([...atLimits.data].slice(0, 5)).toEqual([0, 0, 1, 0, 0]);
  });

  it('tells apart the roles of a tensor that is passed twice, or captured', () => {
    const w = tensor([2, 3]);
    const both = grad(({ a, b }: { a: Tensor; b: Tensor }) => ops.sum(ops.multiply(ops.square(a), b)))({ a: w, b: w });
    expect([both.a.toArray(), both.b.toArray()]).toEqual([
      [8, 18],
      [4, 9],
    ]);
    expect(grad((v: Tensor) => ops.sum(ops.multiply(v, w)))(w).toArray()).toEqual([2, 3]);
    expect(grad((v: Tensor, u: Tensor) => ops.sum(ops.multiply(v, u)))(w, w).toArray()).toEqual([2, 3]);
  });

  it('is 0 for what the value does not depend on', () => {
    expect(grad((_: Tensor) => tensor(1))(tensor([1, 2])).toArray()).toEqual([0, 0]);
    expect(grad((x: Tensor) => ops.sum(ops.stopGradient(x)))(tensor([1, 2])).toArray()).toEqual([0, 0]);
  });

  it('follows custom rules', () => {
    const round = (x: Tensor) => ops.customGradient([x], ops.round, (dy) => [ops.multiply(dy, 7)]);
    expect(grad((x: Tensor) => ops.sum(round(x)))(tensor([0.4, 1.6])).toArray()).toEqual([7, 7]);
    expect(jit(round)(tensor([0.4, 1.6])).toArray()).toEqual([0, 2]);
  });

  it('may look at values of concrete arguments on the way', () => {
    const f = (x: Tensor) => {
      const y = ops.square(x);
      return ops.sum((y.data[0] as number) > 1 ? ops.multiply(y, 3) : y);
    };
    expect(grad(f)(tensor([2, 1])).toArray()).toEqual([12, 6]);
    expect(grad(f)(tensor([0.5, 1])).toArray()).toEqual([1, 2]);
  });

  it('refuses anything but a float32 scalar', () => {
    const x = tensor([1, 2]);
    expect(() => grad((v: Tensor) => v)(x)).toThrow('grad: the function must return a float32 scalar, got float32[2]');
    expect(() => grad((v: Tensor) => ops.argmax(v))(x)).toThrow('got int32[]');
    expect(() => grad((() => 3) as never)(x)).toThrow('grad: the function must return a float32 scalar, got number');
    expect(() => grad((() => undefined) as never)(x)).toThrow('got undefined');
    expect(() => grad(cube)('x' as never)).toThrow('grad argument 0: expected a tensor');
    expect(() => grad((v: Tensor) => ops.sum(ops.cast(v, 'float32')))(tensor([1], undefined, 'int32'))).toThrow(
      'float32',
    );
  });
});
