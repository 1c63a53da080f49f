import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import type { Random } from '../random';
import { type Case, into } from './case';
import { float } from './inputs';

export const create: Case[] = [];
const define = into(create, 'create');

/** Values that depend on no input, beside one: what a gradient must leave alone. */
function made(name: string, make: (random: Random) => Tensor) {
  define(name, (random) => {
    const given = make(random);
    return { inputs: [float(random, given.shape)], run: (x) => ops.multiply(x, ops.add(given, x)) };
  });
}
made('tensor', (random) => {
  const shape = random.shape(2);
  return ops.tensor(
    Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal()),
    shape,
  );
});
made('scalar', (random) => ops.scalar(random.int(-9, 9) / 4));
made('full', (random) => ops.full(random.shape(2), 2.5));
made('fullLike', (random) => ops.fullLike(ops.zeros(random.shape(2)), -3));
made('ones', (random) => ops.add(ops.ones(random.shape(2)), ops.ones([])));
made('onesLike', (random) => ops.onesLike(ops.zeros(random.shape(2))));
made('arange', (random) => {
  const start = random.int(-3, 3);
  return ops.arange(start, start + random.int(1, 70), random.pick([0.5, 1, 3]));
});
made('linspace', (random) => ops.linspace(-1.5, 2, random.int(1, 40), { endpoint: random.uniform() < 0.5 }));
made('logspace', (random) => ops.logspace(-1, 1, random.int(1, 20), { base: random.pick([2, 10]) }));
made('eye', (random) => ops.eye(random.int(1, 6), random.int(1, 6), random.int(-3, 3)));
made('identity', (random) => ops.identity(random.int(1, 6)));
made('tri', (random) => ops.tri(random.int(1, 6), random.int(1, 6), random.int(-3, 3)));
for (const name of ['bartlett', 'hanning', 'hamming', 'blackman'] as const) {
  made(name, (random) => ops[name](random.int(1, 40)));
}
made('kaiser', (random) => ops.kaiser(random.int(1, 40), random.pick([0, 2.5, 14])));
define('meshgrid', (random) => {
  const sizes = random.shape(random.int(1, 3));
  const indexing = random.pick(['xy', 'ij'] as const);
  return {
    inputs: sizes.map((n) => float(random, [n])),
    run: (...vectors) => ops.meshgrid(vectors, indexing).reduce((a, b) => ops.multiply(ops.square(a), b)),
  };
});
