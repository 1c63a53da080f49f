import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { grad, jit, valueAndGrad } from '../../lib/transforms/index';

/** A compiled function and how often it was traced. */
function counted<A extends readonly unknown[], R>(fn: (...args: A) => R) {
  const count = { traces: 0 };
  const compiled = jit((...args: A) => {
    count.traces++;
    return fn(...args);
  });
  return Object.assign(compiled, { count });
}

describe('jit', () => {
  it('is traced once per shape, dtype and structure', () => {
    const f = counted((tree: Record<string, Tensor>) => ops.sum(ops.add(...(Object.values(tree) as [Tensor, Tensor]))));
    const pair = (a: number[], b: number[]) => ({ a: tensor(a), b: tensor(b) });
    expect(f(pair([1, 2], [3, 4])).item()).toBe(10);
    expect(f(pair([5, 6], [7, 8])).item()).toBe(26);
    expect(f.count.traces).toBe(1);
    expect(f(pair([1, 2, 3], [3, 4, 5])).item()).toBe(18);
    expect(f({ a: tensor([1, 2], undefined, 'int32'), b: tensor([3, 4]) }).item()).toBe(10);
    expect(f({ b: tensor([1, 2]), c: tensor([3, 4]) }).item()).toBe(10);
    expect(f.count.traces).toBe(4);
    expect(f(pair([1, 1], [1, 1])).item()).toBe(4);
    expect(f.count.traces).toBe(4);
  });

  it('takes numbers as runtime scalars', () => {
    const f = counted((x: Tensor, rate: Tensor) => ops.multiply(x, rate));
    for (const rate of [2, 0.5, -1, 0])
      expect(f(tensor([1, 4]), rate).toArray()).toEqual([rate, 4 * rate].map((v) => v + 0));
    expect(f.count.traces).toBe(1);
  });

  it('takes and returns nested arrays and records', () => {
    const f = jit((layers: { w: Tensor; b: Tensor }[], { x }: { x: Tensor }) => ({
      y: layers.reduce((y, { w, b }) => ops.add(ops.matmul(y, w), b), x),
      parts: [layers[0].w, [ops.sum(x), 3]] as const,
    }));
    const eye = tensor([
      [0, 1],
      [1, 0],
    ]);
    const { y, parts } = f(
      [
        { w: eye, b: tensor([1, 3]) },
        { w: eye, b: 10 },
      ],
      {
        x: tensor([
          [1, 2],
          [3, 4],
        ]),
      },
    );
    expect(y.toArray()).toEqual([
      [14, 13],
      [16, 15],
    ]);
    expect(parts[0].toArray()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect((parts[1] as unknown as Tensor[]).map((t) => t.item())).toEqual([10, 3]);
  });

  it('returns every dtype, rank 0, and tensors without elements', () => {
    const f = jit((x: Tensor, none: Tensor) => ({
      float: ops.multiply(x, 0.5),
      int: ops.cast(x, 'int32'),
      bool: ops.greater(x, 1),
      sum: ops.sum(x),
      none: ops.add(none, 1),
      zero: ops.sum(none),
      one: ops.prod(none, 0),
      joined: ops.concatenate([none, ops.reshape(x, [3, 1]), none], 0),
      product: ops.matmul(ops.transpose(none), ops.zeros([0, 2])),
      passed: none,
      same: x,
    }));
    const r = f(tensor([1.5, -2.5, 3]), tensor([], [0, 1]));
    expect(r.float.data).toEqual(Float32Array.of(0.75, -1.25, 1.5));
    expect(r.int.data).toEqual(Int32Array.of(1, -2, 3));
    expect(r.bool.data).toEqual(Uint8Array.of(1, 0, 1));
    expect([r.sum.item(), r.zero.item(), r.one.toArray()]).toEqual([2, 0, [1]]);
    expect([r.none.shape, r.none.toArray(), r.passed.shape]).toEqual([[0, 1], [], [0, 1]]);
    expect(r.joined.toArray()).toEqual([[1.5], [-2.5], [3]]);
    expect(r.product.toArray()).toEqual([[0, 0]]);
    expect(r.same.toArray()).toEqual([1.5, -2.5, 3]);
  });

  it('uses tensors from outside as constants, also lazy ones', () => {
    const outer = ops.exp(tensor([0, 0]));
    const f = jit((x: Tensor) => ops.add(x, ops.multiply(outer, 2)));
    expect(f(tensor([1, 2])).toArray()).toEqual([3, 4]);
  });

  it('takes lazy arguments, and one tensor twice', () => {
    const x = ops.add(tensor([1, 2]), 1);
    expect(jit((a: Tensor, b: Tensor) => ops.multiply(a, b))(x, x).toArray()).toEqual([4, 9]);
  });

  it('becomes a part of a compiled or differentiated function that calls it', () => {
    const square = jit((x: Tensor) => ops.square(x));
    expect(jit((x: Tensor) => ops.sum(square(x)))(tensor([1, 2, 3])).item()).toBe(14);
    expect(grad((x: Tensor) => ops.sum(square(x)))(tensor([1, 2, 3])).toArray()).toEqual([2, 4, 6]);
    expect(jit(grad((x: Tensor) => ops.sum(ops.multiply(square(x), 2))))(tensor([1, -1])).toArray()).toEqual([4, -4]);
    expect(square(tensor([3])).item()).toBe(9);
  });

  it('gives the same with and without fusion', () => {
    const f = (x: Tensor) => ops.softmax(ops.tanh(ops.matmul(x, ops.transpose(x))));
    const x = tensor([
      [0.5, -1, 2],
      [1, 0.25, -0.5],
    ]);
    expect([...jit(f, { fuse: false })(x).data]).toEqual([...jit(f)(x).data].map((v) => expect.closeTo(v, 6)));
  });

  it.each<[string, unknown, string]>([
    ['a string', 'x', 'jit argument[0]: expected a tensor, a number, or arrays and records of them, got string'],
    [
      'undefined',
      undefined,
      'jit argument[0]: expected a tensor, a number, or arrays and records of them, got undefined',
    ],
    ['null inside', { a: [null] }, 'jit argument[0].a[0]: expected a tensor, a number'],
    ['a boolean', true, 'got boolean'],
    ['an instance of a class', new Map(), 'got Map'],
    ['a typed array', new Float32Array(2), 'got Float32Array'],
    ['a function', () => 1, 'got function'],
  ])('refuses %s', (_, argument, message) => {
    expect(() => jit((x: unknown) => x as Tensor)(argument as never)).toThrow(message);
  });

  it('takes records without a prototype', () => {
    const record = Object.assign(Object.create(null) as object, { x: tensor([2]) });
    expect(jit(({ x }: { x: Tensor }) => ops.square(x))(record as { x: Tensor }).item()).toBe(4);
  });

  it('refuses results that are no tensors, and a look at values', () => {
    expect(() => jit(() => 'x')()).toThrow('jit result: expected a tensor');
    expect(() => jit((x: Tensor) => ops.add(x, x.item()))(1)).toThrow('this tensor has no values');
    expect(() => jit((x: Tensor) => tensor([...ops.exp(x).data]))(tensor([1]))).toThrow('this tensor has no values');
    const failing = jit((x: Tensor) => ops.matmul(x, x));
    expect(() => failing(1)).toThrow('matmul');
    expect(jit((x: Tensor) => ops.square(x))(3).item()).toBe(9); // a failed trace leaves nothing behind
  });

  it('trains XOR', () => {
    const x = tensor([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    const y = tensor([[0], [1], [1], [0]]);
    type Weights = { w1: Tensor; b1: Tensor; w2: Tensor; b2: Tensor };
    const loss = ({ w1, b1, w2, b2 }: Weights) => {
      const hidden = ops.tanh(ops.add(ops.matmul(x, w1), b1));
      return ops.mean(ops.squaredDifference(ops.sigmoid(ops.add(ops.matmul(hidden, w2), b2)), y));
    };
    const step = jit((weights: Weights, rate: Tensor) => {
      const { value, gradient } = valueAndGrad(loss)(weights);
      const next = Object.entries(weights).map(([k, w]) => [
        k,
        ops.subtract(w, ops.multiply(gradient[k as keyof Weights], rate)),
      ]);
      return { value, weights: Object.fromEntries(next) as Weights };
    });
    let weights: Weights = {
      w1: ops.randomNormal([2, 8], 0, 1, { seed: 1 }),
      b1: ops.zeros([8]),
      w2: ops.randomNormal([8, 1], 0, 1, { seed: 2 }),
      b2: ops.zeros([1]),
    };
    let value = Number.NaN;
    for (let i = 0; i < 2000; i++) {
      const result = step(weights, 0.5);
      weights = result.weights;
      value = result.value.item();
    }
    expect(value).toBeLessThan(0.01);
  });

  it('holds no more native memory after 5,000 calls', () => {
    const f = jit((x: Tensor) => ops.add(ops.multiply(x, 2), 1));
    let x = tensor([1, 2, 3]);
    f(x);
    const before = loadAddon().info().bytes;
    for (let i = 0; i < 5000; i++) x = ops.multiply(f(x), 0.5);
    expect(x.data).toHaveLength(3);
    expect(loadAddon().info().bytes - before).toBeLessThan(64 * 1024);
  });
});
