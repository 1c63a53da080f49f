// Loops over time that are one launch: recurrent layers as on the CPU, random bodies bit by bit, and what is launched step by step.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type Layer, layers, type Precision, sequential, type Tensor, tensor } from '../../lib/index';
import { opTable } from '../../lib/ir/optable.js';
import { Random } from '../helpers/random';
import { addon } from '../native/native.js';
import { floatBits, PlanWords } from '../native/plan-words.js';
import { expectAssembled, hasPtxas } from './assembled';
import { emulated, onDevice, setEnvironment } from './device';
import { trace } from './launched';

const texts = mkdtempSync(path.join(tmpdir(), 'steepest-loops-'));
afterAll(async () => {
  await setEnvironment({ STEEPEST_CUDA_LOOPS: '', STEEPEST_EMULATED_PTX: '', STEEPEST_EMULATED_CAPABILITY: '' });
  rmSync(texts, { recursive: true, force: true });
});

/** Blocks of a cluster; 0 launches step by step. */
const withMembers = (members: number, capability = 90): Promise<void> =>
  setEnvironment({
    STEEPEST_EMULATED_CAPABILITY: `${capability}`,
    STEEPEST_CUDA_LOOPS: `${members}`,
    STEEPEST_EMULATED_TRACE: trace.file,
    STEEPEST_EMULATED_PTX: texts,
  });

/** How many launches there were of loops. */
const loops = (): number => trace.names().filter((name) => name === 'loop').length;

interface Recurrent {
  readonly units: number;
  readonly batch: number;
  readonly make: (units: number, inputShape: readonly number[]) => Layer[];
  /** In a step of training. */
  readonly loops: number;
  readonly precision?: Precision;
  /** 120 has less shared memory than 90. */
  readonly capability?: number;
  /** Of the cluster. */
  readonly members: readonly number[];
}

const recurrent: Record<string, Recurrent> = {
  LSTM: {
    members: [1, 4],
    units: 16,
    batch: 13,
    loops: 2,
    make: (units, inputShape) => [layers.lstm({ units, inputShape })],
  },
  'LSTM whose gates lie where their sums were': {
    ...{ members: [1, 2, 4], units: 32, batch: 7, loops: 2 },
    make: (units, inputShape) => [layers.lstm({ units, inputShape })],
  },
  'GRU of gates side by side': {
    ...{ members: [1, 2], units: 32, batch: 7, loops: 2 },
    make: (units, inputShape) => [layers.gru({ units, inputShape, goBackwards: true })],
  },
  'LSTM of weights that do not fit shared memory': {
    ...{ units: 96, batch: 3, loops: 2, members: [1], capability: 120 },
    make: (units, inputShape) => [layers.lstm({ units, inputShape })],
  },
  'LSTM of units that are no quads': {
    ...{ members: [1], units: 7, batch: 5, loops: 2 },
    make: (units, inputShape) => [layers.lstm({ units, inputShape })],
  },
  'LSTM of a batch of 1': {
    ...{ members: [1, 2], units: 16, batch: 1, loops: 2 },
    make: (units, inputShape) => [layers.lstm({ units, inputShape })],
  },
  'LSTM of bfloat16 products': {
    ...{ members: [1, 2], units: 16, batch: 9, loops: 2, precision: 'mixedBfloat16' },
    make: (units, inputShape) => [layers.lstm({ units, inputShape })],
  },
  'LSTM with dropout': {
    ...{ members: [2], units: 16, batch: 8, loops: 2 },
    make: (units, inputShape) => [layers.lstm({ units, inputShape, dropout: 0.1, recurrentDropout: 0.2 })],
  },
  'two LSTMs': {
    ...{ members: [2], units: 8, batch: 17, loops: 4 },
    make: (units, inputShape) => [layers.lstm({ units, inputShape, returnSequences: true }), layers.lstm({ units })],
  },
  GRU: {
    members: [1, 4],
    units: 16,
    batch: 13,
    loops: 2,
    make: (units, inputShape) => [layers.gru({ units, inputShape })],
  },
  'GRU that resets before': {
    ...{ members: [1, 2], units: 16, batch: 13, loops: 2 },
    make: (units, inputShape) => [layers.gru({ units, inputShape, resetAfter: false })],
  },
  'simple RNN': {
    members: [1, 2],
    units: 16,
    batch: 6,
    loops: 2,
    make: (units, inputShape) => [layers.simpleRNN({ units, inputShape })],
  },
  bidirectional: {
    ...{ members: [1], units: 8, batch: 13, loops: 4 },
    make: (units, inputShape) => [layers.bidirectional({ layer: layers.gru({ units }), inputShape })],
  },
  masked: {
    ...{ members: [2], units: 8, batch: 13, loops: 2 },
    make: (units, inputShape) => [layers.masking({ inputShape }), layers.lstm({ units })],
  },
};

async function train({ units, batch, make, precision = 'float32' }: Recurrent, device: string): Promise<number[]> {
  const shape = [4, 3];
  const model = sequential([...make(units, shape), layers.dense({ units: 2 })]);
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device, precision, seed: 1 });
  const steps = Float32Array.from({ length: batch * 12 }, (_, i) => (i % 12 < 3 && i % 5 < 2 ? 0 : Math.sin(i * i)));
  // a step that is masked has zeros only
  for (let i = 0; i < batch; i += 2) steps.fill(0, i * 12 + 6, i * 12 + 9);
  const x = tensor(steps, [batch, ...shape]);
  const y = tensor(
    Float32Array.from({ length: batch * 2 }, (_, i) => Math.cos(i)),
    [batch, 2],
  );
  const { history } = await model.fit(x, y, { epochs: 2, batchSize: batch });
  const predicted = model.predictSync(x) as Tensor;
  const all = [...history.loss, ...model.getWeights().flatMap((weight) => [...weight.data]), ...predicted.data];
  model.dispose();
  return all;
}

onDevice('recurrent layers in one launch', () => {
  const each = Object.entries(recurrent).flatMap(([name, spec]) => spec.members.map((m) => [name, m, spec] as const));

  test.each(each)('%s, %d blocks', async (_, members, spec) => {
    const wanted = await train(spec, 'cpu');
    await withMembers(members, spec.capability);
    trace.clear();
    const got = await train(spec, 'cuda:0');
    const tolerance = spec.precision === undefined ? 2e-6 : 1e-3;
    wanted.forEach((value, i) => {
      if (!(Math.abs(got[i] - value) <= tolerance)) throw new Error(`number ${i}: got ${got[i]}, expected ${value}`);
    });
    // Two steps of training, captured once or handed over, and a prediction of a slice or two.
    expect(loops()).toBeGreaterThanOrEqual(spec.loops + spec.loops / 2);
    expect(trace.names().filter((name) => name === 'map').length).toBeLessThan(30);
  });

  (hasPtxas ? test : test.skip)('are texts that ptxas assembles without memory for registers', () => {
    const all = readdirSync(texts).map((name) => ({
      file: path.join(texts, name),
      text: readFileSync(path.join(texts, name), 'utf8'),
    }));
    const some = all.filter(({ text }) => text.includes('.entry loop(')).filter((_, i) => i % 6 === 0);
    expect(some.length).toBeGreaterThan(0);
    for (const { file, text } of some) expectAssembled(file, text);
  });

  /** What a prediction of `layer` for zeros of this shape, in a process of its own, says, and the names of its kernels. */
  function predict(layer: string, shape: readonly number[], env: Record<string, string>) {
    const script = `
      const { layers, sequential, tensor } = require('steepest');
      const model = sequential([${layer}]);
      model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cuda:0' });
      model.predictSync(tensor(new Float32Array(${shape.join(' * ')}), ${JSON.stringify(shape)}));`;
    trace.clear();
    const folder = mkdtempSync(path.join(texts, 'of-'));
    const drivers = { STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated };
    const { stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: path.join(__dirname, '..', '..'),
      encoding: 'utf8',
      env: {
        ...{ ...process.env, ...drivers, STEEPEST_EMULATED_TRACE: trace.file, STEEPEST_EMULATED_PTX: folder },
        ...{ STEEPEST_CUDA_LOOPS: '', STEEPEST_EMULATED_MULTIPROCESSORS: '132', ...env },
      },
    });
    const all = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
    rmSync(folder, { recursive: true });
    return { stderr, loops: loops(), texts: all.filter((text) => text.includes('.entry loop(')) };
  }

  test('a cluster that there is no room for is not launched', () => {
    const env = { STEEPEST_CUDA_LOOPS: '2', STEEPEST_EMULATED_CLUSTER: '1' };
    const got = predict('layers.lstm({ units: 8, inputShape: [3, 1] })', [2, 3, 1], env);
    expect(got.loops).toBe(0);
    expect(got.stderr).toMatch(/^steepest: the loop of .* or clusters have no room\n$/);
  });

  test('what cannot be one says why', () => {
    const layer = "layers.convLstm1d({ filters: 2, kernelSize: 3, padding: 'same', inputShape: [3, 5, 1] })";
    const refused = /^steepest: the loop of instruction \d+ is launched step by step: it has 'conv'\n/;
    expect(predict(layer, [2, 3, 5, 1], { STEEPEST_CUDA_LOOPS: '1' }).stderr).toMatch(refused);
  });

  test.each([
    ['a cluster where the weights do not fit one block', 128, '90', 1, /reqnctapercluster 8/],
    ['a smaller cluster where there is room for no other', 128, '90 4', 1, /reqnctapercluster 4/],
    ['blocks alone where there is room for none', 128, '90 1', 1, /target sm_80/],
    ['blocks alone where they do', 32, '90', 1, /target sm_80/],
    ['blocks alone before 9.0', 128, '80', 1, /target sm_80/],
    ['launches for each step where reading the weights takes longer', 256, '80', 0, undefined],
  ] as const)('an estimate chooses %s', (_, units, device, count, text) => {
    const [capability, cluster = ''] = device.split(' ');
    const layer = `layers.lstm({ units: ${units}, inputShape: [9, 1], kernelInitializer: 'zeros', recurrentInitializer: 'zeros' })`;
    const env = { STEEPEST_EMULATED_CAPABILITY: capability as string, STEEPEST_EMULATED_CLUSTER: cluster };
    const got = predict(layer, [2, 9, 1], env);
    expect([got.stderr, got.loops]).toEqual(['', count]);
    if (text !== undefined) expect(got.texts.some((one) => text.test(one))).toBe(true);
  });

  test('a step of training has a launch for each loop, and its weights', async () => {
    const model = sequential([layers.lstm({ units: 8, inputShape: [50, 2] })]);
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cuda:0' });
    await withMembers(1);
    trace.clear();
    const [x, y] = [tensor(new Float32Array(400), [4, 50, 2]), tensor(new Float32Array(32), [4, 8])];
    await model.fit(x, y, { epochs: 1, batchSize: 4 });
    model.dispose();
    const names = trace.names();
    expect(names.filter((name) => name === 'loop')).toHaveLength(2);
    expect(names.length).toBeLessThan(20);
  });
});

// ---- random bodies, whose numbers are whole and stay small, so that they are exact

const [rows, units, turns] = [5, 16, 3];
const size = rows * units;
const placeUnits = (size * 4) / 64;
/** Places of [rows, units], trails of so many and one more for each turn, weights of [units, units] and [units, 2 units]. */
const places = 6;
const trails = 3;
const at = {
  place: (i: number) => i * placeUnits,
  trail: (i: number) => (places + i * (turns + 1)) * placeUnits,
  weights: (places + trails * (turns + 1)) * placeUnits,
  wide: (places + trails * (turns + 1)) * placeUnits + (units * units * 4) / 64,
};
const stateUnits = at.wide + (2 * units * units * 4) / 64;

/** A difference or a sum of `inputs` registers, between -9 and 9. */
function program(op: 'add' | 'sub', inputs: 1 | 2, outputs = 1): number[] {
  const [low, high, next] = [inputs, inputs + 1, inputs + 2];
  const sum = inputs === 2 ? next : 0;
  const steps = [
    ...(inputs === 2 ? [[opTable[op].code, next, 0 | (1 << 8), 0, 0]] : []),
    [opTable.min.code, next + 1, sum | (low << 8), 0, 0],
    [opTable.max.code, next + 2, (next + 1) | (high << 8), 0, 0],
  ];
  const result = new Array<number>(outputs).fill(next + 2);
  return [inputs, outputs, 2, next + 3, steps.length, ...result, floatBits(9), floatBits(-9), ...steps.flat()];
}

function randomLoop(random: Random): Uint32Array {
  const plan = new PlanWords(0, stateUnits);
  const direction = random.pick([1, -1]);
  /** Rows of something; now and then in another order, or beginning with another one, which can forbid one launch. */
  const place = (width: 1 | 2, slides = random.uniform() < 0.5) => {
    const odd = random.uniform() < 0.04;
    const [shape, strides] = [
      [rows, units / width],
      [odd && !slides ? -units : units, 1],
    ];
    const within =
      (width === 2 ? random.pick([0, 0, units / 4, units / 2, units / 2]) : 0) + (odd && !slides ? size - units : 0);
    if (!slides) {
      const base = at.place(random.int(0, places - 1));
      return plan.view({ space: 'state', base, offset: within, shape, strides });
    }
    const first = (direction === 1 ? 0 : turns - 1) + random.int(0, 1);
    const base = at.trail(random.int(0, trails - 1));
    const slide = [turns, direction * (odd ? units : size)] as const;
    const later = !odd && random.uniform() < 0.04 ? units * (first === turns ? -1 : 1) : 0;
    return plan.view({ space: 'state', base, offset: within + first * size + later, shape, strides, slide });
  };
  const weights = plan.view({ space: 'state', base: at.weights, shape: [units, units] });
  const turned = plan.view({ space: 'state', base: at.weights, shape: [units, units], strides: [1, units] });
  const half = plan.view({ space: 'state', base: at.weights, shape: [units, units / 2], strides: [units, 1] });
  plan.loop(turns, () => {
    for (let i = random.int(2, 7); i > 0; i--) {
      const width = random.pick([1, 1, 2] as const);
      switch (random.int(0, 4)) {
        case 0: {
          const slides = random.uniform() < 0.5;
          plan.instruction('copy', [place(width, slides)], [place(width, !slides)]);
          break;
        }
        case 1: {
          // what a product makes, read as a whole or in slices, as gates are
          const base = at.place(random.int(0, places - 1));
          const made = { space: 'state', base, shape: [rows, units] } as const;
          const slice = (offset: number) =>
            plan.view({ ...made, shape: [rows, units / 2], strides: [units, 1], offset });
          const parts = width === 1 ? [plan.view(made), place(1)] : [slice(0), slice(units / 2)];
          plan.instruction('matmul', [place(1), weights, place(1)], [plan.view(made)], [1, 0, ...program('add', 2)]);
          plan.instruction('map', parts, [place(width)], [1, ...program('sub', 2)]);
          break;
        }
        case 2: {
          const factor = width === 2 ? half : random.pick([weights, turned]);
          if (random.uniform() < 0.5) {
            plan.instruction('matmul', [place(1), factor], [place(width)], [1, 0, ...program('add', 1)]);
          } else {
            plan.instruction('matmul', [place(1), factor, place(width)], [place(width)], [1, 0, ...program('sub', 2)]);
          }
          break;
        }
        default:
          plan.instruction(
            'map',
            [place(width), place(width)],
            [place(width)],
            [1, ...program(random.pick(['add', 'sub'] as const), 2)],
          );
      }
    }
  });
  return plan.words();
}

function stateAfter(words: Uint32Array, device: string): number[] {
  const session = new addon.Session(stateUnits * 64, device);
  try {
    const plan = session.addPlan(words);
    session.writeState(
      0,
      Float32Array.from({ length: stateUnits * 16 }, (_, i) => ((i * 7) % 13) - 6),
    );
    const few = Float32Array.from({ length: 3 * units * units }, (_, i) => ((i * 5) % 3) - 1);
    session.writeState(at.weights * 64, few);
    for (let i = 0; i < 2; i++) session.runSync(plan, [], []);
    const state = new Float32Array(stateUnits * 16);
    session.readState(0, state);
    return [...state];
  } finally {
    session.dispose();
  }
}

onDevice('a state with one place', () => {
  // Each member reads all of the state for the product, and writes its part of it at the end of the same part of the body.
  test.each([1, 2, 4])('is not overwritten while members read it: %d blocks', async (members) => {
    const plan = new PlanWords(0, stateUnits);
    const view = (base: number, shape: readonly number[]) => plan.view({ space: 'state', base, shape });
    const state = view(at.place(0), [rows, units]);
    const made = view(at.place(1), [rows, units]);
    const weights = view(at.weights, [units, units]);
    plan.loop(turns, () => {
      plan.instruction('matmul', [state, weights], [made], [1, 0, ...program('add', 1)]);
      plan.instruction('map', [made, made], [state], [1, ...program('add', 2)]);
    });
    const words = plan.words();
    await withMembers(members);
    trace.clear();
    expect(stateAfter(words, 'cuda:0')).toEqual(stateAfter(words, 'cpu'));
    expect(loops()).toBe(2);
  });
});

onDevice('random bodies', () => {
  test.each([1, 2])(
    'of %d blocks give what the CPU gives, and what depends on other rows is refused',
    async (members) => {
      const random = new Random(7 + members);
      await withMembers(members);
      const counts = { valid: 0, together: 0 };
      while (counts.valid < 120) {
        const words = randomLoop(random);
        let wanted: number[];
        try {
          wanted = stateAfter(words, 'cpu');
        } catch {
          continue; // operands that overlap
        }
        trace.clear();
        const got = stateAfter(words, 'cuda:0');
        counts.valid++;
        if (loops() > 0) counts.together++;
        wanted.forEach((value, i) => {
          if (got[i] !== value)
            throw new Error(
              `body ${counts.valid}, number ${i}: got ${got[i]}, expected ${value}\n${addon.printPlan(words)}`,
            );
        });
      }
      expect(counts.together).toBeGreaterThan(60);
      expect(counts.valid - counts.together).toBeGreaterThan(5);
    },
  );
});
