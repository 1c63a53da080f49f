import * as ops from '../../../lib/ir/ops/index';
import { type Case, into, notDifferentiable } from './case';
import { broadcastPair, int } from './inputs';

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
