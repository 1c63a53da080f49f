import type { Tensor } from '../../../lib/ir/graph';
import * as ops from '../../../lib/ir/ops/index';
import * as layers from '../../../lib/layers/index';
import { between } from '../domains';
import { traceWith } from '../trace-layer';
import { type Case, into } from './case';
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
for (const [name, make, gates, biasRows] of [
  ['simpleRNN', layers.simpleRNN, 1, 1],
  ['lstm', layers.lstm, 4, 1],
  ['gru', layers.gru, 3, 2],
  ['gru, reset before', (o: layers.GRUOptions) => layers.gru({ ...o, resetAfter: false }), 3, 1],
] as const) {
  define(name, (random) => {
    const [batch, time, features, units] = [random.int(1, 3), random.int(1, 3), random.int(1, 4), random.int(1, 5)];
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
  });
}
