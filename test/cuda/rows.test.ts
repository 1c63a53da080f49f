// Rows and lines on the emulated CUDA device that are longer than those of the case list: held by a block, read again and again,
// cut into parts.
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { interpret } from '../../lib/ir/reference';
import { Executable } from '../../lib/transforms/executable';
import type { Input } from '../helpers/cases';
import { float, int } from '../helpers/cases/inputs';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice } from './device';

/** Held by a warp, by a block, and by neither; with quads that lie at multiples of 16 bytes and without. */
const lengths = [1023, 1024, 1030, 8192, 8195, 8200];

/** Every result is near that in float64, relative to the largest one. */
function check(inputs: readonly Input[], run: (...x: Tensor[]) => Tensor, differentiate = true) {
  const { graph, feeds } = problem({ inputs, run }, differentiate, 1);
  const { outputs: expected } = interpret(graph, { feeds });
  const results = new Executable(graph, { device: 'cuda:0' }).run(feeds);
  results.forEach((got, i) => {
    const largest = expected[i].reduce(
      (most, v) => (Math.abs(v) < Number.POSITIVE_INFINITY ? Math.max(most, Math.abs(v)) : most),
      0,
    );
    const wrong = Array.from(got).findIndex((v, at) => {
      const wanted = expected[i][at];
      return !(Object.is(v, wanted) || v === wanted || Math.abs(v - wanted) <= 2e-6 * largest);
    });
    expect(wrong < 0 ? 'near' : `output ${i}, element ${wrong}: ${got[wrong]}, not ${expected[i][wrong]}`).toBe('near');
  });
}

onDevice.each(lengths)('rows of %i', (n) => {
  const random = new Random(n);

  test('softmax', () => check([float(random, [3, n])], (x) => ops.softmax(x)));
  test('logarithm of softmax', () => check([float(random, [2, n])], (x) => ops.logSoftmax(x)));
  test('cross-entropy', () => {
    check([float(random, [3, n]), int(random, [3], 0, n - 1)], ops.sparseSoftmaxCrossEntropy);
  });
  test('numbers that are none, and rows without any number', () => {
    const x = float(random, [5, n]);
    const values = x.values.slice();
    values[2] = Number.NaN;
    values.fill(Number.NEGATIVE_INFINITY, n, 2 * n - 3);
    values[2 * n + 7] = Number.POSITIVE_INFINITY;
    values.fill(Number.NEGATIVE_INFINITY, 3 * n, 4 * n);
    values[5 * n - 1] = Number.NEGATIVE_INFINITY;
    check([{ ...x, values }], (t) => ops.softmax(t), false);
  });
  test('normalization', () => {
    const inputs = [float(random, [3, n]), float(random, [n]), float(random, [n])];
    check(inputs, (x, scale, offset) => ops.layerNormalization(x, -1, { scale, offset }));
    check(inputs.slice(0, 2), (x, scale) => ops.rmsNormalization(x, -1, { scale }));
  });
});

onDevice('lines', () => {
  test.each([
    [[3, 300], 1],
    [[2, 5000], 1],
    [[9000], 0],
    [[2, 300, 3], 1],
  ] as const)('of %j along axis %i', (shape, axis) => {
    const random = new Random(shape[0]);
    const x = float(random, [...shape]);
    const whole = int(random, [...shape], -9, 9);
    checkOnDevice(problem({ inputs: [x], run: (t) => ops.cumsum(t, axis) }, false, 1), 'cuda:0');
    checkOnDevice(
      problem({ inputs: [whole], run: (t) => ops.flip(ops.cumsum(ops.flip(t, axis), axis), axis) }, false, 1),
      'cuda:0',
    );
    for (const reduce of [ops.argmax, ops.argmin]) {
      checkOnDevice(problem({ inputs: [whole], run: (t) => reduce(t, axis) }, false, 1), 'cuda:0');
      checkOnDevice(problem({ inputs: [x], run: (t) => reduce(t, axis) }, false, 1), 'cuda:0');
    }
  });

  test('the first NaN is the position of an extreme', () => {
    const values = new Float64Array(2000).map((_, i) => (i % 700 === 699 ? Number.NaN : i % 13));
    const input: Input = { shape: [2, 1000], dtype: 'float32', values };
    for (const reduce of [ops.argmax, ops.argmin]) check([input], (t) => reduce(t, 1), false);
  });
});
