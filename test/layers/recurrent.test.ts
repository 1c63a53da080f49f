import { scalar, tensor } from '../../lib/ir/build';
import type { Shape, Tensor, TensorType } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { withRandom } from '../../lib/ir/random-source';
import * as layers from '../../lib/layers/index';
import { maskOf } from '../../lib/layers/mask';
import { evaluate, expectClose, recordingContext } from '../helpers/evaluate';
import { Random } from '../helpers/random';
import { traceWith } from '../helpers/trace-layer';

const random = new Random(11);
const values = (shape: Shape): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-0.8, 0.8)),
    [...shape],
  );
const valuesOf = (...tensors: readonly Tensor[]): number[][] => evaluate(tensors).outputs.map((v) => [...v]);

/** Random values for the weights of a layer for given inputs. */
function weightsOf(layer: layers.Layer, inputs: readonly TensorType[]): Record<string, Tensor> {
  layer.ensureBuilt(inputs);
  return Object.fromEntries(layer.weights.map((w) => [w.name.slice(w.name.indexOf('/') + 1), values(w.shape)]));
}

const [batch, time, features, units] = [2, 4, 3, 5];
const x = values([batch, time, features]);
const row = (t: Tensor, step: number): Tensor =>
  ops.reshape(ops.sliceAxis(t, 1, step, step + 1), [t.shape[0], ...t.shape.slice(2)]);
const kinds = [
  ['simpleRNN', layers.simpleRNN, layers.simpleRNNCell, 1],
  ['lstm', layers.lstm, layers.lstmCell, 2],
  ['gru', layers.gru, layers.gruCell, 1],
  [
    'rnn',
    (o: layers.GRUOptions) => rnnOf(o),
    (o: layers.GRUCellOptions) => layers.gruCell({ ...o, resetAfter: false }),
    1,
  ],
] as const;

function rnnOf({ units: n, ...options }: layers.GRUOptions): layers.Recurrent {
  return layers.rnn({ cell: layers.gruCell({ units: n, resetAfter: false }), ...options });
}

describe.each(kinds)('%s', (_, make, makeCell, stateCount) => {
  const weights = weightsOf(make({ units }), [x]);
  const run = (options: layers.RecurrentOptions = {}, inputs: readonly Tensor[] = [x]) =>
    traceWith(make({ units, ...options }), inputs, weights);

  test('is its cell, step by step', () => {
    const cell = makeCell({ units });
    let states: readonly Tensor[] = Array.from({ length: stateCount }, () => ops.zeros([batch, units]));
    const outputs: Tensor[] = [];
    for (let t = 0; t < time; t++) {
      const [output, ...next] = traceWith(cell, [row(x, t), ...states], weights);
      outputs.push(output);
      states = next;
    }
    const [sequence, ...last] = run({ returnSequences: true, returnState: true });
    expect(sequence.shape).toEqual([batch, time, units]);
    const got = valuesOf(sequence, ...last);
    const expected = valuesOf(ops.stack(outputs, 1), ...states);
    got.forEach((v, i) => {
      expectClose(v, expected[i]);
    });
  });

  test('returns the last output alone by default', () => {
    const all = run({ returnSequences: true })[0];
    const only = run();
    expect(only.map((t) => t.shape)).toEqual([[batch, units]]);
    expectClose(valuesOf(only[0])[0], valuesOf(row(all, time - 1))[0]);
  });

  test('goBackwards is the reversed input', () => {
    const options = { returnSequences: true, returnState: true } as const;
    const back = valuesOf(...run({ ...options, goBackwards: true }));
    const reversed = valuesOf(...run(options, [ops.flip(x, 1)]));
    back.forEach((v, i) => {
      expectClose(v, reversed[i]);
    });
  });

  test('goes on from initial states: two halves make the whole', () => {
    const [first, ...states] = run({ returnSequences: true, returnState: true }, [ops.sliceAxis(x, 1, 0, 2)]);
    const [second] = run({ returnSequences: true }, [ops.sliceAxis(x, 1, 2), ...states]);
    expectClose(valuesOf(ops.concatenate([first, second], 1))[0], valuesOf(run({ returnSequences: true })[0])[0]);
  });

  test('a masked step repeats the output and keeps the states', () => {
    const mask = tensor([[true, false, true, true], [true, true, true, false]] as never); // biome-ignore format: rows
    const [sequence, ...states] = run({ returnSequences: true, returnState: true }, [x, mask]);
    const shorter = ops.concatenate([ops.sliceAxis(x, 1, 0, 1), ops.sliceAxis(x, 1, 2)], 1);
    const [skipped, ...skippedStates] = run({ returnSequences: true, returnState: true }, [shorter]);
    const sample = (t: Tensor, b: number) => ops.sliceAxis(t, 0, b, b + 1);
    const of = (t: Tensor, b: number, step: number) => valuesOf(row(sample(t, b), step))[0];
    expect(of(sequence, 0, 1)).toEqual(of(sequence, 0, 0));
    expectClose(of(sequence, 0, 3), of(skipped, 0, 2));
    states.forEach((s, i) => {
      expectClose(valuesOf(sample(s, 0))[0], valuesOf(sample(skippedStates[i], 0))[0]);
    });
    expect(of(sequence, 1, 3)).toEqual(of(sequence, 1, 2));
    expect(maskOf(sequence)).toBe(mask);
  });

  test('an output before the first step that counts is 0, backwards as well', () => {
    const mask = tensor([[false, true, true, false], [false, false, false, false]] as never); // biome-ignore format: rows
    for (const goBackwards of [false, true]) {
      const [sequence] = run({ returnSequences: true, goBackwards }, [x, mask]);
      const [got] = valuesOf(sequence);
      expect(got.slice(0, units)).toEqual(Array(units).fill(0));
      expect(got.slice(time * units)).toEqual(Array(time * units).fill(0));
      expect(got.slice(units, 2 * units)).not.toEqual(Array(units).fill(0));
    }
  });

  test('zeroOutputForMask: sequences are 0 at masked steps, and as before at the others, states too', () => {
    const mask = tensor([[true, false, true, false], [false, true, true, true]] as never); // biome-ignore format: rows
    for (const goBackwards of [false, true]) {
      const options = { returnSequences: true, returnState: true, goBackwards };
      const [plain, ...states] = run(options, [x, mask]);
      const [zeroed, ...same] = run({ ...options, zeroOutputForMask: true }, [x, mask]);
      const counts = goBackwards ? [0, 1, 0, 1, 1, 1, 1, 0] : [1, 0, 1, 0, 0, 1, 1, 1];
      const expected = Array.from(valuesOf(plain)[0], (v, i) => (counts[Math.floor(i / units)] === 1 ? v : 0));
      expect([...valuesOf(zeroed)[0]]).toEqual(expected);
      expect(same.map((s) => valuesOf(s)[0])).toEqual(states.map((s) => valuesOf(s)[0]));
      const last = { goBackwards, zeroOutputForMask: true };
      expect(valuesOf(run(last, [x, mask])[0])).toEqual(valuesOf(run({ goBackwards }, [x, mask])[0]));
    }
  });

  test('a stateful layer writes its states and starts from them', () => {
    const layer = make({ units, stateful: true, batchSize: batch, name: 'memory' });
    layer.apply(layers.input({ shape: [time, features] }));
    expect(layer.stateWeights.map((w) => [w.name, w.shape, w.trainable])).toEqual(
      Array.from({ length: stateCount }, (_, i) => [`memory/state_${i}`, [batch, units], false]),
    );
    const start = layer.stateWeights.map(() => values([batch, units]));
    const written = new Map<unknown, Tensor>();
    const [y] = layer.trace([x], {
      training: true,
      read: (v) => start[layer.stateWeights.indexOf(v as never)] ?? weights[v.name.slice('memory/'.length)],
      write: (v, value) => written.set(v, value),
      addLoss: () => {},
    });
    const [expected, ...last] = valuesOf(...run({ returnState: true }, [x, ...start]));
    expectClose(valuesOf(y)[0], expected);
    layer.stateWeights.forEach((w, i) => {
      expectClose(valuesOf(written.get(w) as Tensor)[0], last[i]);
    });
    expect(() => layer.trace([ops.sliceAxis(x, 0, 0, 1)], recordingContext(true).context)).toThrow(
      /memory \(\w+\): is stateful with batchSize 2, got a batch of 1 samples/,
    );
  });

  test('misuse names the layer', () => {
    const layer = make({ units, name: 'memory' });
    const apply = (...shapes: number[][]) => layer.applyMany(shapes.map((shape) => layers.input({ shape })));
    expect(() => apply([3])).toThrow(/memory \(\w+\): expected input of shape \[batch, time, \.\.\.features\]/);
    apply([time, features]);
    expect(() => apply([time, features + 1])).toThrow(/memory \(\w+\): expected 3 features per step/);
    const state = [units];
    const tooMany = Array.from({ length: stateCount + 1 }, () => state);
    expect(() => apply([time, features], ...tooMany)).toThrow(/memory \(\w+\): takes a sequence, then/);
    const wrong = Array.from({ length: stateCount }, () => [units + 1]);
    expect(() => apply([time, features], ...wrong)).toThrow(
      /initial state 0 must be float32\[2, 5\], got float32\[2, 6\]/,
    );
    const mask = layers.input({ shape: [time + 1], dtype: 'bool' });
    expect(() => layer.apply([layers.input({ shape: [time, features] }), mask])).toThrow(
      /the mask must be bool\[2, 4\]/,
    );
    expect(() => make({ units, stateful: true })).toThrow(/stateful needs batchSize/);
    expect(() => make({ units, returnSequences: 1 } as never)).toThrow(/returnSequences must be true or false, got 1/);
  });
});

describe('cells and their options', () => {
  test('arguments are checked where they are written', () => {
    expect(() => layers.lstm({ units: 0 })).toThrow('layers.lstmCell: units must be a positive integer, got 0');
    for (const layer of [layers.lstm, layers.gru]) {
      expect(() => layer({ units: 1, recurrentActivation: 'foo' as never })).toThrow(
        'recurrentActivation must be a function',
      );
    }
    expect(() => layers.lstm({ unit: 1 } as never)).toThrow("layers.lstm: unknown option 'unit'");
    expect(() => layers.gruCell({ units: 1, unitForgetBias: true } as never)).toThrow(
      "unknown option 'unitForgetBias'",
    );
    expect(() => layers.gru({ units: 1, resetAfter: 1 } as never)).toThrow('resetAfter must be true or false');
    expect(() => layers.gru({ units: 1, dropout: 2 })).toThrow('dropout must be a finite number >= 0 and <= 1, got 2');
    expect(() => layers.lstm({ units: 1, recurrentActivation: 'sigmoidal' as never })).toThrow(/must be a function or/);
    expect(() => layers.simpleRNN({ units: 1, recurrentInitializer: 'x' as never })).toThrow('recurrentInitializer');
    expect(() => layers.rnn({ cell: layers.dense({ units: 1 }) as never })).toThrow(
      'layers.rnn: cell must be a recurrent cell',
    );
    const cell = layers.gruCell({ units: 1 });
    layers.rnn({ cell });
    expect(() => layers.rnn({ cell })).toThrow('gruCell is a part of rnn already');
  });

  test('weights: names, shapes, and the bias of the forget gate', () => {
    const layer = layers.lstm({ units: 2, name: 'memory' });
    layer.apply(layers.input({ shape: [4, 3] }));
    expect(layer.weights.map((w) => [w.name, w.shape])).toEqual([
      ['memory/kernel', [3, 8]],
      ['memory/recurrentKernel', [2, 8]],
      ['memory/bias', [8]],
    ]);
    const bias = (of: layers.Layer) => of.weights[2].initializer([8], { seed: 1, stream: 0 });
    expect([...bias(layer)]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    const plain = layers.lstm({ units: 2, unitForgetBias: false });
    plain.apply(layers.input({ shape: [4, 3] }));
    expect([...bias(plain)]).toEqual(Array(8).fill(0));
    layer.trainable = false;
    expect(layer.trainableWeights).toEqual([]);
  });

  test('the recurrent kernel starts orthogonal', () => {
    const layer = layers.simpleRNN({ units: 4 });
    layer.apply(layers.input({ shape: [2, 3] }));
    const q = tensor(layer.weights[1].initializer([4, 4], { seed: 3, stream: 1 }), [4, 4]);
    expectClose(valuesOf(ops.matmul(q, ops.transpose(q)))[0], valuesOf(ops.eye(4))[0], 1e-5);
  });

  test('dropout drops the same inputs and states at every step, in training only', () => {
    const ones = ops.ones([1, 3, 50]);
    const identity = ops.eye(50);
    const none = ops.zeros([50, 50]);
    const trace = (options: object, kernel: Tensor, recurrentKernel: Tensor, training: boolean) => {
      const layer = layers.simpleRNN({
        units: 50,
        activation: 'linear',
        useBias: false,
        returnSequences: true,
        ...options,
      });
      layer.ensureBuilt([ones]);
      const source = { seed: scalar(5, 'int32'), counter: scalar(0, 'int32'), nextStream: () => 0 };
      const read = ({ name }: { name: string }) => (name.endsWith('/kernel') ? kernel : recurrentKernel);
      const [y] = withRandom(source, () => layer.trace([ones], { training, read, write: () => {}, addLoss: () => {} }));
      return valuesOf(y)[0];
    };
    const dropped = trace({ dropout: 0.5 }, identity, none, true);
    expect(new Set(dropped)).toEqual(new Set([0, 2]));
    expect(dropped.slice(50, 100)).toEqual(dropped.slice(0, 50));
    expect(dropped.slice(100)).toEqual(dropped.slice(0, 50));
    expect(new Set(trace({ dropout: 0.5 }, identity, none, false))).toEqual(new Set([1]));
    // h grows by x and by twice the state where that is kept: 1, 3, 7, or stays 1
    const state = trace({ recurrentDropout: 0.5 }, identity, identity, true);
    for (let i = 0; i < 50; i++) {
      expect([[1, 1, 1], [1, 3, 7]]).toContainEqual([state[i], state[50 + i], state[100 + i]]); // biome-ignore format: rows
    }
    expect(new Set(state.slice(100)).size).toBe(2);
  });

  test('stacked cells are layers one after another', () => {
    const cells = () => [layers.lstmCell({ units: 3 }), layers.gruCell({ units: 4 })];
    const stack = layers.rnn({ cell: cells(), returnSequences: true, returnState: true });
    const weights = weightsOf(stack, [x]);
    expect(Object.keys(weights)).toContain('cell_1/recurrentKernel');
    const part = (i: number) =>
      Object.fromEntries(
        Object.entries(weights).flatMap(([k, t]) => (k.startsWith(`cell_${i}/`) ? [[k.slice(7), t]] : [])),
      );
    const [y, h0, c0, h1] = traceWith(stack, [x], weights);
    const first = layers.lstm({ units: 3, returnSequences: true, returnState: true });
    const [middle, ...firstStates] = traceWith(first, [x], part(0));
    const second = layers.gru({ units: 4, returnSequences: true, returnState: true });
    const [expected, ...secondStates] = traceWith(second, [middle], part(1));
    const wanted = valuesOf(expected, ...firstStates, ...secondStates);
    valuesOf(y, h0, c0, h1).forEach((v, i) => {
      expectClose(v, wanted[i]);
    });
    expect(() => layers.stackedRNNCells({ cells: [] })).toThrow('cells must be an array of recurrent cells');
  });

  test('a cell of your own', () => {
    class Decay extends layers.RecurrentCell {
      readonly kind = 'decay';
      readonly stateShapes = [[features]];
      rate!: layers.Weight;
      override build() {
        this.rate = this.addWeight({ name: 'rate', shape: [] });
      }
      override call([now, state]: readonly Tensor[], context: layers.CallContext) {
        const next = ops.add(now, ops.multiply(state, context.read(this.rate)));
        return [ops.negative(next), next];
      }
      override getConfig() {
        return {};
      }
    }
    const layer = layers.rnn({ cell: new Decay(), returnState: true });
    const [y, state] = traceWith(
      layer,
      [
        tensor([
          [
            [1, 2, 3],
            [1, 0, 0],
          ],
        ]),
      ],
      { rate: tensor(0.5) },
    );
    expect(valuesOf(y, state)).toEqual([[-1.5, -1, -1.5], [1.5, 1, 1.5]]); // biome-ignore format: rows
    class Forgetful extends Decay {
      override call(inputs: readonly Tensor[]) {
        return [inputs[0]];
      }
    }
    expect(() => layers.rnn({ cell: new Forgetful() }).apply(layers.input({ shape: [2, features] }))).toThrow(
      'rnn: must return the output and 1 states, returned 0 states',
    );
  });
});

describe('bidirectional', () => {
  const options = { units, returnSequences: true, returnState: true } as const;
  const make = (mergeMode?: layers.BidirectionalOptions['mergeMode']) =>
    layers.bidirectional({ layer: layers.lstm(options), ...(mergeMode === undefined ? {} : { mergeMode }) });
  const weights = weightsOf(make(), [x]);
  const half = (direction: string) =>
    Object.fromEntries(
      Object.entries(weights).flatMap(([k, t]) =>
        k.startsWith(direction) ? [[k.slice(direction.length + 1), t]] : [],
      ),
    );
  const [forward, ...forwardStates] = traceWith(layers.lstm(options), [x], half('forward'));
  const [reversed, ...backwardStates] = traceWith(layers.lstm(options), [ops.flip(x, 1)], half('backward'));
  const backward = ops.flip(reversed, 1);

  test.each([
    ['concat', [ops.concatenate([forward, backward], -1)]],
    ['sum', [ops.add(forward, backward)]],
    ['mul', [ops.multiply(forward, backward)]],
    ['ave', [ops.multiply(ops.add(forward, backward), 0.5)]],
    [null, [forward, backward]],
  ] as const)('%s of two runs, and their states', (mergeMode, merged) => {
    const expected = valuesOf(...merged, ...forwardStates, ...backwardStates);
    const got = valuesOf(...traceWith(make(mergeMode), [x], weights));
    expect(got.length).toBe(expected.length);
    got.forEach((v, i) => {
      expectClose(v, expected[i]);
    });
  });

  test('initial states go to the two in turn, masks to both', () => {
    const states = [0, 1, 2, 3].map(() => values([batch, units]));
    const mask = tensor([[true, true, false, false], [true, true, true, true]] as never); // biome-ignore format: rows
    const [y] = traceWith(make(null), [x, mask, ...states], weights);
    const [expected] = traceWith(layers.lstm(options), [x, mask, ...states.slice(0, 2)], half('forward'));
    expectClose(valuesOf(y)[0], valuesOf(expected)[0]);
    expect(maskOf(traceWith(make(), [x, mask], weights)[0])).toBe(mask);
    expect(() => traceWith(make(), [x, states[0]], weights)).toThrow('takes a sequence and, if any, 4 initial states');
  });

  test('without sequences, the last output of each direction', () => {
    const layer = layers.bidirectional({ layer: layers.gru({ units: 2 }), inputShape: [4, 3] });
    expect(layer.apply(layers.input({ shape: [4, 3] })).shape).toEqual([null, 4]);
  });

  test('says what does not fit together', () => {
    const lstm = (o: object = {}) => layers.lstm({ units: 2, ...o });
    expect(() => layers.bidirectional({ layer: layers.dense({ units: 1 }) as never })).toThrow(
      'layer must be a recurrent layer',
    );
    expect(() => layers.bidirectional({ layer: lstm(), mergeMode: 'add' as never })).toThrow(
      /mergeMode must be one of/,
    );
    expect(() => layers.bidirectional({ layer: lstm(), backwardLayer: lstm() })).toThrow(
      'goBackwards: true, the opposite',
    );
    expect(() =>
      layers.bidirectional({ layer: lstm(), backwardLayer: lstm({ goBackwards: true, returnState: true }) }),
    ).toThrow('must agree in returnSequences and returnState');
    expect(() => layers.bidirectional({ layer: layers.rnn({ cell: layers.gruCell({ units: 1 }) }) })).toThrow(
      'backwardLayer must be given for layers.rnn',
    );
  });
});

describe('timeDistributed', () => {
  test('applies a layer to every step', () => {
    const layer = layers.timeDistributed({ layer: layers.dense({ units: 2 }), name: 'steps' });
    const weights = weightsOf(layer, [x]);
    expect(layer.weights.map((w) => w.name)).toEqual(['steps/kernel', 'steps/bias']);
    const [y] = traceWith(layer, [x], weights);
    expect(y.shape).toEqual([batch, time, 2]);
    expectClose(valuesOf(y)[0], valuesOf(ops.add(ops.matmul(x, weights.kernel), weights.bias))[0]);
  });

  test('also one that changes the rank', () => {
    const layer = layers.timeDistributed({ layer: layers.flatten() });
    expect(layer.apply(layers.input({ shape: [3, 2, 5] })).shape).toEqual([null, 3, 10]);
    expect(() => layer.apply(layers.input({ shape: [] }))).toThrow(
      'expected input of shape [batch, time, ...], got [2]',
    );
  });
});

describe('masking', () => {
  const padded = tensor([[[1, 2], [-1, 3], [-1, -1]], [[-1, -1], [0, 0], [4, -1]]]); // biome-ignore format: samples

  test('steps that hold one value only are set to 0 and marked', () => {
    const [y] = traceWith(layers.masking({ maskValue: -1 }), [padded], {});
    expect(valuesOf(y)[0]).toEqual([1, 2, -1, 3, 0, 0, 0, 0, 0, 0, 4, -1]);
    expect(valuesOf(maskOf(y) as Tensor)[0]).toEqual([1, 1, 0, 0, 1, 1]);
    expect(() => layers.masking().apply(layers.input({ shape: [3] }))).toThrow('masking: expected input of shape');
  });

  test('the mark reaches a recurrent layer through layers that treat steps alike', () => {
    const [marked] = traceWith(layers.masking({ maskValue: -1 }), [padded], {});
    const mask = maskOf(marked) as Tensor;
    const dense = layers.dense({ units: 3 });
    const [projected] = traceWith(dense, [marked], weightsOf(dense, [marked]));
    expect(maskOf(projected)).toBe(mask);
    const gru = layers.gru({ units: 2, returnSequences: true });
    const weights = weightsOf(gru, [projected]);
    const [y] = traceWith(gru, [projected], weights);
    expect(maskOf(y)).toBe(mask);
    const plain = ops.multiply(projected, 1.0000001); // the same values without a mark
    expect(maskOf(plain)).toBeUndefined();
    expectClose(valuesOf(y)[0], valuesOf(traceWith(gru, [plain, mask], weights)[0])[0], 1e-5);
    expect(valuesOf(y)[0]).not.toEqual(valuesOf(traceWith(gru, [plain], weights)[0])[0]);
    expect(maskOf(traceWith(layers.flatten(), [marked], {})[0])).toBeUndefined();
  });
});
