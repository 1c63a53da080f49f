// What training makes today still contains the runs of steps that are compiled (native/cpu/simd/fused_runs.inc). A change of
// an optimizer, a layer, a loss or a pass that hides one from the matcher changes no number and makes training slower.
import { layers, losses, optimizers } from '../../lib/index';
import { sequential } from '../../lib/training/index';
import { addon } from './native';

process.env.STEEPEST_DEVICE = 'cpu'; // whose kernels they are

type Options = Parameters<ReturnType<typeof sequential>['compile']>[0];

/** Names of the runs that were found while `body` ran. */
function found(body: () => void): string[] {
  const before = addon.fusedRuns();
  body();
  return Object.entries(addon.fusedRuns()).flatMap(([name, n]) => (n > (before[name] as number) ? [name] : []));
}

/** Those of one training step. */
const ofStep = (hidden: layers.Layer[], options: Options): string[] =>
  found(() => {
    const net = sequential([layers.dense({ units: 16, inputShape: [64] }), ...hidden, layers.dense({ units: 40 })]);
    net.compile({ seed: 1, ...options });
    net.trainOnBatch(new Float32Array(3 * 64).fill(0.5), new Float32Array(3 * 40));
    net.dispose();
  });

const { adam, adamw, sgd, rmsprop } = optimizers;
const updates = [
  ['adam', adam()],
  ['adam, clipped by norm', adam({ clipnorm: 1 })],
  ['adam, clipped by norm', adam({ globalClipnorm: 1 })],
  ['adam, clipped by value', adam({ clipvalue: 1 })],
  ['adam, amsgrad', adam({ amsgrad: true })],
  ['adamw', adamw()],
  ['adamw, clipped by norm', adamw({ clipnorm: 1 })],
  ['adamw, clipped by norm', adamw({ globalClipnorm: 1 })],
  ['sgd', sgd()],
  ['sgd, momentum', sgd({ momentum: 0.9 })],
  ['sgd, nesterov', sgd({ momentum: 0.9, nesterov: true })],
  ['rmsprop', rmsprop()],
  ['rmsprop, momentum', rmsprop({ momentum: 0.9 })],
  ['rmsprop, centered', rmsprop({ centered: true })],
] as const;
test.each(updates)('%s', (name, optimizer) => {
  expect(ofStep([], { optimizer, loss: 'mse' })).toContain(name);
});

test.each(['sigmoid', 'tanh', 'leakyRelu', 'elu', 'silu', 'gelu'] as const)('%s', (activation) => {
  const runs = ofStep([layers.dense({ units: 48, activation })], { optimizer: 'sgd', loss: 'mse' });
  expect(runs.some((name) => name === activation || name === `${activation}, kept`)).toBe(true);
});

test('gelu and its gradient are computed together, also where there is no bias', () => {
  const hidden = (useBias: boolean) => [layers.dense({ units: 48, activation: 'gelu', useBias })];
  const options = { optimizer: 'sgd', loss: 'mse' } as const;
  expect(ofStep(hidden(true), options)).toContain('gelu, kept');
  expect(ofStep(hidden(false), options)).toContain('gelu without bias, kept');
});

test.each(['lstm', 'gru'] as const)('%s', (cell) => {
  const hidden = () => [layers.reshape({ targetShape: [4, 4] }), layers[cell]({ units: 40 })];
  const runs = ofStep(hidden(), { optimizer: 'sgd', loss: 'mse' });
  expect(runs).toEqual(expect.arrayContaining([`${cell}, kept`, `${cell} gradient`]));
  const net = sequential([layers.dense({ units: 16, inputShape: [64] }), ...hidden()]);
  expect(found(() => net.predictSync(new Float32Array(3 * 64)))).toContain(cell);
  net.dispose();
});

test('dropout and losses', async () => {
  const dropped = ofStep([layers.dense({ units: 48 }), layers.dropout({ rate: 0.3 })], {
    optimizer: 'sgd',
    loss: 'mse',
  });
  expect(dropped.some((name) => name.startsWith('dropout'))).toBe(true);
  const net = sequential([layers.dense({ units: 40, inputShape: [64] })]);
  net.compile({ optimizer: 'sgd', loss: 'mse' });
  const before = addon.fusedRuns();
  await net.evaluate(new Float32Array(3 * 64), new Float32Array(3 * 40));
  expect(addon.fusedRuns()['squared error']).toBeGreaterThan(before['squared error'] as number);
  const loss = losses.binaryCrossentropy({ fromLogits: true });
  expect(ofStep([], { optimizer: 'sgd', loss })).toContain('binary cross-entropy of logits');
});
