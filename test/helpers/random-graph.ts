import { type Shape, sameShape, type Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import type { Input } from './cases';
import { Random } from './random';

/** A random function of a few inputs, the same each time it is traced. Values stay moderate. */
export interface RandomFunction {
  readonly inputs: readonly Input[];
  readonly run: (...inputs: Tensor[]) => Tensor[];
}

type Make = (random: Random, pool: readonly Tensor[]) => Tensor | undefined;

const unary: readonly ((x: Tensor) => Tensor)[] = [
  ops.tanh,
  ops.sigmoid,
  ops.sin,
  ops.cos,
  ops.erf,
  ops.relu,
  ops.abs,
  ops.negative,
  ops.silu,
  ops.softplus,
  (x) => ops.gelu(x, true),
  (x) => ops.elu(x),
  (x) => ops.exp(ops.tanh(x)),
  (x) => ops.log(ops.add(ops.square(x), 1)),
  (x) => ops.rsqrt(ops.add(ops.square(x), 0.5)),
  (x) => ops.multiply(x, 0.5),
  (x) => ops.add(x, 0.25),
  (x) => ops.subtract(1, x),
  (x) => ops.cast(ops.greater(x, 0.1), 'float32'),
  ops.stopGradient,
];

const binary: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  ops.add,
  ops.subtract,
  (a, b) => ops.multiply(ops.tanh(a), b),
  (a, b) => ops.divide(a, ops.add(ops.square(b), 1)),
  ops.maximum,
  ops.minimum,
  (a, b) => ops.where(ops.less(a, b), ops.multiply(a, 0.5), b),
  (a, b) => ops.power(ops.add(ops.sigmoid(a), 0.5), ops.tanh(b)),
];

const fits = (a: Shape, b: Shape): boolean => {
  const lead = Math.max(a.length, b.length);
  return Array.from({ length: lead }, (_, i) => [a[a.length - 1 - i] ?? 1, b[b.length - 1 - i] ?? 1]).every(
    ([m, n]) => m === n || m === 1 || n === 1,
  );
};

const axisOf = (random: Random, t: Tensor): number => random.int(0, t.rank - 1);

const steps: readonly Make[] = [
  (random, pool) => random.pick(unary)(random.pick(pool)),
  (random, pool) => random.pick(unary)(random.pick(pool)),
  (random, pool) => {
    const a = random.pick(pool);
    const b = random.pick(pool.filter((t) => fits(a.shape, t.shape)));
    return random.uniform() < 0.5 ? random.pick(binary)(a, b) : random.pick(binary)(b, a);
  },
  (random, pool) => {
    const a = random.pick(pool);
    const same = pool.filter((t) => sameShape(a.shape, t.shape));
    return random.pick(binary)(a, random.pick(same));
  },
  (random, pool) => {
    const t = random.pick(pool);
    if (t.rank === 0) return undefined;
    const axes = random.shuffle([...t.shape.keys()]).slice(0, random.int(1, t.rank));
    return random.pick([ops.mean, ops.max, ops.logSumExp])(t, axes, { keepDims: random.uniform() < 0.5 });
  },
  (random, pool) => {
    const a = random.pick(pool);
    if (a.rank < 2 || a.rank > 3) return undefined;
    const k = a.shape[a.rank - 1];
    const b = pool.filter((t) => t.rank === 2 && t.shape[0] === k);
    if (b.length === 0) return ops.matmul(a, ops.transpose(a, [...Array(a.rank - 2).keys(), a.rank - 1, a.rank - 2]));
    return ops.multiply(ops.matmul(a, random.pick(b)), 1 / k);
  },
  (random, pool) => {
    const t = random.pick(pool);
    return t.rank < 2 ? undefined : ops.transpose(t, random.shuffle([...t.shape.keys()]));
  },
  (random, pool) => {
    const t = random.pick(pool);
    return random.pick([() => ops.reshape(t, [-1]), () => ops.reshape(t, [1, ...t.shape]), () => ops.flip(t)])();
  },
  (random, pool) => {
    const t = random.pick(pool);
    if (t.rank === 0) return undefined;
    const axis = axisOf(random, t);
    const from = random.int(0, t.shape[axis] - 1);
    return ops.sliceAxis(t, axis, from, random.int(from + 1, t.shape[axis]));
  },
  (random, pool) => {
    const t = random.pick(pool);
    if (t.rank === 0) return undefined;
    const axis = axisOf(random, t);
    const others = pool.filter((o) => o.rank === t.rank && o.shape.every((n, i) => i === axis || n === t.shape[i]));
    return ops.concatenate([t, random.pick(others)], axis);
  },
  (random, pool) => {
    const t = random.pick(pool);
    return t.rank === 0 ? undefined : ops.softmax(t, axisOf(random, t));
  },
  (random, pool) => {
    // over the leading axis, with something from outside; collected, or only the end
    const t = random.pick(pool);
    if (t.rank === 0 || t.shape[0] > 6) return undefined;
    const [f, g] = [random.pick(binary), random.pick(unary)];
    const w = random.pick(pool.filter((o) => fits(t.shape.slice(1), o.shape) && o.rank < t.rank).concat(t));
    const [outside, reverse] = [w.rank < t.rank ? w : ops.mean(t, 0), random.uniform() < 0.5];
    const { carry, output } = ops.scan(
      (h: Tensor, now: Tensor) => {
        const next = ops.tanh(f(h, now));
        return { carry: next, output: sameShape(outside.shape, next.shape) ? f(g(next), outside) : g(next) };
      },
      ops.mean(t, 0),
      t,
      { reverse },
    );
    return random.uniform() < 0.5 ? output : carry;
  },
  (random, pool) => {
    const t = random.pick(pool);
    if (t.rank === 0) return undefined;
    const rows = Array.from({ length: random.int(1, 6) }, () => random.int(0, t.shape[0] - 1));
    return ops.take(t, ops.tensor(Int32Array.from(rows)));
  },
];

export function randomFunction(seed: number): RandomFunction {
  const random = new Random(seed);
  const [m, k, n] = [random.int(1, 9), random.int(1, 9), random.int(1, 20)];
  const shapes = [[m, k], [k, n], [n], [random.int(1, 3), m, k], []].slice(0, random.int(2, 5));
  const inputs = shapes.map((shape): Input => {
    const size = shape.reduce((a, b) => a * b, 1);
    return { shape, dtype: 'float32', values: Float64Array.from({ length: size }, () => Math.fround(random.normal())) };
  });
  const length = random.int(3, 25);
  return {
    inputs,
    run: (...x) => {
      const choices = new Random(seed + 1_000_000);
      const pool = [...x];
      while (pool.length < x.length + length) {
        // mostly recent values, so that chains grow long
        const recent = choices.uniform() < 0.6 ? pool.slice(-4) : pool;
        const made = choices.pick(steps)(choices, recent);
        if (made !== undefined && made.rank <= 5 && made.size <= 4000) pool.push(made);
      }
      const last = pool[pool.length - 1];
      return [last, ...choices.shuffle(pool.slice(x.length, -1)).slice(0, choices.int(0, 2))];
    },
  };
}
