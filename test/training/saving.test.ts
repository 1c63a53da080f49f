import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Tensor } from '../../lib/ir/graph';
import { registerFunction, registerLayer } from '../../lib/layers/registry';
import type { Callback, Model } from '../../lib/training/index';
import { callbacks, loadModel, model, modelFromJSON, sequential } from '../../lib/training/index';
import { layers, losses, ops, optimizers } from './library';
import { bits, classes, messageOf, mlp, noise } from './support';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'saving-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const at = (...names: string[]): string => path.join(folder, ...names);

const predictions = (net: Model, x: Float32Array): string =>
  Buffer.from((net.predictSync(x) as Float32Array).buffer).toString('hex');

/** Two inputs, two outputs, a layer that is used twice, a nested model that is used twice, branches that merge. */
function branched(): Model {
  const left = layers.input({ shape: [4], name: 'left' });
  const right = layers.input({ shape: [4], name: 'right' });
  const shared = layers.dense({ units: 6, activation: 'tanh', name: 'shared' });
  const inside = layers.input({ shape: [6] });
  const encoder = model({
    inputs: inside,
    outputs: layers.dense({ units: 5 }).apply(inside),
    name: 'encoder',
  }).topology;
  const [a, b] = [shared.apply(left), shared.apply(right)];
  const joined = layers.concatenate().apply([encoder.apply(a), encoder.apply(b), layers.add().apply([a, b])]);
  const first = layers.dense({ units: 1, name: 'first', kernelRegularizer: 'l2' }).apply(joined);
  const second = layers.dense({ units: 2, name: 'second', activation: 'softmax' }).apply(encoder.apply(b));
  return model({ inputs: [left, right], outputs: [second, first], name: 'branched' });
}

describe('toJSON and modelFromJSON', () => {
  test('a functional graph comes back with its names, sharing and predictions', () => {
    const net = branched();
    net.getLayer('shared').trainable = false;
    const text = JSON.stringify(net);
    const copy = modelFromJSON(text);
    expect(JSON.stringify(copy)).toBe(text);
    expect(copy.name).toBe('branched');
    expect([copy.inputNames, copy.outputNames]).toEqual([
      ['left', 'right'],
      ['second', 'first'],
    ]);
    expect(copy.summary()).toBe(net.summary());
    expect(copy.topology.trainableWeights.length).toBe(net.topology.trainableWeights.length);
    copy.setWeights(net.getWeights());
    const x = [noise(12, 3), noise(12, 4)];
    const [one, two] = [net, copy].map((m) => (m.predictSync(x) as Tensor[]).map((t) => [...t.data]));
    expect(two).toEqual(one);
    for (const m of [net, copy]) m.dispose();
  });

  test('clone has the same weights, of its own', () => {
    const net = mlp({ dropout: 0.3 });
    const copy = net.clone();
    expect(bits(copy)).toBe(bits(net));
    copy.setWeights({ 'dense_1/bias': new Float32Array(8).fill(1) });
    expect(bits(copy)).not.toBe(bits(net));
    for (const m of [net, copy]) m.dispose();
  });

  test('functions and layers of your own go by their registered names', () => {
    const squash = (x: Tensor): Tensor => ops.divide(x, ops.add(ops.abs(x), 1));
    const scale = ({ factor }: { factor: number }) =>
      layers.define({ kind: 'scale', config: { factor }, call: ([x]) => ops.multiply(x as Tensor, factor) });
    const make = () =>
      sequential([
        layers.dense({ units: 3, activation: squash, inputShape: [4], name: 'head' }),
        layers.lambda(squash, { name: 'again' }),
        scale({ factor: 0.5 }),
      ]);
    expect(() => make().toJSON()).toThrow(
      'toJSON: head (dense): activation: a function of your own can only be saved by name; give it one with registerFunction',
    );
    registerFunction('squash', squash);
    expect(() => make().toJSON()).toThrow(
      `toJSON: scale_1 (scale): only registered kinds of layers can be saved; call registerLayer('scale', factory)`,
    );
    registerLayer('scale', scale);
    const net = make();
    const copy = net.clone();
    const x = noise(8);
    expect(predictions(copy, x)).toBe(predictions(net, x));
    expect(() => registerFunction('squash', () => 1)).toThrow(`registerFunction: 'squash' is registered already`);
    expect(() => registerLayer('dense', scale)).toThrow(`registerLayer: 'dense' is a layer of the library`);
    for (const m of [net, copy]) m.dispose();
  });

  const good = () => JSON.parse(JSON.stringify(mlp()));
  // biome-ignore lint/suspicious/noExplicitAny: JSON that is made wrong
  const wrong: [string, (json: any) => unknown, RegExp][] = [
    ['no JSON', () => '{"format":', /modelFromJSON: not valid JSON/],
    ['another format', () => ({}), /format must be 'steepest'/],
    ['a later version', (j) => ({ ...j, version: 2 }), /has version 2 of the format; this library reads 1/],
    ['an unknown kind', (j) => set(j, 'layers.evil', 1, 'kind'), /unknown kind of layer 'layers.evil'/],
    ['a kind from elsewhere', (j) => set(j, 'constructor', 1, 'kind'), /unknown kind of layer 'constructor'/],
    ['a kind of the prototype', (j) => set(j, 'layers.toString', 1, 'kind'), /unknown kind of layer 'layers.toString'/],
    ['an unknown option', (j) => set(j, { units: 2, hack: 1 }, 1, 'config'), /unknown option 'hack'/],
    ['a wrong option', (j) => set(j, { units: -2 }, 1, 'config'), /layers\.dense: units must be a positive integer/],
    [
      'an unknown function',
      (j) => set(j, { units: 2, activation: { kind: 'functions.no' } }, 1, 'config'),
      /'no' is not registered/,
    ],
    [
      'an unknown factory',
      (j) => set(j, { units: 2, activation: { kind: 'losses.__proto__' } }, 1, 'config'),
      /unknown kind/,
    ],
    ['a name with a slash', (j) => set(j, '../up', 1, 'name'), /name must be a string without slashes/],
    ['two layers of one name', (j) => set(j, 'dense_2', 1, 'name'), /two layers are named 'dense_2'/],
    [
      'a forward reference',
      (j) => setCall(j, [[2, 0]]),
      /calls\[1\]\.inputs\[0\]\[0\] must be a whole number from 0 to 0/,
    ],
    ['no such output', (j) => setCall(j, [[0, 1]]), /calls\[1\]\.inputs\[0\]\[1\] must be a whole number from 0 to 0/],
    [
      'two inputs',
      (j) =>
        setCall(j, [
          [0, 0],
          [0, 0],
        ]),
      /takes one input, got 2/,
    ],
    ['nesting', () => `${'['.repeat(40)}`, /nested deeper than 32 levels/],
    ['a key twice', () => '{"format":"steepest","format":"steepest"}', /the key 'format' occurs twice/],
    ['a prototype', () => '{"__proto__":{}}', /the key '__proto__' is not allowed/],
  ];
  // biome-ignore lint/suspicious/noExplicitAny: JSON that is made wrong
  function set(json: any, value: unknown, layer: number, key: string): unknown {
    json.model.config.layers[layer][key] = value;
    return json;
  }
  // biome-ignore lint/suspicious/noExplicitAny: JSON that is made wrong
  function setCall(json: any, inputs: unknown): unknown {
    json.model.config.calls[1].inputs = inputs;
    return json;
  }
  test.each(wrong)('%s is refused', (_, change, message) => {
    expect(() => modelFromJSON(change(good()) as string)).toThrow(message);
  });

  test('models that use models twice, many levels deep, are refused at once', () => {
    const nest = (depth: number): object =>
      depth === 0
        ? { kind: 'layers.flatten', name: 'f', config: {} }
        : {
            kind: 'layers.model',
            name: `m${depth}`,
            config: {
              layers: [{ kind: 'layers.input', name: 'x', config: { shape: [1] } }, nest(depth - 1)],
              calls: [
                { layer: 0, inputs: [] },
                ...Array.from({ length: 50 }, (_, i) => ({ layer: 1, inputs: [[i, 0]] })),
              ],
              inputs: [0],
              outputs: [[50, 0]],
            },
          };
    const json = { format: 'steepest', version: 1, model: nest(4) };
    expect(() => modelFromJSON(JSON.stringify(json))).toThrow('makes more than 100000 calls of layers');
  });
});

describe('save and loadModel', () => {
  test('predictions are the same bits; an uncompiled model stays uncompiled', async () => {
    const net = sequential([layers.dense({ units: 3, inputShape: [4] })]);
    await net.save(at('net'));
    expect(readdirSync(at('net')).sort()).toEqual(['config.json', 'weights.safetensors']);
    const copy = await loadModel(at('net'));
    const x = noise(40);
    expect(predictions(copy, x)).toBe(predictions(net, x));
    expect(() => copy.optimizer).toThrow('not compiled');
    for (const m of [net, copy]) m.dispose();
  });

  const kinds = {
    sgd: () => optimizers.sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    rmsprop: () => optimizers.rmsprop({ momentum: 0.5, centered: true }),
    adam: () => optimizers.adam({ amsgrad: true, globalClipnorm: 1 }),
    adamw: () => optimizers.adamw({ weightDecay: 0.01 }),
  };
  test.each(Object.entries(kinds))('training goes on with the same bits: %s', async (_, optimizer) => {
    const { x, y } = classes(50);
    const make = (): Model => {
      const net = mlp({ dropout: 0.4 });
      const loss = losses.sparseCategoricalCrossentropy();
      net.compile({ optimizer: optimizer(), loss, metrics: ['accuracy'] });
      return net;
    };
    const options = { batchSize: 8, validationSplit: 0.2 };
    const whole = make();
    const start = await (async () => {
      await whole.save(at('start'));
      return loadModel(at('start'));
    })();
    const { history } = await whole.fit(x, y, { ...options, epochs: 5, seed: 9 });
    await start.fit(x, y, { ...options, epochs: 2, seed: 9 });
    await start.save(at('middle'));
    const resumed = await loadModel(at('middle'));
    expect(resumed.resumePoint).toEqual({ initialEpoch: 2, initialStep: 0, seed: 9 });
    const rest = await resumed.fit(x, y, { ...options, epochs: 5, ...resumed.resumePoint });
    expect(bits(resumed)).toBe(bits(whole));
    expect(rest.history.loss).toEqual(history.loss?.slice(2));
    expect(rest.history.valAccuracy).toEqual(history.valAccuracy?.slice(2));
    await resumed.save(at('a'));
    await whole.save(at('b'));
    expect(readFileSync(at('a', 'optimizer.safetensors')).equals(readFileSync(at('b', 'optimizer.safetensors')))).toBe(
      true,
    );
    for (const net of [whole, start, resumed]) net.dispose();
  });

  test('training goes on from every step, also with the epoch’s numbers and random seeds', async () => {
    const { x, y } = classes(36);
    const net = mlp({ dropout: 0.25 });
    const total = 10; // 2 epochs of 5 steps
    const saveAll: Callback = {
      async onBatchEnd(_batch, _logs, context) {
        const { initialEpoch, initialStep } = context.model.resumePoint;
        await context.model.save(at(`step${initialEpoch * 5 + initialStep}`));
      },
    };
    const options = { batchSize: 8, epochs: 2, verbose: 0 } as const;
    net.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] }); // no seed
    const { history } = await net.fit(x, y, { ...options, callbacks: [saveAll] });
    for (let step = 1; step < total; step++) {
      const resumed = await loadModel(at(`step${step}`));
      const { initialEpoch, initialStep } = resumed.resumePoint;
      expect(initialEpoch * 5 + initialStep).toBe(step);
      // the seed is the saved one without saying so
      const rest = await resumed.fit(x, y, { ...options, initialEpoch, initialStep });
      expect(bits(resumed)).toBe(bits(net));
      expect(rest.history.loss).toEqual(history.loss?.slice(initialEpoch));
      expect(rest.history.accuracy).toEqual(history.accuracy?.slice(initialEpoch));
      resumed.dispose();
    }
    net.dispose();
  });

  test('a changed learning rate and the seeds of later fits are saved', async () => {
    const { x, y } = classes(24);
    const net = mlp({ seed: 5, dropout: 0.5 });
    await net.fit(x, y, { epochs: 2 });
    net.optimizer.learningRate = 0.0123456789;
    await net.save(at('net'));
    const copy = await loadModel(at('net'));
    expect(copy.optimizer.learningRate).toBe(0.0123456789);
    await net.fit(x, y, { epochs: 2 });
    await copy.fit(x, y, { epochs: 2 });
    expect(bits(copy)).toBe(bits(net));
    for (const m of [net, copy]) m.dispose();
  });

  test('a model saved while it trains is that of one moment', async () => {
    const { x, y } = classes(256);
    const options = { epochs: 400, batchSize: 16, seed: 2 };
    const net = mlp({ dropout: 0.1 });
    let training: Promise<unknown> = Promise.resolve();
    await new Promise<void>((underWay) => {
      training = net.fit(x, y, { ...options, callbacks: [{ onEpochEnd: () => underWay() }] });
    });
    await net.save(at('running'));
    await training;
    const resumed = await loadModel(at('running'));
    const { initialEpoch, initialStep } = resumed.resumePoint;
    expect(initialEpoch * 16 + initialStep).toBeGreaterThan(0);
    await resumed.fit(x, y, { ...options, ...resumed.resumePoint });
    expect(bits(resumed)).toBe(bits(net));
    for (const m of [net, resumed]) m.dispose();
  });

  test('losses, metrics and several outputs come back as they were compiled', async () => {
    const net = branched();
    net.compile({
      optimizer: optimizers.sgd({ learningRate: 0.05 }),
      loss: { first: losses.huber({ delta: 0.3 }), second: losses.categoricalCrossentropy({ labelSmoothing: 0.1 }) },
      lossWeights: { first: 2 },
      metrics: { first: ['mae'], second: ['accuracy'] },
      seed: 4,
    });
    await net.save(at('net'));
    const copy = await loadModel(at('net'));
    const x = { left: noise(32, 1), right: noise(32, 2) };
    const y = { first: noise(8, 3), second: Float32Array.from({ length: 16 }, (_, i) => i % 2) };
    const one = await net.fit(x, y, { epochs: 3, batchSize: 4 });
    const two = await copy.fit(x, y, { epochs: 3, batchSize: 4 });
    expect(two.history).toEqual(one.history);
    expect(Object.keys(two.history).sort()).toEqual(
      ['firstLoss', 'firstMae', 'loss', 'secondAccuracy', 'secondLoss'].sort(),
    );
    for (const m of [net, copy]) m.dispose();
  });

  test('what cannot be saved is said, and what was saved stays', async () => {
    const net = mlp();
    await net.save(at('net'));
    const before = readFileSync(at('net', 'config.json'));
    net.compile({ optimizer: 'sgd', loss: (a, b) => ops.mean(ops.square(ops.subtract(a, b)), 1) });
    expect(await messageOf(net.save(at('net')))).toMatch(
      /save: compile: loss: a function of your own can only be saved/,
    );
    expect(readFileSync(at('net', 'config.json')).equals(before)).toBe(true);
    await net.save(at('net'), { includeOptimizer: false });
    expect(readdirSync(at('net')).sort()).toEqual(['config.json', 'weights.safetensors']);
    net.compile({ optimizer: 'sgd', loss: 'mse' });
    net.getLayer(1).trainable = false;
    expect(await messageOf(net.save(at('net')))).toMatch(/a layer was frozen or unfrozen after compile/);
    expect(await messageOf(net.save(''))).toMatch(/save: the path must be a string that is not empty/);
    writeFileSync(at('file'), '');
    expect(await messageOf(net.save(at('file'), { includeOptimizer: false }))).toMatch(/EEXIST|ENOTDIR/);
    net.dispose();
    expect(await messageOf(net.save(at('net')))).toMatch(/has been disposed/);
  });
});

describe('interrupted saves', () => {
  test('the config decides: tensors that have not moved yet are found, those that nobody names are ignored', async () => {
    const [old, next] = [mlp({ seed: 1 }), mlp({ seed: 2 })];
    await old.save(at('old'));
    await next.save(at('next'));
    const { id } = JSON.parse(readFileSync(at('next', 'config.json'), 'utf8'));
    const names = ['weights.safetensors', 'optimizer.safetensors'];
    // a crash before the config is in its place
    for (const name of names) writeFileSync(at('old', `${name}.${id}`), readFileSync(at('next', name)));
    const before = await loadModel(at('old'));
    expect(bits(before)).toBe(bits(old));
    // ... and after that, before the tensors are
    writeFileSync(at('old', 'config.json'), readFileSync(at('next', 'config.json')));
    const after = await loadModel(at('old'));
    expect(bits(after)).toBe(bits(next));
    // ... with one of them
    renameSync(at('old', `${names[0]}.${id}`), at('old', names[0] as string));
    const between = await loadModel(at('old'));
    expect(bits(between)).toBe(bits(next));
    // the next save cleans up
    await old.save(at('old'));
    expect(readdirSync(at('old')).sort()).toEqual(['config.json', 'optimizer.safetensors', 'weights.safetensors']);
    for (const m of [old, next, before, after, between]) m.dispose();
  });

  test('two saves to one place at once leave one of the models', async () => {
    const nets = [mlp({ seed: 1 }), mlp({ seed: 2 }), mlp({ seed: 3 })];
    await Promise.all(nets.map((net) => net.save(at('net'))));
    const loaded = await loadModel(at('net'));
    expect(bits(loaded)).toBe(bits(nets[2] as Model));
    for (const m of [...nets, loaded]) m.dispose();
  });
});

describe('files that do not fit', () => {
  test('each is refused by name', async () => {
    const net = mlp({ units: 8 });
    const other = mlp({ units: 9 });
    const narrow = sequential([layers.dense({ units: 8, inputShape: [4] })]);
    await net.saveWeights(at('w'));
    await other.saveWeights(at('other'));
    await narrow.saveWeights(at('narrow'));
    const before = bits(net);
    const w = at('w');
    expect(await messageOf(net.loadWeights(at('other')))).toBe(
      `${at('other')}: tensor 'dense_1/kernel' is F32[4, 9], the model needs float32[4, 8]`,
    );
    expect(await messageOf(net.loadWeights(at('narrow')))).toBe(
      `${at('narrow')}: has no tensor dense_2/kernel, dense_2/bias`,
    );
    expect(await messageOf(narrow.loadWeights(w))).toBe(
      `${w}: the model has nothing for the tensor dense_2/kernel, dense_2/bias`,
    );
    expect(await messageOf(net.loadWeights(at('none')))).toMatch(/ENOENT/);
    expect(await messageOf(net.loadWeights(folder))).toBe(`${folder}: is not a file`);
    const bytes = readFileSync(w);
    writeFileSync(w, bytes.subarray(0, -1));
    expect(await messageOf(net.loadWeights(w))).toMatch(
      /: data_offsets\[1\] of tensor '.*' must be a whole number from 0 to/,
    );
    expect(bits(net)).toBe(before);
    for (const m of [net, other, narrow]) m.dispose();
  });

  test('a damaged or exchanged tensor file of a saved model is noticed', async () => {
    const net = mlp();
    await net.save(at('net'));
    const file = at('net', 'weights.safetensors');
    const bytes = readFileSync(file);
    for (const position of [bytes.length - 1, 40, 3]) {
      const damaged = Buffer.from(bytes);
      damaged[position] = (damaged[position] as number) ^ 1;
      writeFileSync(file, damaged);
      expect(await messageOf(loadModel(at('net')))).toMatch(/weights\.safetensors: /);
    }
    rmSync(file);
    expect(await messageOf(loadModel(at('net')))).toMatch(/ENOENT.*weights\.safetensors/);
    expect(await messageOf(loadModel(at('nowhere')))).toMatch(/ENOENT.*config\.json/);
    net.dispose();
  });

  test('a config that is changed anywhere is refused or still makes a model: never anything else', async () => {
    const net = mlp({ dropout: 0.5 });
    await net.fit(classes(8).x, classes(8).y);
    await net.save(at('net'));
    const file = at('net', 'config.json');
    const text = readFileSync(file);
    const random = noise(3 * 1500, 11);
    const pick = (i: number, n: number): number => Math.floor(((random[i] as number) + 1) * 0.4999999 * n);
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const bytes = Buffer.from(text);
      const position = pick(3 * i, bytes.length);
      if (i % 3 === 0) bytes[position] = pick(3 * i + 1, 256);
      else if (i % 3 === 1) bytes.write('9', position);
      else bytes.copy(bytes, position, pick(3 * i + 1, bytes.length), pick(3 * i + 2, bytes.length));
      writeFileSync(file, bytes);
      try {
        (await loadModel(at('net'))).dispose();
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(Error);
        expect((error as Error).message).toContain(at('net'));
      }
    }
    expect(refused).toBeGreaterThan(1000);
    net.dispose();
  });
});

describe('modelCheckpoint', () => {
  test('keeps the best, numbers the others, and writes weights alone', async () => {
    const { x, y } = classes(40);
    const net = mlp();
    const { history } = await net.fit(x, y, {
      epochs: 4,
      validationSplit: 0.25,
      seed: 3,
      callbacks: [
        callbacks.modelCheckpoint({ path: at('best'), monitor: 'valLoss', saveBestOnly: true }),
        callbacks.modelCheckpoint({ path: at('{epoch}-{valLoss}.safetensors'), saveWeightsOnly: true }),
      ],
    });
    const best = history.valLoss?.indexOf(Math.min(...(history.valLoss ?? []))) as number;
    const loaded = await loadModel(at('best'));
    expect(loaded.resumePoint).toEqual({ initialEpoch: best + 1, initialStep: 0, seed: 3 });
    const weights = at(`${best + 1}-${history.valLoss?.[best]?.toFixed(4)}.safetensors`);
    net.dispose();
    const fresh = mlp({ seed: 99 });
    await fresh.loadWeights(weights);
    expect(bits(fresh)).toBe(bits(loaded));
    expect(readdirSync(folder).length).toBe(5);
    for (const m of [loaded, fresh]) m.dispose();
  });

  test('after every few steps', async () => {
    const { x, y } = classes(40);
    const net = mlp();
    await net.fit(x, y, {
      epochs: 2,
      batchSize: 8,
      callbacks: [callbacks.modelCheckpoint({ path: at('{epoch}'), frequency: 3 })],
    });
    const first = await loadModel(at('1'));
    expect([first.resumePoint.initialEpoch, first.resumePoint.initialStep]).toEqual([0, 3]);
    const second = await loadModel(at('2'));
    expect([second.resumePoint.initialEpoch, second.resumePoint.initialStep]).toEqual([1, 4]);
    for (const m of [net, first, second]) m.dispose();
  });

  test('wrong options and logs', async () => {
    expect(() => callbacks.modelCheckpoint({ path: '' })).toThrow('modelCheckpoint: the path must be a string');
    expect(() => callbacks.modelCheckpoint({ path: 'a', frequency: 0 })).toThrow(
      /frequency must be a positive integer/,
    );
    const { x, y } = classes(8);
    const net = mlp();
    const failure = (options: Partial<Parameters<typeof callbacks.modelCheckpoint>[0]>) =>
      messageOf(net.fit(x, y, { callbacks: [callbacks.modelCheckpoint({ path: at('{nothing}'), ...options })] }));
    expect(await failure({})).toMatch(/the logs have no 'nothing', only loss, accuracy/);
    expect(await failure({ saveBestOnly: true })).toMatch(/the logs have no 'valLoss'/);
    expect(existsSync(at('{nothing}'))).toBe(false);
    net.dispose();
  });
});
