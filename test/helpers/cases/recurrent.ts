import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import * as layers from '../../../lib/layers/index';
import { between } from '../domains';
import type { Random } from '../random';
import { traceWith } from '../trace-layer';
import { type Case, type Instance, into } from './case';
import { bool, float } from './inputs';

export const recurrent: Case[] = [];
const define = into(recurrent, 'recurrent');

for (const reverse of [false, true]) {
  define(`scan${reverse ? ' in reverse' : ''}`, (random) => {
    const [time, batch, features, units] = [random.int(1, 4), random.int(1, 3), random.int(1, 4), random.int(1, 4)];
    const shapes = [
      [time, batch, features],
      [features, units],
      [units, units],
      [batch, units],
    ];
    return {
      inputs: shapes.map((shape) => float(random, shape, between(-0.7, 0.7))),
      run: (x, kernel, recurrentKernel, h0) => {
        const step = (h: Tensor, projected: Tensor) => {
          const next = ops.tanh(ops.add(projected, ops.matmul(h, recurrentKernel)));
          return { carry: next, output: ops.multiply(next, h) };
        };
        const { carry, output } = ops.scan(step, h0, ops.matmul(x, kernel), { reverse });
        return ops.add(output, carry);
      },
    };
  });
}
define('scan that keeps a carry and swaps others', (random) => {
  const [time, units] = [random.int(1, 4), random.int(1, 20)];
  return {
    inputs: [[time, units], [units], [units], [units]].map((shape) => float(random, shape, between(-0.9, 0.9))),
    run: (x, a, b, fixed) => {
      const { carry, output } = ops.scan(
        ([p, q, r]: readonly Tensor[], now: Tensor) => ({
          carry: [q, ops.multiply(p, now), r],
          output: [p, ops.multiply(q, r), fixed],
        }),
        [a, b, fixed],
        x,
      );
      return ops.add(ops.add(carry[0], ops.multiply(carry[1], carry[2])), ops.sum(ops.add(output[0], output[1]), 0));
    },
  };
});
define('scan of steps with kernels of their own', (random) => {
  const [time, rows, columns] = [random.int(1, 4), random.int(1, 4), random.int(2, 9)];
  return {
    inputs: [
      [time, rows, columns],
      [rows, columns],
      [columns, columns],
    ].map((s) => float(random, s, between(-1, 1))),
    run: (x, h0, w) => {
      const step = (h: Tensor, now: Tensor) => {
        const mixed = ops.softmax(ops.add(ops.matmul(ops.softmax(now), w), ops.transpose(ops.transpose(h))));
        const next = ops.subtract(ops.concatenate([ops.sliceAxis(mixed, 1, 1), ops.sliceAxis(now, 1, 0, 1)], 1), 0.1);
        return { carry: next, output: ops.logSumExp(ops.multiply(next, h), 1) };
      };
      const { carry, output } = ops.scan(step, h0, x);
      return ops.add(ops.sum(output, 0), ops.sum(carry, 1));
    },
  };
});
// neither what is collected nor what is added to a result slides through kernels that cannot
define('scan of convolutions', (random) => {
  const [time, length, channels] = [random.int(2, 4), random.int(2, 6), random.int(1, 3)];
  return {
    inputs: [
      [time, 2, length, channels],
      [2, length, channels],
      [3, channels, channels],
    ].map((shape) => float(random, shape, between(-0.8, 0.8))),
    run: (x, h0, kernel) => {
      const step = (h: Tensor, now: Tensor) => {
        const gate = ops.tanh(ops.add(ops.conv(h, kernel, { padding: 'same' }), now));
        return { carry: ops.multiply(ops.conv(gate, kernel, { padding: 'same' }), now), output: gate };
      };
      const { carry, output } = ops.scan(step, h0, x);
      return ops.add(ops.sum(output, 0), carry);
    },
  };
});
define('scan in a scan', (random) => {
  const [outer, inner, units] = [random.int(1, 3), random.int(1, 3), random.int(1, 5)];
  return {
    inputs: [[outer, inner, units], [units], [units]].map((shape) => float(random, shape, between(-0.9, 0.9))),
    run: (x, h0, w) => {
      const step = (h: Tensor, now: Tensor) => {
        const next = ops.tanh(ops.add(ops.multiply(h, w), now));
        return { carry: next, output: ops.multiply(next, h) };
      };
      const { carry, output } = ops.scan(
        (h: Tensor, row: Tensor) => {
          const inside = ops.scan(step, h, row, { reverse: true });
          return { carry: ops.add(inside.carry, ops.mean(inside.output, 0)), output: ops.sum(inside.output) };
        },
        h0,
        x,
      );
      return ops.add(carry, ops.sum(output));
    },
  };
});
define('map', (random) => {
  const [n, rows, columns] = [random.int(1, 4), random.int(1, 4), random.int(1, 5)];
  return {
    inputs: [float(random, [n, rows, columns]), float(random, [columns])],
    run: (x, w) => ops.map((row: Tensor) => ops.tanh(ops.add(ops.cumsum(row), ops.multiply(row, w))), x),
  };
});
define('foriLoop', (random) => {
  const [from, steps, n] = [random.int(-2, 2), random.int(0, 4), random.int(1, 20)];
  return {
    inputs: [float(random, [n]), float(random, [n])],
    run: (x, w) => ops.foriLoop(from, from + steps, (i, v: Tensor) => ops.sin(ops.add(ops.multiply(v, w), i)), x),
  };
});
define('cond', (random) => {
  const shape = random.shape(random.int(0, 3));
  return {
    inputs: [float(random, shape), bool(random, [])],
    run: (x, yes) =>
      ops.cond(
        yes,
        () => ops.tanh(x),
        () => ops.square(x),
      ),
  };
});
for (const [name, make, gates, biasRows] of [
  ['simpleRNN', layers.simpleRNN, 1, 1],
  ['lstm', layers.lstm, 4, 1],
  ['gru', layers.gru, 3, 2],
  ['gru, reset before', (o: layers.GRUOptions) => layers.gru({ ...o, resetAfter: false }), 3, 1],
] as const) {
  const draw = (random: Random, [batch, time, features, units]: readonly number[]): Instance => {
    const weights = [
      [features, gates * units],
      [units, gates * units],
      biasRows === 2 ? [2, gates * units] : [gates * units],
    ];
    const layer = make({ units, returnSequences: random.uniform() < 0.5, goBackwards: random.uniform() < 0.5 });
    const mask = random.uniform() < 0.5 ? [bool(random, [batch, time])] : [];
    return {
      inputs: [...[[batch, time, features], ...weights].map((s) => float(random, s, between(-0.8, 0.8))), ...mask],
      run: (x, kernel, recurrentKernel, bias, ...masks) =>
        traceWith(layer, [x, ...masks], { kernel, recurrentKernel, bias })[0],
    };
  };
  define(name, (random) => draw(random, [random.int(1, 3), random.int(1, 3), random.int(1, 4), random.int(1, 5)]));
  // samples enough for products of several blocks, and units enough for gates side by side
  define(`${name}, many samples`, (random) => draw(random, [random.int(64, 75), 3, 5, random.int(32, 40)]), {
    large: true,
    twice: false,
  });
}
define('convLstm2d', (random) => {
  const [batch, time, channels, filters] = [random.int(1, 2), random.int(1, 3), random.int(1, 2), random.int(1, 2)];
  const window = [random.int(1, 3), random.int(1, 2)];
  const layer = layers.convLstm2d({
    filters,
    kernelSize: window,
    padding: random.pick(['valid', 'same'] as const),
    returnSequences: random.uniform() < 0.5,
  });
  const weights = [[...window, channels, 4 * filters], [...window, filters, 4 * filters], [4 * filters]];
  return {
    inputs: [[batch, time, 4, 3, channels], ...weights].map((s) => float(random, s, between(-0.8, 0.8))),
    run: (x, kernel, recurrentKernel, bias) => traceWith(layer, [x], { kernel, recurrentKernel, bias })[0],
  };
});
