import { gradients } from '../../lib/compile/autodiff';
import type { Graph, Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import type { OpName } from '../../lib/ir/optable';
import { setThreads } from '../../lib/runtime/native';
import { Executable } from '../../lib/transforms/executable';
import { fed } from '../helpers/evaluate';
import { randomFeeds } from '../helpers/graphs';
import { Random } from '../helpers/random';
import { addon } from './native';
import { PlanWords } from './plan-words';

const { threads } = addon.info();
afterAll(() => setThreads(threads));

describe('a plan that does not fit is refused', () => {
  const plan = (op: OpName, inputs: number[][], output: number[], attrs: number[]): Uint32Array => {
    const words = new PlanWords(4096, 0);
    let base = 0;
    const view = (shape: number[]) => words.view({ shape, base: 256 * base++ });
    return words.instruction(op, inputs.map(view), [view(output)], attrs).words();
  };
  const geometry = {
    strides: [1, 1, 1],
    dilation: [1, 1, 1],
    padding: [0, 0, 0],
    groups: 1,
    precision: 0,
    epilogue: 0,
  };
  const conv = (changes: Partial<typeof geometry>): number[] => {
    const { epilogue, strides, dilation, padding, groups, precision } = { ...geometry, ...changes };
    return [epilogue, ...strides, ...dilation, ...padding, groups, precision];
  };
  const [x, kernel, y] = [
    [2, 5, 5, 4],
    [3, 3, 4, 6],
    [2, 3, 3, 6],
  ];
  const pool = (window: number[], strides: number[], padding = [0, 0, 0]) => [...window, ...strides, ...padding];
  const one = [1, 1, 1];

  test('the one that does', () => {
    expect(addon.printPlan(plan('conv', [x, kernel], y, conv({})))).toMatch('conv 0 1 1 1 1 1 1 0 0 0 1');
  });

  test.each<[string, Uint32Array, RegExp]>([
    ['rank 2', plan('conv', [[2, 5], kernel], y, conv({})), /x: expected rank 3 to 5/],
    ['a kernel of another rank', plan('conv', [x, [3, 4, 6]], y, conv({})), /kernel: expected rank 4/],
    ['other channels', plan('conv', [x, [3, 3, 3, 6]], y, conv({})), /kernel: expected float32\[3, 3, 4, 6\]/],
    ['other filters', plan('conv', [x, [3, 3, 4, 5]], y, conv({})), /kernel: expected float32\[3, 3, 4, 6\]/],
    ['another batch', plan('conv', [x, kernel], [3, 3, 3, 6], conv({})), /y: expected 2 images/],
    [
      'an unknown precision',
      plan('conv', [x, kernel], y, conv({ precision: 3 })),
      /precision: expected less than 3, got 3/,
    ],
    ['no groups', plan('conv', [x, kernel], y, conv({ groups: 0 })), /groups: 0 do not divide/],
    ['groups that do not divide', plan('conv', [x, kernel], y, conv({ groups: 3 })), /groups: 3 do not divide 4/],
    ['no stride', plan('conv', [x, kernel], y, conv({ strides: [1, 0, 1] })), /stride: expected 1 to/],
    ['a huge dilation', plan('conv', [x, kernel], y, conv({ dilation: [1, 1, 2 ** 31] })), /dilation: expected 1 to/],
    ['a huge padding', plan('conv', [x, kernel], y, conv({ padding: [0, 0, 2 ** 32 - 1] })), /padding: expected 0 to/],
    ['a missing axis with a stride', plan('conv', [x, kernel], y, conv({ strides: [2, 1, 1] })), /does not exist/],
    [
      'an epilogue that is none',
      plan('conv', [x, kernel], y, [...conv({ epilogue: 2 }), 1, 1, 0, 1, 0, 0]),
      /epilogue: expected less than 2/,
    ],
    ['one operand', plan('convInputGrad', [y], x, conv({})), /at least 2 inputs/],
    ['an input gradient', plan('convInputGrad', [y, kernel], [2, 5, 5, 3], conv({})), /kernel: expected/],
    ['a kernel gradient', plan('convKernelGrad', [x, y], [3, 3, 4, 5], conv({})), /kernel: expected/],
    ['an empty window', plan('maxPool', [x], [2, 5, 5, 4], pool([1, 0, 1], one)), /window: expected 1 to/],
    ['a huge window', plan('maxPool', [x], [2, 5, 5, 4], pool([1, 60000, 60000], one)), /window: expected at most/],
    ['other channels of a pool', plan('maxPool', [x], [2, 5, 5, 3], pool(one, one)), /images and channels/],
    ['another dy', plan('maxPoolGrad', [x, x, y], x, pool(one, one)), /dy: expected float32\[2, 5, 5, 4\]/],
    [
      'a counted padding',
      plan('averagePool', [x], x, [...pool(one, one), 0, 0, 2 ** 30, 0, 0, 0]),
      /counted padding: expected 0 to/,
    ],
  ])('%s', (_, words, message) => {
    expect(() => addon.printPlan(words)).toThrow(message);
  });
});

/** Two convolutions with pooling, and the gradients of everything. */
function network(): { graph: Graph; inputs: Tensor[] } {
  const shapes = [[9, 20, 18, 3], [3, 3, 3, 40], [40], [3, 3, 40, 24], [3, 3, 24, 1]];
  const inputs = shapes.map((shape, slot) => fed(slot, shape));
  const [x, first, bias, second, depthwise] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const a = ops.maxPool(ops.relu(ops.add(ops.conv(x, first, { padding: 'same' }), bias)), 2);
  const b = ops.averagePool(ops.conv(a, second, { strides: 2, padding: 'same' }), 2, { strides: 1 });
  const y = ops.sum(ops.square(ops.depthwiseConv(b, depthwise, { padding: 'same' })));
  return { graph: { inputs, outputs: [y, ...gradients(y, inputs)], writes: [] }, inputs };
}

test('the bits do not depend on the number of threads', () => {
  const { graph, inputs } = network();
  const feeds = randomFeeds(inputs, new Random(3));
  const run = (count: number) => {
    setThreads(count);
    return new Executable(graph).run(feeds);
  };
  const alone = run(1);
  for (const count of [2, 3, 5]) {
    run(count).forEach((values, i) => {
      expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from((alone[i] as Float32Array).buffer))).toBe(0);
    });
  }
});

test('large sizes: a convolution as shifted matrix products', () => {
  const [x, kernel] = [fed(0, [2, 33, 31, 40]), fed(1, [3, 2, 40, 70])];
  const graph: Graph = { inputs: [x, kernel], outputs: [ops.conv(x, kernel)], writes: [] };
  const feeds = randomFeeds([x, kernel], new Random(5)) as Float32Array[];
  const [got] = new Executable(graph).run(feeds) as [Float32Array];
  const [pixels, weights] = feeds as [Float32Array, Float32Array];
  const expected = new Float64Array(got.length);
  for (let n = 0; n < 2; n++)
    for (let i = 0; i < 31; i++)
      for (let j = 0; j < 30; j++)
        for (let t = 0; t < 6; t++)
          for (let c = 0; c < 40; c++) {
            const value = pixels[((n * 33 + i + (t >> 1)) * 31 + j + (t & 1)) * 40 + c] as number;
            const at = ((n * 31 + i) * 30 + j) * 70;
            for (let f = 0; f < 70; f++) expected[at + f] += value * (weights[(t * 40 + c) * 70 + f] as number);
          }
  const worst = expected.reduce((most, v, i) => Math.max(most, Math.abs(v - (got[i] as number))), 0);
  expect(worst).toBeLessThan(1e-3);
});
