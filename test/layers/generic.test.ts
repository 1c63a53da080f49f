// What holds for every kind of layer. A new kind needs a line in lib/layers/registry.ts and one in ./generic.ts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sizeOf, type Tensor } from '../../lib/ir/graph';
import { multiply } from '../../lib/ir/ops/elementwise';
import * as library from '../../lib/layers/index';
import { InputLayer } from '../../lib/layers/input';
import { layerFactory, layerKinds, registerFunction } from '../../lib/layers/registry';
import { adam } from '../../lib/optimizers/index';
import { loadModel, type Model, model } from '../../lib/training/index';
import { decodeLayer, encodeLayer } from '../../lib/training/saving/layers';
import { noise } from '../training/support';
import { type GenericCase, genericCases } from './generic';

registerFunction('genericLambda', (x: Tensor) => multiply(x, 2));

const rows = 8;
const make = (kind: string, { config = {} }: GenericCase): library.Layer =>
  decodeLayer('generic', { kind: `layers.${kind}`, name: 'subject', config });

const shapesOf = ({ inputs = [[4]] }: GenericCase): readonly (readonly number[])[] => inputs;

/** The layer between the inputs and a dense layer of one unit. */
function around(kind: string, golden: GenericCase): Model {
  const layer = make(kind, golden);
  const dtype = golden.integers === undefined ? 'float32' : 'int32';
  const inputs =
    layer instanceof InputLayer ? [layer.output] : shapesOf(golden).map((shape) => library.input({ shape, dtype }));
  const [y] = layer instanceof InputLayer ? inputs : layer.applyMany(inputs);
  const flat = library.flatten().apply(y as library.SymbolicTensor);
  const outputs = library.dense({ units: 1, name: 'head' }).apply(flat);
  const net = model({ inputs, outputs, name: 'generic' });
  net.compile({ optimizer: adam({ learningRate: 0.02 }), loss: 'mse', seed: 3 });
  return net;
}

const dataFor = (golden: GenericCase): Float32Array[] =>
  shapesOf(golden).map((shape, i) => {
    const values = noise(rows * sizeOf(shape), 5 + i);
    const { integers } = golden;
    return integers === undefined ? values : values.map((v) => Math.floor(((v + 1) / 2) * integers));
  });

const bits = (net: Model): string =>
  net
    .getWeights()
    .map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'))
    .join();

const predict = (net: Model, x: Float32Array[]): number[] => [...(net.predictSync(x) as Tensor).data];

describe('the registry', () => {
  /** Functions that are no kinds of their own; classes, which begin with a capital letter, are none either. */
  const others = ['define', 'input'];

  test('has every layer that the library exports', () => {
    const functions = Object.entries(library).filter(
      ([name, value]) => typeof value === 'function' && /^[a-z]/.test(name) && !others.includes(name),
    );
    const missing = functions
      .map(([name]) => (name === 'inputLayer' ? 'input' : name))
      .filter((name) => !layerKinds.includes(name));
    expect(missing).toEqual([]);
  });

  test('and only those, in the order of the alphabet', () => {
    expect(layerKinds.filter((kind) => kind !== 'input' && !(kind in library))).toEqual([]);
    expect(layerKinds).toEqual([...layerKinds].sort());
  });

  test('has a generic case for each', () => {
    expect(Object.keys(genericCases).sort()).toEqual([...layerKinds].sort());
  });

  test('does not know what objects inherit', () => {
    for (const kind of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
      expect(layerFactory(kind)).toBeUndefined();
  });
});

describe.each(Object.entries(genericCases))('%s', (kind, golden) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'generic-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is of its kind, and its config makes the same layer again', () => {
    const layer = make(kind, golden);
    expect(layer.kind).toBe(kind);
    const json = JSON.stringify(encodeLayer('generic', layer));
    expect(JSON.stringify(encodeLayer('generic', decodeLayer('generic', JSON.parse(json))))).toBe(json);
    // nothing of what was asked for is lost
    const { config = {} } = JSON.parse(json);
    expect(config).toEqual(golden.config ?? {});
  });

  test('has the shapes and weights that it should have', () => {
    const net = around(kind, golden);
    const layer = net.getLayer('subject');
    const call = net.topology.calls.find((c) => c.layer === layer);
    const [output] = call?.outputs ?? net.topology.inputs;
    expect(output?.shape.slice(1)).toEqual(golden.output ?? shapesOf(golden)[0]);
    expect(layer.countParams()).toBe(golden.params ?? 0);
    expect(
      net
        .getWeights()
        .map((w) => w.name)
        .every((name) => /^(subject|head)\//.test(name)),
    ).toBe(true);
    net.dispose();
  });

  test('trains: the loss falls, with the same bits each time; saved and loaded it predicts the same', async () => {
    const x = dataFor(golden);
    const y = noise(rows, 2);
    const nets = [around(kind, golden), around(kind, golden)] as const;
    const [net, twin] = nets;
    const before = await net.evaluate(x, y);
    const options = { epochs: 60, batchSize: rows };
    await net.fit(x, y, options);
    const after = await net.evaluate(x, y);
    expect(after.loss).toBeLessThan(before.loss);
    await twin.fit(x, y, options);
    expect(bits(twin)).toBe(bits(net));
    const directory = path.join(folder, kind);
    await net.save(directory);
    const loaded = await loadModel(directory);
    expect(predict(loaded, x)).toEqual(predict(net, x));
    await Promise.all([net.fit(x, y, options), loaded.fit(x, y, options)]);
    expect(bits(loaded)).toBe(bits(net));
    for (const m of [...nets, loaded]) m.dispose();
  });
});
