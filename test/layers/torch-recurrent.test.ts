// Recurrent layers against PyTorch: values, last states and gradients with PyTorch's weights put into our order.
// data/torch_recurrent.py made the numbers.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gradients } from '../../lib/compile/autodiff';
import { tensor } from '../../lib/ir/build';
import type { Shape, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { evaluate, expectClose } from '../helpers/evaluate';
import { traceWith } from '../helpers/trace-layer';

type Named = Readonly<Record<string, number[]>>;
interface Case {
  readonly kind: 'RNN' | 'LSTM' | 'GRU';
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly lengths: number[];
  readonly x: number[];
  readonly initial: number[][] | null;
  readonly slope: number[];
  readonly parameters: Named;
  readonly output: number[];
  readonly last: number[][];
  readonly gradients: Named;
}
const file = path.join(__dirname, 'data', 'torch-recurrent.json');
const { units, features, steps, batch, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  units: number;
  features: number;
  steps: number;
  batch: number;
  cases: Case[];
};

/** For each of our gates, which of PyTorch's it is: GRUs have update and reset the other way round. */
const gateOrder = { RNN: [0], LSTM: [0, 1, 2, 3], GRU: [1, 0, 2] } as const;
const makers = { RNN: layers.simpleRNN, LSTM: layers.lstm, GRU: layers.gru } as const;

/** A matrix [gates · units, columns] as [columns, gates · units] with the gates in our order. */
function kernelOf(kind: Case['kind'], matrix: readonly number[]): number[] {
  const rows = gateOrder[kind].flatMap((gate) => Array.from({ length: units }, (_, j) => gate * units + j));
  const columns = matrix.length / rows.length;
  return Array.from({ length: columns }, (_, c) => rows.map((r) => matrix[r * columns + c])).flat();
}

/** The weights of one layer and direction. `sum`: our only bias is the sum of PyTorch's two; its slope is that of either. */
function weightsOf(kind: Case['kind'], named: Named, suffix: string, sum: boolean): Record<string, number[]> {
  const part = (name: string) => kernelOf(kind, named[`${name}_${suffix}`] as number[]);
  const [input, recurrent] = [part('bias_ih'), part('bias_hh')];
  const single = input.map((v, i) => (sum ? v + recurrent[i] : v));
  return {
    kernel: part('weight_ih'),
    recurrentKernel: part('weight_hh'),
    bias: kind === 'GRU' ? [...input, ...recurrent] : single,
  };
}

const shapesOf = (kind: Case['kind'], inputs: number): Record<string, Shape> => {
  const width = gateOrder[kind].length * units;
  return {
    kernel: [inputs, width],
    recurrentKernel: [units, width],
    bias: kind === 'GRU' ? [2, width] : [width],
  };
};

const describeCase = (c: Case): string =>
  [c.kind, `${c.layers} layers`, c.bidirectional ? 'both ways' : 'one way', `lengths ${c.lengths}`].join(', ');

test.each(cases.map((c) => [describeCase(c), c] as const))('%s', (_, c) => {
  const { kind, bidirectional } = c;
  const x = tensor(Float32Array.from(c.x), [batch, steps, features]);
  const valid = Array.from({ length: batch * steps }, (_v, i) => i % steps < c.lengths[Math.floor(i / steps)]);
  const mask = tensor(Float32Array.from(valid, Number), [batch, steps]);
  const stateOf = (values: readonly number[]) => tensor(Float32Array.from(values), [batch, units]);

  const directions = bidirectional ? ['', '_reverse'] : [''];
  const all: { tensor: Tensor; slopes: number[] }[] = [{ tensor: x, slopes: c.gradients.x as number[] }];
  let sequence: Tensor = x;
  const last: Tensor[][] = [];
  for (let level = 0; level < c.layers; level++) {
    const layer = makers[kind]({ units, returnSequences: true, returnState: true });
    const shapes = shapesOf(kind, sequence.shape[2]);
    const weights = Object.fromEntries(
      directions.flatMap((direction, d) => {
        const suffix = `l${level}${direction}`;
        const values = weightsOf(kind, c.parameters, suffix, true);
        const slopes = weightsOf(kind, c.gradients, suffix, false);
        return Object.entries(values).map(([name, data]) => {
          const weight = tensor(Float32Array.from(data), [...shapes[name]]);
          all.push({ tensor: weight, slopes: slopes[name] });
          return [bidirectional ? `${['forward', 'backward'][d]}/${name}` : name, weight];
        });
      }),
    );
    const whole = bidirectional ? layers.bidirectional({ layer }) : layer;
    const initial = c.initial?.map(stateOf) ?? [];
    const [y, ...states] = traceWith(whole, [sequence, ops.notEqual(mask, 0), ...initial], weights);
    sequence = y;
    const perDirection = states.length / directions.length;
    for (const d of directions.keys()) last.push(states.slice(d * perDirection, (d + 1) * perDirection));
  }

  const counted = ops.multiply(sequence, ops.expandDims(mask, -1)); // PyTorch pads with 0
  const slope = tensor(Float32Array.from(c.slope), [...sequence.shape]);
  const total = ops.sum(ops.multiply(counted, slope));
  const slopes = gradients(
    total,
    all.map((w) => w.tensor),
  );
  const states = c.last.map((_s, i) => ops.concatenate(last.map((state) => ops.expandDims(state[i], 0)), 0)); // biome-ignore format: one line
  const [output, ...rest] = evaluate([counted, ...states, ...slopes]).outputs;
  expectClose(output, c.output, 1e-6);
  c.last.forEach((expected, i) => {
    expectClose(rest[i], expected, 1e-6);
  });
  all.forEach((w, i) => {
    expectClose(rest[c.last.length + i], w.slopes, 2e-6);
  });
});
