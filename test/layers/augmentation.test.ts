// Layers that vary images, against what their definitions say about an image.
import * as layers from '../../lib/layers/index';
import { expectClose, type LayerInput, runLayer } from '../helpers/layers';

const image = (height: number, width: number, channels: number, f: (i: number) => number, count = 1): LayerInput => {
  const size = height * width * channels;
  return {
    shape: [count, height, width, channels],
    values: Array.from({ length: count * size }, (_, i) => f(i % size)),
  };
};
const counting = (height: number, width: number, count = 1) => image(height, width, 1, (i) => i + 1, count);
const colours = image(3, 2, 3, (i) => ((i * 7) % 18) / 20);
const run = (layer: layers.Layer, x: LayerInput, training = true, counter = 0): number[] =>
  Array.from(runLayer(layer, [x], [], { training, counter }).values[0]);
const pixels = ({ values }: { values: readonly number[] }): number[][] =>
  Array.from({ length: values.length / 3 }, (_, i) => values.slice(3 * i, 3 * i + 3));
const grey = ([r, g, b]: readonly number[]): number => 0.299 * r + 0.587 * g + 0.114 * b;
const clip = (v: number, low: number, high: number): number => Math.min(Math.max(v, low), high);

describe('warps', () => {
  test('shear moves rows against each other', () => {
    // by one pixel from row to row, around the middle
    const layer = layers.randomShear({ xFactor: [1, 1], fillMode: 'constant' });
    expectClose(run(layer, counting(3, 4)), [2, 3, 4, 0, 5, 6, 7, 8, 0, 9, 10, 11], 1e-5);
    const down = layers.randomShear({ yFactor: [0.5, 0.5], fillMode: 'nearest' });
    // columns by -0.5, 0, 0.5 pixels
    expectClose(run(down, counting(2, 3)), [2.5, 2, 3, 4, 5, 4.5], 1e-5);
  });

  test('perspective takes corners to where they move, and keeps straight lines', () => {
    const [height, width] = [5, 9];
    // of an image whose values are its coordinates, results are the points that are seen
    const points: LayerInput = {
      shape: [1, height, width, 2],
      values: Array.from({ length: height * width }, (_, i) => [i % width, Math.floor(i / width)]).flat(),
    };
    for (let step = 0; step < 20; step++) {
      const got = run(layers.randomPerspective({ factor: [0, 0.24] }), points, true, step);
      const at = (r: number, c: number): number[] => got.slice(2 * (r * width + c), 2 * (r * width + c) + 2);
      for (const [r, c] of [
        [0, 0],
        [0, 8],
        [4, 0],
        [4, 8],
      ]) {
        // biome-ignore format: corners
        const [x, y] = at(r, c);
        const [dx, dy] = [Math.abs(x - c) / 8, Math.abs(y - r) / 4];
        expect(Math.max(dx, dy)).toBeLessThanOrEqual(0.24 + 1e-5);
        expect(Math.min(dx, dy)).toBeGreaterThanOrEqual(-1e-5);
      }
      for (const [p, q, s] of [
        [at(0, 0), at(0, 3), at(0, 8)],
        [at(0, 0), at(2, 4), at(4, 8)],
        [at(0, 8), at(2, 8), at(4, 8)],
      ]) {
        // biome-ignore format: lines
        expect(Math.abs((q[0] - p[0]) * (s[1] - p[1]) - (q[1] - p[1]) * (s[0] - p[0]))).toBeLessThan(1e-4);
      }
    }
    const same = layers.randomPerspective({ factor: [0.125, 0.125], fillMode: 'nearest' });
    // all corners by one pixel along the width and half of one along the height: a zoom
    expectClose(run(same, points).slice(0, 6), [1, 0.5, 1.75, 0.5, 2.5, 0.5], 1e-5);
  });
});

describe('colours', () => {
  test('saturation: distances from grey are multiplied', () => {
    const seen: number[] = [];
    for (let step = 0; step < 40; step++) {
      const layer = layers.randomSaturation({ factor: [1, 0.5], valueRange: [0, 1] });
      const got = pixels({ values: run(layer, colours, true, step) });
      const [p, q] = [pixels(colours)[1], got[1]];
      const factor = (q[0] - grey(p)) / (p[0] - grey(p));
      seen.push(factor);
      got.forEach((pixel, i) => {
        const from = pixels(colours)[i];
        expectClose(
          pixel,
          from.map((v) => clip((v - grey(from)) * factor + grey(from), 0, 1)),
          1e-5,
        );
      });
    }
    expect(Math.min(...seen)).toBeLessThan(0.2);
    expect(Math.max(...seen)).toBeGreaterThan(1.3);
  });

  test('hue: a third of a turn exchanges the channels', () => {
    const layer = layers.randomHue({ factor: [1 / 3, 1 / 3], valueRange: [0, 1] });
    expectClose(
      run(layer, colours),
      pixels(colours).flatMap(([r, g, b]) => [b, r, g]),
      1e-5,
    );
    const scaled = { ...colours, values: colours.values.map((v) => v * 255) };
    const back = layers.randomHue({ factor: [-1 / 3, -1 / 3] });
    expectClose(
      run(back, scaled),
      pixels(scaled).flatMap(([r, g, b]) => [g, b, r]),
      1e-4,
    );
  });

  test('grey with a probability', () => {
    const many = { shape: [400, 1, 1, 3], values: Array.from({ length: 400 }, () => [0.2, 0.6, 0.9]).flat() };
    const got = pixels({ values: run(layers.randomGrayscale({ factor: 0.3 }), many) });
    const greys = got.filter(([r, g, b]) => r === g && g === b);
    for (const [r] of greys) expect(r).toBeCloseTo(grey([0.2, 0.6, 0.9]), 6);
    expect(Math.abs(greys.length - 120)).toBeLessThan(5 * Math.sqrt(400 * 0.3 * 0.7));
    expect(got.filter(([r, g]) => r !== g).every(([r]) => Math.abs(r - 0.2) < 1e-6)).toBe(true);
  });

  test('posterization keeps the first bits', () => {
    const x = image(4, 4, 1, (i) => i * 17);
    for (const bits of [1, 3, 8]) {
      const mask = 256 - 2 ** (8 - bits);
      expectClose(
        run(layers.randomPosterization({ bits }), x),
        x.values.map((v) => v & mask),
        1e-5,
      );
    }
    const unit = { ...x, values: x.values.map((v) => v / 255) };
    const layer = layers.randomPosterization({ bits: [2, 2], valueRange: [0, 1] });
    expectClose(
      run(layer, unit),
      x.values.map((v) => (v & 192) / 255),
      1e-6,
    );
    const counts = new Set(
      Array.from({ length: 60 }, (_, step) => run(layers.randomPosterization({ bits: [1, 3] }), x, true, step).join()),
    );
    expect(counts.size).toBe(3);
  });

  test('solarization inverts what is bright', () => {
    const x = image(2, 2, 1, (i) => [0, 100, 180, 255][i]);
    expectClose(run(layers.solarization(), x), [255, 155, 75, 0], 1e-4);
    expectClose(run(layers.solarization({ thresholdFactor: [0.5, 0.5] }), x), [0, 100, 75, 0], 1e-4);
    const added = layers.solarization({ additionFactor: [0.2, 0.2], thresholdFactor: [1, 1], valueRange: [0, 255] });
    expectClose(run(added, x), [51, 151, 231, 0], 1e-4);
  });
});

describe('filters', () => {
  test('sharpness: distances from the smoothed image are multiplied', () => {
    const x = image(4, 3, 1, (i) => (i * 5) % 7);
    const at = (r: number, c: number): number => x.values[clip(r, 0, 3) * 3 + clip(c, 0, 2)];
    const smooth = x.values.map((_, i) => {
      const [r, c] = [Math.floor(i / 3), i % 3];
      const around = [-1, 0, 1].flatMap((p) => [-1, 0, 1].map((q) => at(r + p, c + q)));
      return (around.reduce((a, b) => a + b) + 4 * at(r, c)) / 13;
    });
    const got = run(layers.randomSharpness({ factor: [0, 1], valueRange: [-50, 50] }), x);
    const factor = (got[0] - smooth[0]) / (x.values[0] - smooth[0]);
    expect(factor).toBeGreaterThanOrEqual(1);
    expect(factor).toBeLessThan(2);
    expectClose(
      got,
      x.values.map((v, i) => (v - smooth[i]) * factor + smooth[i]),
      1e-5,
    );
  });

  test('blur: a peak becomes the bell, for some images', () => {
    const peak = image(3, 3, 1, (i) => (i === 4 ? 1 : 0), 200);
    const side = Math.exp(-1 / (2 * 0.8 * 0.8)) / (1 + 2 * Math.exp(-1 / (2 * 0.8 * 0.8)));
    const middle = 1 - 2 * side;
    const bell = [side, middle, side].flatMap((p) => [side, middle, side].map((q) => p * q));
    expectClose(run(layers.randomGaussianBlur({ sigma: 0.8 }), peak).slice(0, 9), bell, 1e-5);
    const half = run(layers.randomGaussianBlur({ factor: 0.5, sigma: 0.8 }), peak);
    const untouched = half.filter((v, i) => i % 9 === 4 && v === 1).length;
    expect(Math.abs(untouched - 100)).toBeLessThan(5 * Math.sqrt(50));
    expectClose(Array.from(new Set(half.filter((_, i) => i % 9 === 4))).sort(), [middle * middle, 1], 1e-5);
  });

  test('erasing: one rectangle in each image, of the area that was asked for', () => {
    const [height, width, count] = [20, 30, 50];
    const x = image(height, width, 2, () => 1, count);
    const got = run(layers.randomErasing({ scale: [0.1, 0.2], ratio: [0.5, 2], fillValue: 7 }), x);
    let total = 0;
    for (let n = 0; n < count; n++) {
      const gone = got.slice(n * 1200, (n + 1) * 1200).flatMap((v, i) => (v === 7 ? [i] : []));
      const rows = gone.map((i) => Math.floor(i / 60));
      const columns = gone.map((i) => Math.floor((i % 60) / 2));
      const [h, w] = [rows, columns].map((list) => Math.max(...list) - Math.min(...list) + 1);
      expect(gone.length).toBe(2 * h * w); // a full rectangle, all channels
      total += h * w;
    }
    expect(Math.abs(total / count / (height * width) - 0.15)).toBeLessThan(0.02);
    const noise = run(
      layers.randomErasing({ scale: [1, 1], ratio: [1, 1], valueRange: [3, 5] }),
      image(8, 8, 1, () => 4),
    );
    expect(noise.every((v) => v >= 3 && v < 5)).toBe(true);
    expect(new Set(noise).size).toBeGreaterThan(50);
    expect(run(layers.randomErasing({ factor: 0 }), counting(4, 4))).toEqual(counting(4, 4).values);
  });
});

describe('histograms, in training and inference', () => {
  // two channels, the second of one value
  const x = image(2, 2, 2, (i) => (i % 2 === 0 ? [50, 60, 80, 90][i / 2] : 30));

  test('autoContrast', () => {
    const expected = [0, 30, 63.75, 30, 191.25, 30, 255, 30];
    for (const training of [true, false]) expectClose(run(layers.autoContrast(), x, training), expected, 1e-5);
    const unit = { ...x, values: x.values.map((v) => v / 255) };
    expectClose(
      run(layers.autoContrast({ valueRange: [0, 1] }), unit),
      expected.map((v) => v / 255),
      1e-5,
    );
  });

  test('equalization', () => {
    const levels = image(2, 4, 1, (i) => [10, 10, 10, 20, 20, 200, 210, 210][i]);
    // up to each level are 3, 5, 6, 8 pixels
    const expected = [0, 0, 0, 2 / 5, 2 / 5, 3 / 5, 1, 1].map((v) => v * 255);
    for (const training of [true, false]) expectClose(run(layers.equalization(), levels, training), expected, 1e-5);
    expectClose(run(layers.equalization(), x), [0, 30, 85, 30, 170, 30, 255, 30], 1e-5);
    const batch = { shape: [2, 2, 4, 1], values: [...levels.values, ...levels.values.map((v) => 255 - v)] };
    // the other way round: 2, 3, 5, 8 pixels
    const second = [1, 1, 1, 1 / 2, 1 / 2, 1 / 6, 0, 0].map((v) => v * 255);
    expectClose(run(layers.equalization(), batch).slice(8), second, 1e-5);
  });
});

const random: readonly [string, (seed?: number) => layers.Layer][] = [
  ['randomErasing', (seed) => layers.randomErasing({ valueRange: [0, 20], seed })],
  ['randomGaussianBlur', (seed) => layers.randomGaussianBlur({ sigma: [0.3, 2], seed })],
  ['randomGrayscale', (seed) => layers.randomGrayscale({ seed })],
  ['randomHue', (seed) => layers.randomHue({ factor: 0.5, seed })],
  ['randomPerspective', (seed) => layers.randomPerspective({ factor: 0.2, seed })],
  ['randomPosterization', (seed) => layers.randomPosterization({ bits: [4, 8], seed })],
  ['randomSaturation', (seed) => layers.randomSaturation({ factor: 0.9, seed })],
  ['randomSharpness', (seed) => layers.randomSharpness({ factor: 0.9, seed })],
  ['randomShear', (seed) => layers.randomShear({ xFactor: 0.5, seed })],
  ['solarization', (seed) => layers.solarization({ thresholdFactor: 0.2, seed })],
];

test.each(random)('%s: nothing in inference; other numbers for each image and step', (_, make) => {
  const x = image(3, 4, 3, (i) => (i * 7) % 36, 8);
  expect(run(make(), x, false)).toEqual(x.values);
  const first = run(make(), x, true, 0);
  expect(run(make(), x, true, 0)).toEqual(first);
  const steps = [1, 2, 3].map((step) => run(make(), x, true, step).join());
  expect(steps.some((values) => values !== first.join())).toBe(true);
  const images = Array.from({ length: 8 }, (_, i) => first.slice(36 * i, 36 * i + 36).join());
  expect(new Set(images).size).toBeGreaterThan(1);
  expect(run(make(5), x)).toEqual(run(make(5), x));
});

test('says what is wrong', () => {
  expect(() => layers.randomShear({ xFactor: 2 })).toThrow('layers.randomShear: xFactor must be a number from -1 to 1');
  expect(() => layers.randomPerspective({ factor: 0.25 })).toThrow('factor must be more than -0.25 and less than 0.25');
  expect(() => layers.randomHue({ factor: 0.1, valueRange: [1, 0] })).toThrow('valueRange must be [low, high]');
  expect(() => layers.randomSaturation({ factor: -1 })).toThrow('factor must be a number from 0 to 1, or two of them');
  expect(() => layers.randomPosterization({ bits: 2.5 })).toThrow('bits must be an integer, got 2.5');
  expect(() => layers.randomPosterization({ bits: [0, 3] })).toThrow(
    'bits must be [low, high] with numbers from 1 to 8',
  );
  expect(() => layers.solarization({ thresholdFactor: -0.1 })).toThrow('thresholdFactor must be [low, high]');
  expect(() => layers.randomGaussianBlur({ kernelSize: 4 })).toThrow('kernelSize must be an odd number, got 4');
  expect(() => layers.randomGaussianBlur({ sigma: [0, 1] })).toThrow('sigma must be positive');
  expect(() => layers.randomErasing({ ratio: [0, 1] })).toThrow('ratio must be positive');
  expect(() => layers.equalization({ bins: 0 })).toThrow('bins must be a positive integer');
  for (const layer of [
    layers.randomHue({ factor: 0 }),
    layers.randomGrayscale(),
    layers.randomSaturation({ factor: 0 }),
  ]) {
    expect(() => layer.apply(layers.input({ shape: [4, 4, 1] }))).toThrow(
      `${layer.kind}: expected images of 3 channels (red, green, blue), got shape [2, 4, 4, 1]`,
    );
  }
});
