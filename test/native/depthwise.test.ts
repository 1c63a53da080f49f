// Depthwise convolutions that are shared out in parts, with windows of all widths: against plain loops, with one and two threads.
import { gradients } from '../../lib/compile/index';
import { tensor } from '../../lib/index';
import * as ops from '../../lib/ir/ops/index';
import { cpuInfo, setThreads } from '../../lib/runtime/native';

const { threads: threadsBefore } = cpuInfo();
afterAll(() => setThreads(threadsBefore));

interface Shape {
  readonly images: number;
  readonly size: readonly [number, number];
  readonly channels: number;
  readonly window: readonly [number, number];
  readonly stride: number;
  readonly dilation: number;
}

const noise = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 7919 + seed * 104_729) % 2003) / 1001.5 - 1) / 2);

/** y, dx and dkernel for an upstream gradient, in float64: stride s, 'same' padding. */
function expected({ images, size, channels, window, stride, dilation }: Shape, x: Float32Array, k: Float32Array) {
  const out = size.map((n) => Math.ceil(n / stride));
  const before = size.map((n, a) =>
    Math.floor(Math.max(0, ((out[a] as number) - 1) * stride + (window[a] - 1) * dilation + 1 - n) / 2),
  );
  const count = images * out[0] * out[1] * channels;
  const dy = noise(count, 3);
  const [y, dx, dk] = [new Float64Array(count), new Float64Array(x.length), new Float64Array(k.length)];
  const each = (f: (at: number, source: number, weight: number) => void): void => {
    for (let n = 0; n < images; n++) {
      for (let i = 0; i < out[0]; i++) {
        for (let j = 0; j < out[1]; j++) {
          for (let t = 0; t < window[0]; t++) {
            for (let u = 0; u < window[1]; u++) {
              const [r, c] = [i * stride + t * dilation - before[0], j * stride + u * dilation - before[1]];
              if (r < 0 || c < 0 || r >= size[0] || c >= size[1]) continue;
              for (let ch = 0; ch < channels; ch++) {
                f(
                  ((n * out[0] + i) * out[1] + j) * channels + ch,
                  ((n * size[0] + r) * size[1] + c) * channels + ch,
                  (t * window[1] + u) * channels + ch,
                );
              }
            }
          }
        }
      }
    }
  };
  each((at, source, weight) => {
    y[at] += x[source] * k[weight];
    dx[source] += dy[at] * k[weight];
    dk[weight] += dy[at] * x[source];
  });
  return { out, dy, y, dx, dk };
}

const shapes: [string, Shape][] = [
  ['3 x 3', { images: 8, size: [16, 16], channels: 32, window: [3, 3], stride: 1, dilation: 1 }],
  [
    '5 x 5, channels that fill no vector',
    { images: 4, size: [13, 17], channels: 21, window: [5, 5], stride: 1, dilation: 1 },
  ],
  ['1 x 1', { images: 30, size: [12, 12], channels: 64, window: [1, 1], stride: 1, dilation: 1 }],
  ['2 x 4, stride 2', { images: 16, size: [15, 14], channels: 20, window: [2, 4], stride: 2, dilation: 1 }],
  ['3 x 7, dilation 2', { images: 8, size: [9, 20], channels: 24, window: [3, 7], stride: 1, dilation: 2 }],
  ['a window wider than the image', { images: 40, size: [6, 5], channels: 19, window: [4, 9], stride: 1, dilation: 1 }],
  ['stride 3', { images: 16, size: [20, 20], channels: 40, window: [3, 3], stride: 3, dilation: 1 }],
];

test.each(shapes)('%s', (_, shape) => {
  const { images, size, channels, window, stride, dilation } = shape;
  const [x, k] = [noise(images * size[0] * size[1] * channels, 1), noise(window[0] * window[1] * channels, 2)];
  const { out, dy, y, dx, dk } = expected(shape, x, k);
  const run = (threads: number): number[][] => {
    setThreads(threads);
    const [input, kernel] = [tensor(x, [images, ...size, channels]), tensor(k, [...window, channels, 1])];
    const result = ops.depthwiseConv(input, kernel, { strides: stride, padding: 'same', dilationRate: dilation });
    const slopes = gradients(result, [input, kernel], tensor(dy, [images, out[0], out[1], channels]));
    return [result, ...slopes].map((t) => [...t.data]);
  };
  const [two, one] = [run(2), run(1)];
  expect(one).toEqual(two);
  // sums of n products of numbers below 1/2, each with its rounding
  for (const [got, want, terms] of [
    [two[0], y, window[0] * window[1]],
    [two[1], dx, window[0] * window[1]],
    [two[2], dk, images * out[0] * out[1]],
  ] as const) {
    const bound = terms * 0.25 * 2 ** -24 * Math.sqrt(terms);
    expect(got).toHaveLength(want.length);
    got.forEach((value, i) => {
      if (!(Math.abs(value - want[i]) <= bound)) throw new Error(`[${i}]: got ${value}, expected ${want[i]}`);
    });
  }
});
