// Drivers that assemble no PTX: what is emitted elsewhere is interpreted, loops and small models are launched kernel by kernel.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { emulated, onDevice } from './device';
import { trace } from './launched';

const root = path.join(__dirname, '..', '..');

/** Trains models that have all that is emitted, on `devices`; what each gives, or its error, is JSON. */
const script = (devices: readonly string[]) => `
  const { layers, sequential, tensor } = require('steepest');
  const rows = 24;
  const numbers = (shape) =>
    tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i)), shape);
  const labels = tensor(Int32Array.from({ length: rows }, (_, i) => i % 3), [rows]);
  const head = () => layers.dense({ units: 3, activation: 'softmax' });
  const models = {
    dense: [[8], 'adam', () => [
      layers.dense({ units: 16, activation: 'relu', inputShape: [8] }), layers.dropout({ rate: 0.2 }), head(),
    ]],
    convolution: [[8, 8, 2], 'adamw', () => [
      layers.conv2d({ filters: 4, kernelSize: 3, activation: 'gelu', inputShape: [8, 8, 2] }),
      layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }),
      layers.batchNormalization(), layers.maxPooling2d({ poolSize: 2 }), layers.flatten(), head(),
    ]],
    LSTM: [[6, 4], 'rmsprop', () => [layers.lstm({ units: 8, inputShape: [6, 4] }), head()]],
  };
  const train = async (device, [shape, optimizer, make]) => {
    const model = sequential(make());
    model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], seed: 3, device });
    const x = numbers([rows, ...shape]);
    const { history } = await model.fit(x, labels, { epochs: 3, batchSize: 10, verbose: 0 });
    const weights = model.getWeights().flatMap(({ data }) => [...data]);
    return [...history.loss, ...history.accuracy, ...weights, ...model.predictSync(x).data];
  };
  (async () => {
    const all = {};
    for (const device of ${JSON.stringify(devices)}) {
      for (const [name, model] of Object.entries(models)) {
        all[name] = await train(device, model).catch(({ code, message }) => code + ' ' + message);
      }
    }
    process.stdout.write(JSON.stringify(all));
  })();`;

type Results = Record<string, number[] | string>;

function train(env: Record<string, string>, devices: readonly string[] = ['cuda:0']) {
  trace.clear();
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script(devices)], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...{ ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated },
      ...{ STEEPEST_CUDA_SEQUENCES: '', STEEPEST_CUDA_LOOPS: '', STEEPEST_EMULATED_MULTIPROCESSORS: '132' },
      ...{ STEEPEST_EMULATED_TRACE: trace.file, ...env },
    },
  });
  return { results: JSON.parse(stdout) as Results, stderr };
}

const emitted = ['map', 'reduce', 'together', 'sequence', 'loop'];
const launchedOfEmitted = (): string[] => emitted.filter((name) => trace.names().includes(name));
/** The line on stderr. */
const line = (device: string, reason: string, missing: string): string =>
  `steepest: ${device} is slow at maps and reductions, which are interpreted, and at loops and small models, whose ` +
  `kernels are launched one by one: the driver assembles no PTX (${reason}: emulated): ${missing}\n`;
const noCompiler = "libnvidia-ptxjitcompiler.so.1, a library of the driver's, is missing";

onDevice('a driver that assembles no PTX', () => {
  const interpreted = train({ STEEPEST_CUDA_INTERPRET: '1' });

  test('elsewhere the models take all that is emitted', () => {
    const { stderr } = train({});
    expect(launchedOfEmitted()).toEqual(emitted);
    expect(stderr).toBe('');
  });

  test('nothing is emitted where all is interpreted', () => {
    expect(train({ STEEPEST_CUDA_INTERPRET: '1' })).toEqual(interpreted);
    expect(launchedOfEmitted()).toEqual([]);
    expect(interpreted.stderr).toBe('');
  });

  test.each([
    ['221', 'CUDA_ERROR_JIT_COMPILER_NOT_FOUND', noCompiler],
    ['222', 'CUDA_ERROR_UNSUPPORTED_PTX_VERSION', 'a newer driver is needed'],
    ['223', 'CUDA_ERROR_JIT_COMPILATION_DISABLED', 'CUDA_DISABLE_PTX_JIT or CUDA_DISABLE_JIT forbids it'],
  ])('%s: models train and predict as where all is interpreted, and it says so once', (result, reason, missing) => {
    const { results, stderr } = train({ STEEPEST_EMULATED_JIT: result });
    expect(launchedOfEmitted()).toEqual([]);
    expect(stderr).toBe(line('cuda:0', reason, missing));
    expect(results).toEqual(interpreted.results);
  });

  test('what is interpreted is what the CPU has', () => {
    const { results } = train({}, ['cpu']);
    for (const [name, wanted] of Object.entries(results)) {
      const got = interpreted.results[name];
      expect(got).toHaveLength(wanted.length);
      for (let i = 0; i < wanted.length; i++) {
        const difference = Math.abs((got[i] as number) - (wanted[i] as number));
        if (!(difference <= 2e-5)) throw new Error(`${name}, number ${i}: got ${got[i]}, expected ${wanted[i]}`);
      }
    }
  });

  test('each device says so', () => {
    const env = { STEEPEST_EMULATED_JIT: '221', STEEPEST_EMULATED_DEVICES: '2' };
    const { stderr } = train(env, ['cuda:1', 'cuda:0', 'cuda:1']);
    const lines = ['cuda:1', 'cuda:0'].map((device) => line(device, 'CUDA_ERROR_JIT_COMPILER_NOT_FOUND', noCompiler));
    expect(stderr).toBe(lines.join(''));
  });

  test('a loop says why it is launched step by step', () => {
    const { results, stderr } = train({ STEEPEST_EMULATED_JIT: '221', STEEPEST_CUDA_LOOPS: '1' });
    const [first, ...rest] = stderr.trim().split('\n');
    expect(`${first}\n`).toBe(line('cuda:0', 'CUDA_ERROR_JIT_COMPILER_NOT_FOUND', noCompiler));
    expect(rest.length).toBeGreaterThan(1);
    for (const one of rest) {
      expect(one).toMatch(/^steepest: the loop of instruction \d+ is launched step by step: no kernels are emitted$/);
    }
    expect(results).toEqual(interpreted.results);
  });

  test('with STEEPEST_CUDA_STRICT=1 it is an error, every time', () => {
    const { results, stderr } = train({ STEEPEST_EMULATED_JIT: '221', STEEPEST_CUDA_STRICT: '1' });
    expect(stderr).toBe('');
    for (const error of Object.values(results)) {
      expect(error).toBe(
        'ERR_DEVICE cuda:0: assembling the kernel nothing (): CUDA_ERROR_JIT_COMPILER_NOT_FOUND: emulated',
      );
    }
  });

  test.each([
    ['2', /^ERR_OUT_OF_MEMORY cuda:0: assembling the kernel nothing .*CUDA_ERROR_OUT_OF_MEMORY/],
    ['218', /^ERR_DEVICE cuda:0: assembling the kernel nothing .*CUDA_ERROR_INVALID_PTX/],
  ])('%s is an error as before', (result, error) => {
    const { results, stderr } = train({ STEEPEST_EMULATED_JIT: result });
    expect(stderr).toBe('');
    for (const one of Object.values(results)) expect(one).toMatch(error);
  });
});
