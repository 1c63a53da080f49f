// Expected numbers are those of Python's colorsys and of the definitions.
import { tensor } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate, expectClose } from '../helpers/evaluate';

const values = (t: Tensor): number[] => [...evaluate([t]).outputs[0]];
// colour by colour: hue, saturation, value
const pairs = [
  [[1, 0, 0], [0, 1, 1]],
  [[0, 1, 0], [1 / 3, 1, 1]],
  [[0, 0, 1], [2 / 3, 1, 1]],
  [[1, 1, 0], [1 / 6, 1, 1]],
  [[1, 0, 1], [5 / 6, 1, 1]],
  [[0, 0.5, 0.5], [0.5, 1, 0.5]],
  [[0.4, 0.2, 0.6], [0.75, 2 / 3, 0.6]],
  [[0.8, 0.1, 0.3], [1 - 2 / 42, 7 / 8, 0.8]],
  [[0.3, 0.3, 0.3], [0, 0, 0.3]],
  [[0, 0, 0], [0, 0, 0]],
]; // biome-ignore format: colours

test('between red, green, blue and hue, saturation, value', () => {
  const [rgb, hsv] = [0, 1].map((i) => tensor(pairs.map((p) => p[i])));
  expectClose(
    values(ops.image.rgbToHsv(rgb)),
    pairs.flatMap(([, p]) => p),
  );
  expectClose(
    values(ops.image.hsvToRgb(hsv)),
    pairs.flatMap(([p]) => p),
  );
  expectClose(
    values(ops.image.hsvToRgb(ops.add(hsv, tensor([2, 0, 0])))),
    pairs.flatMap(([p]) => p),
    1e-5,
  );
});

test('grey', () => {
  expectClose(values(ops.image.rgbToGrayscale(tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [9, 9, 9]]))), [0.299, 0.587, 0.114, 9]); // biome-ignore format: colours
  expect(ops.image.rgbToGrayscale(ops.zeros([2, 4, 5, 3])).shape).toEqual([2, 4, 5, 1]);
  expect(() => ops.image.rgbToHsv(ops.zeros([2, 4]))).toThrow(
    'image.rgbToHsv: x must have 3 channels along its last axis',
  );
});

test('gaussianBlur is the sum of its definition, with a width for each image', () => {
  const [height, width, size] = [4, 5, 3];
  const x = Array.from({ length: 2 * height * width }, (_, i) => Math.sin(i * i));
  const sigmas = [0.6, 1.5];
  const at = (b: number, r: number, c: number): number => {
    const [row, column] = [Math.min(Math.max(r, 0), height - 1), Math.min(Math.max(c, 0), width - 1)];
    return x[(b * height + row) * width + column];
  };
  const expected = sigmas.flatMap((sigma, b) => {
    const weights = [-1, 0, 1].map((d) => Math.exp((-d * d) / (2 * sigma * sigma)));
    const total = weights.reduce((p, q) => p + q) ** 2;
    return Array.from({ length: height * width }, (_, i) => {
      let sum = 0;
      for (const [p, v] of weights.entries()) {
        for (const [q, w] of weights.entries()) {
          sum += v * w * at(b, Math.floor(i / width) + p - 1, (i % width) + q - 1);
        }
      }
      return sum / total;
    });
  });
  const images = tensor(Float32Array.from(x), [2, height, width, 1]);
  expectClose(values(ops.image.gaussianBlur(images, size, tensor(sigmas))), expected);
  expectClose(values(ops.image.gaussianBlur(images, size, 1.5)).slice(20), expected.slice(20));
  expectClose(values(ops.image.gaussianBlur(images, 1, 2)), x);
  expect(() => ops.image.gaussianBlur(images, 2, 1)).toThrow('size must be an odd number >= 1, got 2');
  expect(() => ops.image.gaussianBlur(images, 3, 0)).toThrow('sigma must be a positive number or [2], got 0');
  expect(() => ops.image.gaussianBlur(images, 3, tensor([1, 2, 3]))).toThrow('got float32[3]');
  expect(() => ops.image.gaussianBlur(ops.zeros([3, 3]), 3, 1)).toThrow('expected x [batch, height, width, channels]');
});
