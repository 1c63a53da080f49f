import { currentScope } from '../../lib/ir/build';
import type { Tensor, Variable } from '../../lib/ir/graph';
import * as layers from '../../lib/layers/index';
import { l1 } from '../../lib/regularizers/index';
import { connectSequential, declaredInput, Topology } from '../../lib/training/topology';
import { evaluate, expectClose, fed, recordingContext } from '../helpers/evaluate';

const values = (topology: Topology, inputs: readonly Tensor[], feeds: number[][], weights: number[][]) => {
  const { context } = recordingContext(false);
  const bound = new Map<Variable, number[]>(topology.weights.map((w, i) => [w, weights[i]]));
  return evaluate(topology.trace(inputs, context), feeds, bound).outputs;
};
const sumUnits = (units = 1) => layers.dense({ units, useBias: false });

describe('sequential', () => {
  test('names layers and weights, and computes', () => {
    const topology = connectSequential([
      layers.dense({ units: 2, inputShape: [3], activation: 'relu' }),
      layers.dropout({ rate: 0.5 }),
      layers.dense({ units: 1 }),
    ]);
    expect(topology.layers.map((l) => l.name)).toEqual(['input_1', 'dense_1', 'dropout_1', 'dense_2']);
    expect(topology.weights.map((w) => w.name)).toEqual([
      'dense_1/kernel',
      'dense_1/bias',
      'dense_2/kernel',
      'dense_2/bias',
    ]);
    expect(topology.outputs[0].shape).toEqual([null, 1]);
    const weights = [[1, 0, 0, 1, 1, 1], [0, -100], [2, 3], [1]];
    expectClose(values(topology, [fed(0, [2, 3])], [[1, 2, 3, 4, 5, 6]], weights)[0], [9, 21]);
  });

  test('without a declared input the shape can come from the data', () => {
    const list = [layers.dense({ units: 2 })];
    expect(declaredInput(list)).toBeUndefined();
    expect(() => connectSequential(list)).toThrow("sequential 'sequential': the input's shape is not known yet");
    const topology = connectSequential(list, { name: 'net', input: { shape: [5] } });
    expect(topology.name).toBe('net');
    expect(topology.weights[0].shape).toEqual([5, 2]);
  });

  test('an input layer in front gives shape, dtype and name', () => {
    const topology = connectSequential([layers.inputLayer({ shape: [4], dtype: 'int32', name: 'ids' }), sumUnits()]);
    expect(topology.inputs[0]).toMatchObject({ shape: [null, 4], dtype: 'int32' });
    expect(topology.layers[0].name).toBe('ids');
  });

  test('errors name the layer', () => {
    expect(() => connectSequential([])).toThrow('layers must be an array of layers');
    expect(() => connectSequential([{} as never])).toThrow('layers[0] must be a layer');
    const first = layers.flatten({ inputShape: [2, 3] });
    expect(() => connectSequential([first, layers.reshape({ targetShape: [4] })])).toThrow(
      'reshape_1 (reshape): cannot reshape samples of shape [6]',
    );
    expect(() => connectSequential([sumUnits(), layers.inputLayer({ shape: [1] })])).toThrow(
      'it can only be the first',
    );
    const same = sumUnits();
    expect(() => connectSequential([same, same])).toThrow('layers[1] is the same layer as layers[0]');
  });
});

describe('functional', () => {
  test('several inputs and outputs, with a shared layer', () => {
    const [a, b] = [layers.input({ shape: [2], name: 'a' }), layers.input({ shape: [2], name: 'b' })];
    const shared = sumUnits();
    const [p, q] = [shared.apply(a), shared.apply(b)];
    const topology = new Topology({ inputs: [a, b], outputs: [layers.add().apply([p, q]), p] });
    expect(topology.weights.map((w) => w.name)).toEqual(['dense_1/kernel']);
    expect(topology.layers.map((l) => l.name)).toEqual(['a', 'b', 'dense_1', 'add_1']);
    const [total, first] = values(
      topology,
      [fed(0, [1, 2]), fed(1, [1, 2])],
      [
        [1, 2],
        [3, 4],
      ],
      [[10, 1]],
    );
    expectClose(total, [46]);
    expectClose(first, [12]);
  });

  test('a model inside another keeps its weights and has them under its name', () => {
    const inner = connectSequential([layers.dense({ units: 2, useBias: false, inputShape: [2] })], { name: 'encoder' });
    const x = layers.input({ shape: [2] });
    const outer = new Topology({ inputs: x, outputs: sumUnits().apply(inner.apply(x)) });
    expect([...outer.weightNames.values()]).toEqual(['encoder/dense_1/kernel', 'dense_1/kernel']);
    expectClose(
      values(
        outer,
        [fed(0, [1, 2])],
        [[1, 2]],
        [
          [1, 0, 0, 1],
          [3, 5],
        ],
      )[0],
      [13],
    );
    inner.trainable = false;
    expect(outer.trainableWeights.map((w) => w.name)).toEqual(['dense_1/kernel']);
    expect(() => connectSequential([inner, layers.dense({ units: 1 })])).not.toThrow();
  });

  test('every layer is traced in its scope', () => {
    const scopes: string[] = [];
    const note = layers.lambda((x) => {
      scopes.push(currentScope());
      return x;
    });
    const inner = connectSequential([note], { name: 'inner', input: { shape: [1] } });
    const x = layers.input({ shape: [1] });
    const outer = new Topology({ inputs: x, outputs: inner.apply(x) });
    scopes.length = 0;
    outer.trace([fed(0, [3, 1])], recordingContext(false).context);
    expect(scopes).toEqual(['inner (model)/lambda_1 (lambda)']);
  });

  test('graphs that do not hang together are refused', () => {
    const [a, b] = [layers.input({ shape: [2], name: 'a' }), layers.input({ shape: [2] })];
    const y = layers.add().apply([a, b]);
    expect(() => new Topology({ inputs: b, outputs: y })).toThrow(
      "model 'model': an output depends on the input a, which is not among the inputs",
    );
    expect(() => new Topology({ inputs: [a, b], outputs: sumUnits().apply(a) })).toThrow(
      'no output depends on inputs[1]',
    );
    expect(() => new Topology({ inputs: [a, a], outputs: a })).toThrow('inputs[1] is given twice');
    expect(() => new Topology({ inputs: y, outputs: y })).toThrow('inputs[0] must be made by input()');
    expect(() => new Topology({ inputs: a, outputs: [] })).toThrow('outputs must be at least one symbolic tensor');
    const named = () => layers.dense({ units: 2, name: 'same' });
    expect(() => new Topology({ inputs: a, outputs: named().apply(named().apply(a)) })).toThrow(
      "model 'model': two layers are named 'same'; give one another name",
    );
    const part = () => connectSequential([layers.dense({ units: 2, inputShape: [2] })], {});
    expect(() => new Topology({ inputs: a, outputs: part().apply(part().apply(a)) })).toThrow(
      "two layers are named 'sequential'; give one another name: sequential(layers, { name: 'encoder' })",
    );
  });

  test('given names are never taken twice by automatic ones', () => {
    const x = layers.input({ shape: [2] });
    const y = sumUnits().apply(layers.dense({ units: 2, name: 'dense_1' }).apply(x));
    const topology = new Topology({ inputs: x, outputs: y });
    expect(topology.layers.map((l) => l.name)).toEqual(['input_1', 'dense_1', 'dense_2']);
    expect(topology.getLayer('dense_2')).toBe(topology.getLayer(-1));
    expect(() => topology.getLayer('nope')).toThrow("no layer 'nope'; there are input_1, dense_1, dense_2");
  });

  test('tracing checks what comes in', () => {
    const topology = connectSequential([layers.flatten({ inputShape: [2, 2] })]);
    const { context } = recordingContext(false);
    expect(() => topology.trace([fed(0, [5, 4])], context)).toThrow(
      "input 'input_1' expects float32[batch, 2, 2], got float32[5, 4]",
    );
    expect(() => topology.trace([], context)).toThrow('takes 1 inputs, got 0');
  });

  test('penalties', () => {
    const topology = connectSequential([layers.dense({ units: 1, inputShape: [2], kernelRegularizer: l1(0.5) })]);
    const penalties = topology.penalties(recordingContext(true).context);
    const bound = new Map<Variable, number[]>([[topology.weights[0], [2, -4]]]);
    expect(penalties.length).toBe(1);
    expectClose(evaluate(penalties, [], bound).outputs[0], [3]);
  });

  test('summary', () => {
    const topology = connectSequential([layers.dense({ units: 256, inputShape: [784] }), layers.dense({ units: 10 })]);
    topology.getLayer('dense_2').trainable = false;
    expect(topology.summary()).toBe(
      [
        'Model: sequential',
        '----------------------------------------------------',
        'Layer (kind)     Output shape   Params  Connected to',
        '----------------------------------------------------',
        'input_1 (input)  [null, 784]         0',
        'dense_1 (dense)  [null, 256]   200,960  input_1',
        'dense_2 (dense)  [null, 10]      2,570  dense_1',
        '----------------------------------------------------',
        'Total params: 203,530 (795.04 KB)',
        'Trainable params: 200,960 (785.00 KB)',
        'Non-trainable params: 2,570 (10.04 KB)',
      ].join('\n'),
    );
  });
});
