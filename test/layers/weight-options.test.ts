// Regularizers and constraints of every kind of layer: which weights have them, and that training heeds them.
import { sizeOf, type Tensor } from '../../lib/ir/graph';
import { multiply } from '../../lib/ir/ops/elementwise';
import * as layers from '../../lib/layers/index';
import { layerKinds, registerFunction } from '../../lib/layers/registry';
import { type Model, model } from '../../lib/training/index';
import { decodeLayer } from '../../lib/training/saving/layers';
import { noise } from '../training/support';
import { type GenericCase, genericCases } from './generic';

registerFunction('genericLambda', (x: Tensor) => multiply(x, 2));

const rows = 8;
const convolutions = ['conv1d', 'conv2d', 'conv3d', 'conv1dTranspose', 'conv2dTranspose', 'conv3dTranspose'];
const recurrent = ['simpleRNN', 'lstm', 'gru'];
const convLstm = ['convLstm1d', 'convLstm2d', 'convLstm3d'];

/** What the options of each layer with weights of its own begin with: 'kernel' for kernelRegularizer, ... */
const prefixes: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries([...convolutions, 'dense', 'einsumDense'].map((kind) => [kind, ['kernel', 'bias']])),
  ...Object.fromEntries(['depthwiseConv1d', 'depthwiseConv2d'].map((kind) => [kind, ['depthwise', 'bias']])),
  ...Object.fromEntries(
    ['separableConv1d', 'separableConv2d'].map((kind) => [kind, ['depthwise', 'pointwise', 'bias']]),
  ),
  ...Object.fromEntries(
    [...recurrent, ...recurrent.map((kind) => `${kind}Cell`), ...convLstm].map((kind) => [
      kind,
      ['kernel', 'recurrent', 'bias'],
    ]),
  ),
  ...Object.fromEntries(
    ['batchNormalization', 'layerNormalization', 'groupNormalization', 'instanceNormalization'].map((kind) => [
      kind,
      ['gamma', 'beta'],
    ]),
  ),
  ...Object.fromEntries(['multiHeadAttention', 'groupQueryAttention'].map((kind) => [kind, ['kernel', 'bias']])),
  embedding: ['embeddings'],
  prelu: ['alpha'],
  rmsNormalization: ['gamma'],
};

/** Layers whose weights are those of layers inside them, or have no such options in Keras either. */
const without = [
  ...['additiveAttention', 'attention', 'bidirectional', 'positionEmbedding', 'rnn', 'spectralNormalization'],
  ...['stackedRNNCells', 'timeDistributed', 'transformerDecoder', 'transformerEncoder'],
];

const make = (kind: string, more: object): layers.Layer =>
  decodeLayer('test', { kind: `layers.${kind}`, name: 'subject', config: { ...genericCases[kind]?.config, ...more } });

/** The layer, and a model with a dense layer of one unit after it. */
function around(kind: string, more: object): { net: Model; output: Model } {
  const { inputs: shapes = [[4]], integers } = genericCases[kind] as GenericCase;
  const dtype = integers === undefined ? 'float32' : 'int32';
  const inputs = shapes.map((shape) => layers.input({ shape, dtype }));
  const [y] = make(kind, more).applyMany(inputs);
  const flat = layers.flatten().apply(y as layers.SymbolicTensor);
  const outputs = layers.dense({ units: 1, name: 'head' }).apply(flat);
  const net = model({ inputs, outputs });
  net.compile({ optimizer: 'adam', loss: 'mse', seed: 3 });
  return { net, output: model({ inputs, outputs: y as layers.SymbolicTensor }) };
}

const dataFor = ({ inputs = [[4]], integers }: GenericCase): Float32Array[] =>
  inputs.map((shape, i) => {
    const values = noise(rows * sizeOf(shape), 5 + i);
    return integers === undefined ? values : values.map((v) => Math.floor(((v + 1) / 2) * integers));
  });

const y = noise(rows, 2);
const lossOf = async (net: Model, x: Float32Array[]): Promise<number> =>
  (await net.evaluate(x, y, { batchSize: rows })).loss;
const total = (values: ArrayLike<number>, f: (v: number) => number): number =>
  Array.from(values).reduce((acc, v) => acc + f(v), 0);

test('every layer with weights is in one of the lists', () => {
  const withWeights = layerKinds.filter((kind) => (genericCases[kind]?.params ?? 0) > 0);
  expect([...Object.keys(prefixes), ...without].sort()).toEqual([...withWeights].sort());
});

describe.each(Object.entries(prefixes))('%s', (kind, names) => {
  const config = genericCases[kind]?.config as { useBias?: boolean; center?: boolean } | undefined;
  const used = names.filter((name) => !(name === 'bias' && config?.useBias === false));
  const options = (suffix: string, value: string) => Object.fromEntries(used.map((name) => [name + suffix, value]));
  const x = dataFor(genericCases[kind] as GenericCase);
  const own = (net: Model) => net.topology.trainableWeights.filter((w) => w.name.startsWith('subject/'));

  test('every weight has a regularizer, which adds to the loss', async () => {
    const [plain, penal] = [around(kind, options('Regularizer', 'l2')), around(kind, options('Regularizer', 'l1'))].map(
      ({ net }) => net,
    ) as [Model, Model];
    expect(own(penal).map((w) => [w.name, typeof w.regularizer])).toEqual(own(penal).map((w) => [w.name, 'function']));
    const weights = plain.getWeights().map((w, i) => ({ ...w, data: noise(w.data.length, i) }));
    const values = weights.map((w) => ({
      ...w,
      data: w.name.endsWith('movingVariance') ? w.data.map((v) => v + 2) : w.data,
    }));
    for (const net of [plain, penal]) net.setWeights(values);
    const trained = new Set(own(penal).map((w) => w.name));
    const penalty = (f: (v: number) => number): number =>
      values.reduce((acc, w) => (trained.has(w.name) ? acc + 0.01 * total(w.data, f) : acc), 0);
    const difference = (await lossOf(penal, x)) - (await lossOf(plain, x));
    expect(difference).toBeCloseTo(penalty(Math.abs) - penalty((v) => v * v), 4);
    plain.dispose();
    penal.dispose();
  });

  test('every weight has a constraint, which holds after updates', async () => {
    const { net } = around(kind, options('Constraint', 'nonNeg'));
    const constrained = own(net);
    expect(constrained.map((w) => [w.name, typeof w.constraint])).toEqual(constrained.map((w) => [w.name, 'function']));
    await net.fit(x, y, { epochs: 3, batchSize: 4, verbose: 0 });
    const names = new Set(constrained.map((w) => w.name));
    for (const { name, data } of net.getWeights()) {
      if (names.has(name)) expect([name, Math.min(...data) >= 0]).toEqual([name, true]);
    }
    net.dispose();
  });

  test('bad names fail where they are written', () => {
    for (const name of used) {
      for (const suffix of ['Initializer', 'Regularizer', 'Constraint']) {
        const key = name + suffix;
        expect(() => make(kind, { [key]: 'none' })).toThrow(new RegExp(`${key} must be a function or one of`));
      }
    }
  });
});

describe('activityRegularizer', () => {
  const cells = layerKinds.filter((kind) => kind.endsWith('Cell') || kind === 'stackedRNNCells');

  test.each(layerKinds.filter((kind) => kind !== 'input' && !cells.includes(kind)))(
    'of %s: the sum over its outputs, divided by the batch, is part of the loss',
    async (kind) => {
      const x = dataFor(genericCases[kind] as GenericCase);
      const [plain, penal] = [around(kind, {}), around(kind, { activityRegularizer: 'l2' })];
      penal.net.setWeights(plain.net.getWeights().map((w) => w.data));
      plain.output.setWeights(
        plain.net
          .getWeights()
          .slice(0, plain.output.getWeights().length)
          .map((w) => w.data),
      );
      const outputs = plain.output.predictSync(x) as Tensor;
      const penalty = (0.01 * total(outputs.data, (v) => v * v)) / rows;
      expect(penalty).toBeGreaterThan(0);
      expect((await lossOf(penal.net, x)) - (await lossOf(plain.net, x))).toBeCloseTo(penalty, 4);
      for (const net of [plain.net, plain.output, penal.net]) net.dispose();
    },
  );

  test.each(cells)('%s has none: its layer has', (kind) => {
    expect(() => make(kind, { activityRegularizer: 'l2' })).toThrow('is for the recurrent layer, not for its cell');
  });
});
