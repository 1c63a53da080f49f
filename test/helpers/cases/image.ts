import { tensor } from '../../../lib/ir/build';
import * as ops from '../../../lib/ir/ops/index';
import { between, type Draw, each } from '../domains';
import { type Case, into, once } from './case';
import { float } from './inputs';

export const image: Case[] = [];
const define = into(image, 'image');

for (const interpolation of ['nearest', 'bilinear'] as const) {
  define(`resize ${interpolation}`, (random) => {
    const size: [number, number] = [random.int(1, 9), random.int(1, 9)];
    const antialias = random.uniform() < 0.5;
    const [cropToAspectRatio, padToAspectRatio] = random.pick([
      [false, false],
      [true, false],
      [false, true],
    ]);
    const options = { interpolation, antialias, cropToAspectRatio, padToAspectRatio };
    return {
      inputs: [float(random, [2, random.int(1, 9), random.int(1, 9), 3])],
      run: (x) => ops.image.resize(x, size, options),
    };
  });
  for (const fillMode of ['constant', 'nearest', 'reflect', 'wrap'] as const) {
    define(`affineTransform ${interpolation} ${fillMode}`, (random) => {
      const [batch, height, width, channels] = [random.int(1, 3), random.int(1, 6), random.int(1, 6), random.int(1, 4)];
      // quarters, so that which pixel is the nearest does not depend on the precision
      const maps = Float32Array.from({ length: batch * 6 }, () => random.int(-6, 6) / 4);
      return {
        inputs: [float(random, [batch, height, width, channels])],
        run: (x) => ops.image.affineTransform(x, tensor(maps, [batch, 6]), { interpolation, fillMode, fillValue: 0.5 }),
      };
    });
  }
}
define('gaussianBlur', (random) => {
  const [batch, height, width, channels] = random.shape(4, 6);
  const size = random.pick([1, 3, 5]);
  return {
    inputs: [
      float(random, [batch, height, width, channels]),
      float(random, random.pick([[], [batch]]), between(0.8, 2)),
    ],
    run: (x, sigma) => ops.image.gaussianBlur(x, size, sigma),
  };
});
define('rgbToGrayscale', (random) => ({
  inputs: [float(random, [...random.shape(random.int(0, 3)), 3])],
  run: (x) => ops.image.rgbToGrayscale(x),
}));
/** No two channels of a pixel are close: which is the largest, and the side of red that the hue is on, stay the same. */
const colours: Draw = (random, size) =>
  Float64Array.from(
    Array.from({ length: size / 3 }, () => random.shuffle([0.25, 0.5, 0.75])).flat(),
    (v) => v + random.uniform(-0.1, 0.1),
  );
define('rgbToHsv', (random) => ({
  inputs: [float(random, [...random.shape(random.int(0, 3)), 3], colours)],
  run: (x) => ops.image.rgbToHsv(x),
}));
/** Inside one sixth of the circle, some turns away: at its ends the slopes of the channels jump. */
const hues: Draw = each((random) => (random.int(-9, 9) + random.uniform(0.1, 0.9)) / 6);
define('hsvToRgb', (random) => {
  const shape = [...random.shape(random.int(0, 3)), 1];
  return {
    inputs: [float(random, shape, hues), float(random, [...shape.slice(0, -1), 2], between(0, 1))],
    run: (hue, rest) => ops.image.hsvToRgb(ops.concatenate([hue, rest], -1)),
  };
});
define('centerCrop', (random) => {
  const [height, width] = [random.int(1, 7), random.int(1, 7)];
  const size: [number, number] = [random.int(1, height), random.int(1, width)];
  return { inputs: [float(random, [2, height, width, 3])], run: (x) => ops.image.centerCrop(x, size) };
});
define(
  'affineTransform by the transform',
  (random) => {
    const [height, width] = [random.int(2, 6), random.int(2, 6)];
    // near the middle of a pixel's cell: the slope jumps where a point crosses a row or a column of pixels
    const near = (v: number) => v + random.uniform(-0.01, 0.01);
    const map = Float32Array.of(near(1), near(0), near(0.4), near(0), near(1), near(-0.4));
    const given = float(random, [6], () => Float64Array.from(map));
    return {
      inputs: [float(random, [2, height, width, 2]), given],
      run: (x, transform) => ops.image.affineTransform(x, transform, { fillMode: 'nearest' }),
    };
  },
  once,
);
