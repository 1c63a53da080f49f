import { type Shape, sizeOf } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import type { Random } from '../random';
import { type Case, type Input, into, notDifferentiable } from './case';
import { broadcastPair, int, someShape } from './inputs';

export const integer: Case[] = [];
const define = into(integer, 'integer');

for (const name of ['add', 'subtract', 'multiply', 'minimum', 'maximum', 'mod', 'floorDivide'] as const) {
  define(
    name,
    (random) => {
      const [a, b] = broadcastPair(random);
      return { inputs: [int(random, a, -9, 9), int(random, b, 1, 9)], run: ops[name] };
    },
    notDifferentiable,
  );
}

const bits = (random: Random, shape: Shape): Input => ({
  ...int(random, shape, 0, 0),
  values: Float64Array.from({ length: sizeOf(shape) }, () => random.int(-(2 ** 31), 2 ** 31 - 1)),
});
for (const name of ['bitwiseAnd', 'bitwiseOr', 'bitwiseXor'] as const) {
  define(
    name,
    (random) => {
      const [a, b] = broadcastPair(random);
      return { inputs: [bits(random, a), bits(random, b)], run: ops[name] };
    },
    notDifferentiable,
  );
}
for (const name of ['leftShift', 'rightShift'] as const) {
  define(
    name,
    (random) => {
      const [a, b] = broadcastPair(random);
      return { inputs: [bits(random, a), int(random, b, -3, 40)], run: ops[name] };
    },
    notDifferentiable,
  );
}
define(
  'bitwiseNot',
  (random) => ({ inputs: [bits(random, someShape(random))], run: ops.bitwiseNot }),
  notDifferentiable,
);
define(
  'bits of a hash',
  (random) => ({
    inputs: [bits(random, [random.int(1, 300)])],
    // by numbers, which are the same for all elements
    run: (x) =>
      ops.bitwiseXor(ops.multiply(ops.bitwiseAnd(ops.rightShift(x, 13), 0x7ffff), 0x2545f491), ops.leftShift(3, x)),
  }),
  notDifferentiable,
);
