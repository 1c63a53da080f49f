import * as ops from '../../../lib/ir/ops/index';
import { type Case, into, once } from './case';
import { bool, float } from './inputs';

export const attention: Case[] = [];
const define = into(attention, 'attention');

define(
  'scaledDotProductAttention',
  (random) => {
    const [batch, t, s, d, e] = [
      random.shape(random.int(0, 2), 3),
      ...Array.from({ length: 4 }, () => random.int(1, 6)),
    ];
    const causal = random.uniform() < 0.5;
    return {
      inputs: [
        float(random, [...batch, t, d]),
        float(random, [...batch, s, d]),
        float(random, [...batch, s, e]),
        bool(random, [t, s]),
      ],
      run: (q, k, v, mask) => ops.scaledDotProductAttention(q, k, v, { mask, causal }),
    };
  },
  once,
);
define(
  'attention with a float mask',
  (random) => {
    const [batch, t, s, d] = [random.int(1, 3), random.int(1, 5), random.int(1, 6), random.int(1, 5)];
    const causal = random.uniform() < 0.5;
    return {
      inputs: [
        float(random, [batch, t, d]),
        float(random, [batch, s, d]),
        float(random, [batch, s, d]),
        float(random, random.pick([[t, s], [batch, 1, s]])), // biome-ignore format: shapes
        bool(random, [t, s]),
      ],
      run: (q, k, v, bias, seen) => {
        const mask = ops.where(seen, bias, Number.NEGATIVE_INFINITY);
        return ops.scaledDotProductAttention(q, k, v, { mask, causal });
      },
    };
  },
  once,
);
define(
  'causal attention',
  (random) => {
    const [batch, t, d] = [random.int(1, 3), random.int(1, 9), random.int(1, 6)];
    const shape = [batch, t, d];
    return {
      inputs: [float(random, shape), float(random, shape), float(random, shape)],
      run: (q, k, v) => ops.scaledDotProductAttention(q, k, v, { causal: true, scale: 0.3 }),
    };
  },
  once,
);
define(
  'attention in several blocks',
  (random) => {
    // longer than a block of keys on the way there, and than a part of them on the way back
    const [t, s, d, e] = [random.int(65, 70), random.int(257, 265), random.int(1, 4), random.int(1, 4)];
    const shapes = [
      [t, d],
      [s, d],
      [s, e],
    ].map(([n, features]) => [n as number, features as number]);
    return {
      inputs: [...shapes.map((shape) => float(random, shape)), bool(random, [t, s])],
      run: (q, k, v, mask) => ops.scaledDotProductAttention(q, k, v, { mask }),
    };
  },
  { ...once, large: true },
);
define(
  'causal attention in several blocks',
  (random) => {
    const [t, d] = [random.int(258, 262), random.int(1, 3)];
    const inputs = [0, 1, 2].map(() => float(random, [1, t, d]));
    return { inputs, run: (q, k, v) => ops.scaledDotProductAttention(q, k, v, { causal: true }) };
  },
  { ...once, large: true },
);
define(
  'causal attention in several blocks of heads that share keys, more or fewer of them than queries',
  (random) => {
    // a block that is cut, whole blocks, and parts of keys that no query sees
    const [t, s] = random.pick([
      [130, 300],
      [300, 130],
      [64, 200],
      [20, 150],
      [150, 20],
    ]) as [number, number];
    const [group, d, e] = [random.int(1, 3), random.int(1, 4), random.int(1, 4)];
    return {
      inputs: [
        float(random, [1, group, t, d]),
        float(random, [1, 1, s, d]),
        float(random, [1, 1, s, e]),
        float(random, [s, 4]),
      ],
      // what is computed before leaves numbers in the memory that the gradients get
      run: (q, k, v, before) => {
        const factor = ops.sum(ops.multiply(ops.softmax(ops.stopGradient(before)), 0.01));
        return ops.multiply(ops.scaledDotProductAttention(q, k, v, { causal: true }), factor);
      },
    };
  },
  { ...once, large: true },
);
define(
  'attention with wide heads',
  (random) => {
    const [t, s, d, e] = [random.int(1, 5), random.int(1, 20), random.pick([31, 64, 130]), random.pick([33, 64, 129])];
    const causal = random.uniform() < 0.5;
    return {
      inputs: [float(random, [2, t, d]), float(random, [2, s, d]), float(random, [2, s, e])],
      run: (q, k, v) => ops.scaledDotProductAttention(q, k, v, { causal }),
    };
  },
  once,
);
define(
  'attention of heads that share keys, from memory in another order',
  (random) => {
    const [batch, own, group, t, s, d, e] = Array.from({ length: 7 }, () => random.int(1, 5)) as number[];
    const causal = random.uniform() < 0.5;
    return {
      inputs: [
        float(random, [batch, t, own * group, d]),
        float(random, [batch, s, own, d]),
        float(random, [batch, s, own, e]),
        bool(random, random.pick([[s], [batch, 1, 1, 1, s], [batch, 1, 1, t, 1]])),
      ],
      run: (query, key, value, mask) => {
        const q = ops.reshape(ops.transpose(query, [0, 2, 1, 3]), [batch, own, group, t, d]);
        const [k, v] = [key, value].map((x) => ops.expandDims(ops.transpose(x, [0, 2, 1, 3]), 2));
        return ops.scaledDotProductAttention(q, k, v, { mask, causal });
      },
    };
  },
  once,
);
define('rotaryEmbedding', (random) => {
  const shape = [...random.shape(random.int(0, 2), 3), random.int(1, 9), 2 * random.int(1, 4)];
  return { inputs: [float(random, shape)], run: (x) => ops.rotaryEmbedding(x) };
});
define('sinusoidalPositions', (random) => {
  const shape = [random.int(1, 20), 2 * random.int(1, 5)];
  return { inputs: [float(random, shape)], run: (x) => ops.add(x, ops.sinusoidalPositions(shape[0], shape[1])) };
});
define(
  'attentionWeights',
  (random) => {
    const [outer, t, s] = [random.shape(random.int(0, 2), 3), random.int(1, 6), random.int(1, 6)];
    return {
      inputs: [float(random, [...outer, t, s]), bool(random, [t, s])],
      run: (scores, mask) =>
        ops.attentionWeights(ops.attentionWeights(scores, { mask }), { mask: ops.causalMask(t, s) }),
    };
  },
  once,
);
