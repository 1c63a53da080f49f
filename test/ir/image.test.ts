// Expected numbers are what Keras 3.15 returns with its JAX backend, unless something else is said.
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import { affineTransform, centerCrop, type FillMode, type Interpolation, resize } from '../../lib/ir/ops/image';
import { arange } from '../../lib/ir/ops/random';
import { concatenate, reshape } from '../../lib/ir/ops/shape';
import { evaluate, expectClose } from '../helpers/evaluate';
import { gradcheck } from '../helpers/gradcheck';
import { Random } from '../helpers/random';

const values = (t: Tensor): Float64Array => evaluate([t]).outputs[0];
/** One image of one channel that counts 1, 2, 3, ... */
const counting = (height: number, width: number): Tensor =>
  reshape(arange(1, height * width + 1), [1, height, width, 1]);

describe('resize', () => {
  const x = counting(5, 6);

  test.each<[Interpolation, [number, number], number[]]>([
    ['bilinear', [3, 4], [3.25, 4.75, 6.25, 7.75, 13.25, 14.75, 16.25, 17.75, 23.25, 24.75, 26.25, 27.75]],
    ['nearest', [3, 4], [1, 3, 4, 6, 13, 15, 16, 18, 25, 27, 28, 30]],
    ['bilinear', [2, 2], [6.5, 9.5, 21.5, 24.5]],
    ['nearest', [2, 2], [8, 11, 20, 23]],
  ])('%s to %j', (interpolation, size, expected) => {
    const y = resize(x, size, { interpolation });
    expect(y.shape).toEqual([1, ...size, 1]);
    expectClose(values(y), expected);
  });

  test('to a larger size', () => {
    const y = values(resize(x, [7, 9]));
    expectClose(y.subarray(0, 9), [1, 1.5, 2.166667, 2.833333, 3.5, 4.166667, 4.833333, 5.5, 6]);
    expectClose(y.subarray(9, 12), [4.428571, 4.928571, 5.595238]);
    expectClose(y.subarray(54), [25, 25.5, 26.166667, 26.833333, 27.5, 28.166667, 28.833333, 29.5, 30]);
    expect([...values(resize(x, [7, 9], { interpolation: 'nearest' })).subarray(18, 27)]).toEqual([
      7, 8, 8, 9, 10, 10, 11, 12, 12,
    ]);
  });

  test('antialias averages where pixels get fewer, and only there', () => {
    expectClose(
      values(resize(x, [2, 3], { antialias: true })),
      [7.71429, 9.5, 11.28571, 19.71429, 21.5, 23.28571],
      1e-5,
    );
    const wide = [7, 7.625, 8.375, 9.125, 9.875, 10.625, 11.375, 12];
    expectClose(values(resize(x, [2, 8], { antialias: true })), [...wide, ...wide.map((v) => v + 12)]);
  });

  test('keeps the aspect ratio by cutting or by adding borders', () => {
    expectClose(values(resize(x, [3, 2], { cropToAspectRatio: true })), [4.25, 5.75, 14.25, 15.75, 24.25, 25.75]);
    expectClose(
      values(resize(x, [2, 4], { cropToAspectRatio: true })),
      [8.75, 10.25, 11.75, 13.25, 17.75, 19.25, 20.75, 22.25],
    );
    const padded = resize(x, [3, 6], { padToAspectRatio: true, fillValue: -1 });
    const row = [-1, 3, 4.666667, 6.333333, 8, -1];
    expectClose(
      values(padded),
      [0, 10, 20].flatMap((more) => row.map((v) => (v < 0 ? v : v + more))),
    );
  });

  test('takes any dtype and several channels', () => {
    const ints = tensor(Int32Array.of(0, 10, 2, 30), [1, 1, 2, 2]);
    const y = resize(ints, [1, 4]);
    expect(y.dtype).toBe('float32');
    expectClose(values(y), [0, 10, 0.5, 15, 1.5, 25, 2, 30]);
  });

  test('arguments are checked', () => {
    expect(() => resize(tensor([1, 2]), 3)).toThrow('image.resize: expected x [batch, height, width, channels]');
    expect(() => resize(x, 0)).toThrow('image.resize: size must be');
    expect(() => resize(x, 3, { interpolation: 'cubic' as never })).toThrow(
      "image.resize: interpolation must be one of 'nearest', 'bilinear', got 'cubic'",
    );
    expect(() => resize(x, 3, { cropToAspectRatio: true, padToAspectRatio: true })).toThrow('exclude each other');
  });
});

test('centerCrop', () => {
  expect([...values(centerCrop(counting(5, 6), [2, 3]))]).toEqual([8, 9, 10, 14, 15, 16]);
  expect(() => centerCrop(counting(5, 6), [6, 2])).toThrow(
    'a window of 6 x 2 pixels does not fit into float32[1, 5, 6, 1]',
  );
});

describe('affineTransform', () => {
  const x = counting(3, 4);
  const matrix = [0.9, 0.3, -0.7, -0.2, 1.1, 0.8];

  test.each<[FillMode, Interpolation, number[]]>([
    ['constant', 'bilinear', [0.56, 3.6, 3.7, 3.8, 4.76, 8.3, 8.4, 8.5, -1, 1.16, 3.68, 6.56]],
    ['constant', 'nearest', [-1, 5, 2, 3, 9, 10, 10, 7, -1, -1, -1, 12]],
    ['nearest', 'bilinear', [4.2, 3.6, 3.7, 3.8, 8.6, 8.3, 8.4, 8.5, 9, 9.8, 10.7, 11.6]],
    ['nearest', 'nearest', [5, 5, 2, 3, 9, 10, 10, 7, 9, 10, 11, 12]],
    ['reflect', 'bilinear', [4.2, 3.6, 3.7, 3.8, 8.6, 8.3, 8.4, 8.5, 9, 9.8, 10.7, 11.6]],
    ['reflect', 'nearest', [5, 5, 2, 3, 9, 10, 10, 7, 9, 10, 11, 12]],
    ['wrap', 'bilinear', [6.3, 3.6, 3.7, 3.8, 9.8, 8.3, 8.4, 8.5, 1.3, 3.4, 5.9, 8.4]],
    ['wrap', 'nearest', [8, 5, 2, 3, 9, 10, 10, 7, 1, 2, 3, 12]],
  ])('%s, %s', (fillMode, interpolation, expected) => {
    const y = affineTransform(x, tensor(matrix), { fillMode, interpolation, fillValue: -1 });
    expect(y.shape).toEqual(x.shape);
    expectClose(values(y), expected, 1e-5);
  });

  test.each<[FillMode, number[]]>([
    ['constant', [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0]],
    ['nearest', [1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3]],
    ['reflect', [1, 1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 1, 1, 2, 3]],
    ['wrap', [3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]],
  ])('%s goes on and on beyond the border', (fillMode, expected) => {
    // columns -7 to 8 of an image that has columns 0 to 2
    const row = tensor([[[[1], [2], [3]]]]);
    const at = (column: number) => values(affineTransform(row, tensor([1, 0, column - 7, 0, 1, 0]), { fillMode }))[0];
    expect(expected.map((_, column) => at(column))).toEqual(expected);
  });

  test('each image of a batch has its own transform, or all have one', () => {
    const two = concatenate([x, x], 0);
    const right = [1, 0, -1, 0, 1, 0];
    const down = [1, 0, 0, 0, 1, -1];
    const [first, second] = [
      [0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11],
      [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    expect([...values(affineTransform(two, tensor([right, down])))]).toEqual([...first, ...second]);
    expect([...values(affineTransform(two, tensor(right)))]).toEqual([...first, ...first]);
  });

  test('eight numbers are a projective map', () => {
    // column x / (1 + x): 0, 1/2, 2/3
    const row = tensor([[[[0], [6], [12]]]]);
    expectClose(values(affineTransform(row, tensor([1, 0, 0, 0, 1, 0, 1, 0]))), [0, 3, 4]);
  });

  test('is differentiable with respect to images and transform', () => {
    const random = new Random(4);
    const draw = (shape: number[], near: (i: number) => number) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const list = Float64Array.from({ length: size }, (_, i) => near(i) + 0.02 * random.normal());
      return { shape, dtype: 'float32' as const, values: list };
    };
    // so that no point is close to a pixel, where the derivative jumps
    const transforms = draw([2, 6], (i) => [1, 0, 0.4, 0, 1, -0.45][i % 6]);
    for (const fillMode of ['constant', 'nearest', 'reflect', 'wrap'] as const) {
      gradcheck(
        (a, b) => affineTransform(a, b, { fillMode, fillValue: 0.3 }),
        [draw([2, 3, 4, 2], () => random.normal()), transforms],
      );
    }
    gradcheck(
      (a) => affineTransform(a, tensor([1, 0, 0.4, 0, 1, -0.45]), { interpolation: 'nearest' }),
      [draw([1, 3, 4, 2], () => random.normal())],
    );
  });

  test('arguments are checked', () => {
    expect(() => affineTransform(x, tensor([1, 2]))).toThrow(
      'image.affineTransform: transform must be [6], [8], [1, 6] or [1, 8], got float32[2]',
    );
    expect(() => affineTransform(x, tensor(matrix), { fillMode: 'mirror' as never })).toThrow(
      "image.affineTransform: fillMode must be one of 'constant', 'nearest', 'reflect', 'wrap', got 'mirror'",
    );
  });
});
