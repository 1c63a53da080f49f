import * as constraints from '../../lib/constraints/index';
import * as initializers from '../../lib/initializers/index';
import type { Tensor } from '../../lib/ir/graph';
import * as metrics from '../../lib/metrics/index';
import * as regularizers from '../../lib/regularizers/index';
import { earlyStopping } from '../../lib/training/callbacks';
import { type CompileOptions, model, sequential } from '../../lib/training/index';
import { layers, losses, ops, optimizers, schedules } from './library';
import { bits, classes, messageOf, mlp } from './support';

const { x, y } = classes(10);

describe('fit refuses, and leaves the model as it was', () => {
  const cases: [string, () => Parameters<ReturnType<typeof mlp>['fit']>, RegExp][] = [
    [
      'a label that is too large',
      () => [x, Uint8Array.from(y, (v, i) => (i === 4 ? 3 : v))],
      /fit: row 4 of y is 3; expected a class from 0 to 2 \(3 classes\)/,
    ],
    ['a negative label', () => [x, Int32Array.from(y, (v, i) => (i === 2 ? -1 : v))], /row 2 of y is -1/],
    ['a fractional label', () => [x, Float32Array.from(y, (v, i) => (i === 1 ? 0.5 : v))], /row 1 of y is 0.5/],
    ['a NaN label', () => [x, Float32Array.from(y, () => Number.NaN)], /row 0 of y is NaN/],
    ['different lengths', () => [x, y.subarray(0, 9)], /x \(input 'input_1'\) has 10 rows, y has 9/],
    [
      'values that do not fill a sample',
      () => [x.subarray(0, 39), y],
      /39 values, which is not a multiple of the 4 values/,
    ],
    [
      'samples of another shape',
      () => [ops.tensor(new Float32Array(50), [10, 5]), y],
      /must have shape \[rows, 4\], got \[10, 5\]/,
    ],
    [
      'ragged arrays',
      () => [
        [
          [1, 2, 3, 4],
          [1, 2, 3],
        ],
        [0, 1],
      ],
      /x \(input 'input_1'\) is ragged: row 1 has 3 values/,
    ],
    [
      'text',
      () => [[[1, 2, 3, '4' as unknown as number]], [0]],
      /row 0 of x \(input 'input_1'\) must hold numbers, got '4'/,
    ],
    ['no data', () => [new Float32Array(0), new Uint8Array(0)], /x \(input 'input_1'\) is empty/],
    ['nothing', () => [undefined as unknown as Float32Array, y], /x is missing/],
    [
      '64-bit integers',
      () => [new BigInt64Array(40) as unknown as Float32Array, y],
      /must be a typed array of numbers/,
    ],
    ['an unknown name', () => [{ images: x }, y], /x has 'images'; expected input_1/],
    [
      'one-hot targets for a sparse loss',
      () => [x, ops.tensor(new Float32Array(30), [10, 3])],
      /y must have shape \[rows\], got \[10, 3\]/,
    ],
    [
      'sample weights of another length',
      () => [x, y, { sampleWeight: new Float32Array(9) }],
      /sampleWeight has 9 values for 10 samples/,
    ],
    [
      'a negative sample weight',
      () => [x, y, { sampleWeight: Float32Array.from(y, () => -1) }],
      /sampleWeight of row 0 is -1/,
    ],
    [
      'a class weight that is no number',
      () => [x, y, { classWeight: { 1: Number.NaN } }],
      /classWeight must map class numbers/,
    ],
    [
      'class weights in a Map',
      () => [x, y, { classWeight: new Map([[1, 2]]) as never }],
      /fit: classWeight must be a record of weights by class numbers, got an object \(Map\)/,
    ],
    [
      'the weight of a class that there is not',
      () => [x, y, { classWeight: { 3: 1 } }],
      /fit: classWeight names class 3; there are 3 classes, 0 to 2/,
    ],
    ['the weight of a negative class', () => [x, y, { classWeight: { '-1': 1 } }], /classWeight names class -1;/],
    [
      'more epochs than steps can be counted for',
      () => [x, y, { initialEpoch: 2 ** 53 - 2, epochs: 2 ** 53 - 1, batchSize: 5 }],
      /fit: epochs must be at most 4503599627370494 with 2 steps in an epoch, got 9007199254740991/,
    ],
    [
      'an array that becomes shorter while it is read',
      () => {
        const row = [1, 2, 3, 4];
        Object.defineProperty(row, 0, {
          get() {
            row.length = 1;
            return 1;
          },
        });
        return [
          [[1, 2, 3, 4], row],
          [0, 1],
        ];
      },
      /x \(input 'input_1'\) is ragged: row 1 has 1 values where others have 4 values/,
    ],
    ['batchSize NaN', () => [x, y, { batchSize: Number.NaN }], /fit: batchSize must be a positive integer, got NaN/],
    ['batchSize 0', () => [x, y, { batchSize: 0 }], /batchSize must be a positive integer/],
    ['epochs 1.5', () => [x, y, { epochs: 1.5 }], /epochs must be a positive integer, got 1.5/],
    [
      'a negative initialEpoch',
      () => [x, y, { initialEpoch: -1 }],
      /initialEpoch must be an integer that is not negative/,
    ],
    ['validationSplit 1', () => [x, y, { validationSplit: 1 }], /validationSplit must be/],
    ['a validationSplit that leaves nothing', () => [x, y, { validationSplit: 0.99 }], /leaves one part empty/],
    ['validationSplit and validationData', () => [x, y, { validationSplit: 0.5, validationData: [x, y] }], /not both/],
    [
      'validationData without targets',
      () => [x, y, { validationData: [x] as never }],
      /validationData must be \[x, y\]/,
    ],
    [
      'bad validationData',
      () => [x, y, { validationData: [x, y.subarray(1)] }],
      /validationData: .* has 10 rows, y has 9/,
    ],
    ['an unknown option', () => [x, y, { batchsize: 1 } as never], /unknown option 'batchsize'/],
    ['a seed that is no integer', () => [x, y, { seed: 0.5 }], /seed must be an integer/],
    ['a signal that is none', () => [x, y, { signal: {} as AbortSignal }], /signal must be an AbortSignal/],
    ['callbacks that are none', () => [x, y, { callbacks: [1 as never] }], /callbacks must be an array of callbacks/],
    ['a verbose it does not know', () => [x, y, { verbose: 3 as never }], /verbose must be/],
  ];
  test.each(cases)('%s', async (_, argumentsOf, message) => {
    const net = mlp();
    const before = bits(net);
    expect(await messageOf(net.fit(...argumentsOf()))).toMatch(message);
    expect(bits(net)).toBe(before);
    await net.fit(x, y);
    net.dispose();
  });

  test('a buffer that has been transferred', async () => {
    const net = mlp();
    const gone = x.slice();
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(await messageOf(net.fit(gone, y))).toMatch(
      /fit: (the buffer of )?x \(input 'input_1'\) is (detached|empty)/,
    );
    net.dispose();
  });

  test('a buffer that is transferred while a large one is copied', async () => {
    const net = sequential([layers.dense({ units: 1, inputShape: [1024] })]);
    net.compile({ optimizer: 'sgd', loss: 'mse' });
    const large = new Float32Array(1024 * 8192); // 32 MB
    const running = net.fit(large, new Float32Array(8192));
    structuredClone(large.buffer, { transfer: [large.buffer] });
    expect(await messageOf(running)).toMatch(/transferred or resized while it was copied/);
    net.dispose();
  });

  test('data for one input where there are two, and a part that is missing', async () => {
    const a = layers.input({ shape: [2], name: 'a' });
    const b = layers.input({ shape: [2], name: 'b' });
    const net = model({ inputs: [a, b], outputs: layers.dense({ units: 1 }).apply(layers.add().apply([a, b])) });
    net.compile({ optimizer: 'sgd', loss: 'mse' });
    const targets = new Float32Array(2);
    expect(await messageOf(net.fit(new Float32Array(4), targets))).toMatch(/x must be a list of 2 arrays \(a, b\)/);
    expect(await messageOf(net.fit({ a: new Float32Array(4) }, targets))).toMatch(/x has no 'b'/);
    expect(await messageOf(net.fit([new Float32Array(4), new Float32Array(6)], targets))).toMatch(
      /x\['a'\] has 2 rows, x\['b'\] has 3/,
    );
    net.dispose();
  });
});

describe('other calls', () => {
  test('before compile', async () => {
    const net = sequential([layers.dense({ units: 1, inputShape: [4] })]);
    for (const call of [net.fit(x, y), net.evaluate(x, y)]) expect(await messageOf(call)).toMatch(/is not compiled/);
    expect(() => net.trainOnBatch(x, y)).toThrow(/trainOnBatch: the model is not compiled/);
    expect(() => net.optimizer).toThrow(/not compiled/);
    expect(net.predictSync(x)).toHaveLength(10);
    net.dispose();
  });

  test('after dispose; twice is nothing', async () => {
    const net = mlp();
    net.dispose();
    net.dispose();
    for (const call of [net.fit(x, y), net.evaluate(x, y), net.predict(x)]) {
      expect(await messageOf(call)).toMatch(/: the model has been disposed/);
    }
    expect(() => net.predictSync(x)).toThrow(/predictSync: the model has been disposed/);
    expect(() => net.getWeights()).toThrow(/disposed/);
    expect(() => net.setWeights([])).toThrow(/disposed/);
    expect(() => net.clone()).toThrow(/^clone: the model has been disposed/);
    expect(() => net.compile({ optimizer: 'sgd', loss: 'mse' })).toThrow(/disposed/);
  });

  test('compile names what is wrong', () => {
    const net = mlp();
    const compile = (options: object) => () => net.compile(options as never);
    expect(compile({ loss: 'mse' })).toThrow(/optimizer is missing/);
    expect(compile({ optimizer: 'adam' })).toThrow(/loss is missing/);
    expect(compile({ optimizer: 'adamw2', loss: 'mse' })).toThrow(/optimizer must be .*'adamw'/);
    expect(compile({ optimizer: 'adam', loss: 'msee' })).toThrow(/loss must be .*'mse'/);
    expect(compile({ optimizer: 'adam', loss: 'mse', metrics: ['acc'] })).toThrow(/'accuracy'/);
    expect(compile({ optimizer: 'adam', loss: 'mse', metrics: ['accuracy', 'accuracy'] })).toThrow(
      /two metrics are named 'accuracy'/,
    );
    expect(compile({ optimizer: 'adam', loss: ['mse', 'mse'] })).toThrow(/loss must have 1 elements/);
    expect(compile({ optimizer: 'adam', loss: { other: 'mse' } })).toThrow(
      /loss names 'other', which is not an output/,
    );
    expect(compile({ optimizer: 'adam', loss: 'mse', lossWeights: [Number.NaN] })).toThrow(/lossWeights of/);
    expect(compile({ optimizer: 'adam', loss: 'mse', metric: [] })).toThrow(/unknown option 'metric'/);
    net.dispose();
  });

  test('setWeights takes a part of what getWeights returned, and no instances of something else', () => {
    const [from, to] = [mlp(), mlp()];
    to.setWeights(from.getWeights().filter(({ name }) => name.startsWith('dense_2/')));
    expect(to.getWeights().slice(2)).toEqual(from.getWeights().slice(2));
    const others = from.getWeights().slice(1).map((w) => ({ ...w, name: `x/${w.name}` })); // biome-ignore format: one line
    expect(() => to.setWeights(others)).toThrow(/no weight 'x\/dense_1\/bias'/);
    for (const wrong of [new Map(), new Date(), new Float32Array(0)]) {
      expect(() => to.setWeights(wrong as never)).toThrow(/expected an array or a record by names, got an object/);
    }
  });

  test.each(['onTrainBegin', 'onEpochBegin', 'onBatchBegin', 'onBatchEnd', 'onEpochEnd'])(
    'a model that is disposed of in %s',
    async (hook) => {
      const net = mlp();
      const training = net.fit(x, y, { epochs: 2, callbacks: [{ [hook]: () => net.dispose() }] });
      await expect(training).rejects.toThrow('fit: the model was disposed while it was running');
    },
  );

  test('arrays that hold themselves, weights that are no weights, and sizes that nothing can hold', async () => {
    const net = mlp();
    const loop: unknown[] = [];
    loop.push(loop);
    await expect(net.fit(loop as never, y)).rejects.toThrow(/must have shape \[rows, 4\], got \[1, 1/);
    expect(() => ops.tensor(loop as never)).toThrow('tensor: arrays are nested more than 32 deep');
    expect(() => ops.tensor(new BigInt64Array(2) as never)).toThrow('tensor: expected numbers, got a BigInt64Array');
    const weights = (options: object) => net.fit(x, y, options);
    await expect(weights({ classWeight: 2 })).rejects.toThrow('classWeight must be a record of weights by class');
    await expect(weights({ sampleWeight: null })).rejects.toThrow('sampleWeight must be a typed array of numbers');
    const huge = sequential([layers.dense({ units: 1e6, inputShape: [1e6] })]);
    expect(() => huge.getWeights()).toThrow('dense_1/kernel: no memory for values of shape [1000000, 1000000]');
  });

  test('setWeights changes nothing when something does not fit', () => {
    const net = mlp();
    const before = bits(net);
    const values = net.getWeights().map(({ data }) => data.map(() => 1));
    expect(() => net.setWeights(values.slice(1))).toThrow(/has 4 weights, got values for 3/);
    expect(() => net.setWeights([...values.slice(0, 3), new Float32Array(2)])).toThrow(
      /expected a Float32Array of 3 values, got a Float32Array of 2/,
    );
    expect(() => net.setWeights([...values.slice(0, 3), [1, 2, 3] as never])).toThrow(
      /expected a Float32Array of 3 values, got \[1, 2, 3\]/,
    );
    expect(() => net.setWeights({ 'dense_9/kernel': new Float32Array(1) })).toThrow(/no weight 'dense_9\/kernel'/);
    expect(bits(net)).toBe(before);
    net.dispose();
  });

  test('predictSync with data or a result that does not fit', () => {
    const net = mlp();
    expect(() => net.predictSync(new Float32Array(5))).toThrow(/5 values, which is not a multiple of the 4/);
    expect(() => net.predictSync(new Float32Array(4), new Float32Array(2))).toThrow(
      /out must be a Float32Array of 3 values, got 2 values/,
    );
    for (const out of [{ batchSize: 2 }, new Float64Array(3), [1, 2, 3]]) {
      expect(() => net.predictSync(new Float32Array(4), out as never)).toThrow(
        /of 3 values, got (an object|\[1, 2, 3\])/,
      );
    }
    expect(() => net.predictSync(new Float32Array(0))).toThrow(/is empty/);
    net.dispose();
  });

  test('a loss of your own that returns nonsense', async () => {
    const net = sequential([layers.dense({ units: 1, inputShape: [4] })]);
    net.compile({ optimizer: 'sgd', loss: () => 1 as never });
    expect(await messageOf(net.fit(x, new Float32Array(10)))).toMatch(
      /loss of dense_1: must return a float32 tensor, got number/,
    );
    net.compile({ optimizer: 'sgd', loss: (t) => ops.sum(t, 0) });
    expect(await messageOf(net.fit(x, new Float32Array(10)))).toMatch(/one number per sample/);
    net.dispose();
  });
});

/** Named like a method of every object. */
const toString = (yTrue: Tensor, yPred: Tensor): Tensor => ops.subtract(ops.max(yPred), ops.max(yTrue));

describe('names that every object has', () => {
  const classifier = (options: Pick<CompileOptions, 'metrics' | 'weightedMetrics'>) => {
    const net = mlp();
    net.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', ...options });
    return net;
  };
  const twoOutputs = () => {
    const entrance = layers.input({ shape: [4] });
    const output = (name: string) => layers.dense({ units: 1, name }).apply(entrance);
    return model({ inputs: entrance, outputs: [output('constructor'), output('other')] });
  };

  test('metrics and outputs may have them', async () => {
    const net = classifier({ metrics: [metrics.sparseCategoricalAccuracy({ name: 'constructor' }), toString] });
    const { history } = await net.fit(x, y, { epochs: 2 });
    expect(history.constructor).toHaveLength(2);
    expect(history.toString).toHaveLength(2);
    net.dispose();
    const two = twoOutputs();
    two.compile({ optimizer: 'sgd', loss: 'mse', lossWeights: { other: 2 } });
    const targets = new Float32Array(10);
    const logs = await two.evaluate(x, [targets, targets], { sampleWeight: { other: targets.map(() => 0.5) } });
    expect(logs.loss).toBeCloseTo(logs.constructorLoss + 2 * logs.otherLoss, 5);
    const missing = "evaluate: y has no 'constructor'";
    expect(await messageOf(two.evaluate(x, { other: targets }))).toContain(missing);
    two.dispose();
  });

  test('what is not given is missing', async () => {
    const two = twoOutputs();
    const compile = () => two.compile({ optimizer: 'sgd', loss: { other: 'mse' } });
    expect(compile).toThrow("compile: loss has nothing for output 'constructor'");
    const net = mlp();
    const wait = earlyStopping({ monitor: 'constructor' });
    expect(await messageOf(net.fit(x, y, { callbacks: [wait] }))).toContain(
      "the logs have no 'constructor', only loss",
    );
    net.dispose();
  });

  test('a metric of your own needs a name', () => {
    for (const name of [undefined, '', Symbol('a'), '__proto__']) {
      const metric = { ...metrics.sparseCategoricalAccuracy(), name: name as string };
      const message =
        /^compile: the name of each of (weightedMetrics|metrics) must be (a string that is not empty|another string), got/;
      expect(() => classifier({ metrics: [metric] })).toThrow(message);
      expect(() => classifier({ weightedMetrics: [metric] })).toThrow(message);
    }
  });
});

test('factories that were not called are named', () => {
  const { dense } = layers;
  const compile = (options: object) => () => mlp().compile({ optimizer: 'sgd', loss: 'mse', ...options });
  const itself = (factory: string) => `must be what ${factory}(...) returns, got the function ${factory} itself`;
  expect(compile({ loss: losses.huber })).toThrow(`compile: loss ${itself('losses.huber')}`);
  expect(compile({ metrics: [metrics.precision] })).toThrow(`each of metrics ${itself('metrics.precision')}`);
  expect(compile({ metrics: [losses.huber] })).toThrow(`each of metrics ${itself('losses.huber')}`);
  expect(compile({ optimizer: optimizers.adam })).toThrow(`compile: optimizer ${itself('optimizers.adam')}`);
  const rate = schedules.cosineDecay as never;
  expect(() => optimizers.sgd({ learningRate: rate })).toThrow(`learningRate ${itself('schedules.cosineDecay')}`);
  const options: [object, string, string][] = [
    [{ kernelConstraint: constraints.maxNorm }, 'kernelConstraint', 'constraints.maxNorm'],
    [{ kernelRegularizer: regularizers.l2 }, 'kernelRegularizer', 'regularizers.l2'],
    [{ kernelInitializer: initializers.constant }, 'kernelInitializer', 'initializers.constant'],
  ];
  for (const [option, name, factory] of options) {
    expect(() => dense({ units: 1, ...option })).toThrow(`layers.dense: ${name} ${itself(factory)}`);
  }
});
