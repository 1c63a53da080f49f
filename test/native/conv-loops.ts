// Convolutions of lines, images and volumes as plain loops in float64, and what a test compares with them.
import { gradients } from '../../lib/compile/index';
import { tensor } from '../../lib/index';
import type { Tensor } from '../../lib/ir/graph';
import { setThreads } from '../../lib/runtime/native';

export interface ConvShape {
  readonly images: number;
  /** One to three axes. */
  readonly size: readonly number[];
  readonly groups: number;
  /** Of each group: channels of the images, and filters. */
  readonly width: number;
  readonly columns: number;
  readonly window: readonly number[];
  readonly stride: number;
  readonly dilation: number;
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

export const noise = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => (((i * 7919 + seed * 104_729) % 2003) / 1001.5 - 1) / 2);

/** The points of a box in order. */
function* pointsOf(box: readonly number[]): Generator<number[]> {
  const [first, ...rest] = box;
  if (first === undefined) return yield [];
  for (let i = 0; i < first; i++) for (const point of pointsOf(rest)) yield [i, ...point];
}

/** y, dx and dkernel for an upstream gradient: 'same' padding. */
function expected(shape: ConvShape, x: Float32Array, k: Float32Array) {
  const { images, size, groups, width, columns, window, stride, dilation } = shape;
  const out = size.map((n) => Math.ceil(n / stride));
  const before = size.map((n, a) =>
    Math.floor(Math.max(0, ((out[a] as number) - 1) * stride + ((window[a] as number) - 1) * dilation + 1 - n) / 2),
  );
  const count = images * product(out) * groups * columns;
  const dy = noise(count, 3);
  const [y, dx, dk] = [new Float64Array(count), new Float64Array(x.length), new Float64Array(k.length)];
  const add = (to: Float64Array, at: number, value: number): void => {
    to[at] = (to[at] as number) + value;
  };
  const multiply = (pixel: number, source: number, tap: number): void => {
    for (let g = 0; g < groups; g++) {
      for (let c = 0; c < width; c++) {
        for (let f = 0; f < columns; f++) {
          const [i, j] = [(pixel * groups + g) * columns + f, (source * groups + g) * width + c];
          const w = ((tap * width + c) * groups + g) * columns + f;
          add(y, i, (x[j] as number) * (k[w] as number));
          add(dx, j, (dy[i] as number) * (k[w] as number));
          add(dk, w, (dy[i] as number) * (x[j] as number));
        }
      }
    }
  };
  const [positions, taps] = [[...pointsOf(out)], [...pointsOf(window)]];
  for (let n = 0; n < images; n++) {
    for (const [p, position] of positions.entries()) {
      for (const [t, tap] of taps.entries()) {
        let source = n;
        const inside = position.every((i, a) => {
          const at = i * stride + (tap[a] as number) * dilation - (before[a] as number);
          source = source * (size[a] as number) + at;
          return at >= 0 && at < (size[a] as number);
        });
        if (inside) multiply(n * positions.length + p, source, t);
      }
    }
  }
  return { out, dy, results: [y, dx, dk] };
}

/**
 * Runs a convolution and both of its gradients with one and two threads, which have to agree to the bit, and compares them with the
 * loops: sums of n products of numbers below 1/2, each with its rounding.
 *
 * @param factor of that bound: more than 1 for minimal filtering, whose sums are of larger numbers
 */
export function checkConv(
  shape: ConvShape,
  conv: (x: Tensor, kernel: Float32Array) => readonly [y: Tensor, kernel: Tensor],
  factor = 1,
): void {
  const { images, size, groups, width, columns, window } = shape;
  const channels = groups * width;
  const x = noise(images * product(size) * channels, 1);
  const k = noise(product(window) * width * groups * columns, 2);
  const { out, dy, results } = expected(shape, x, k);
  const run = (threads: number): number[][] => {
    setThreads(threads);
    const input = tensor(x, [images, ...size, channels]);
    const [y, kernel] = conv(input, k);
    const slopes = gradients(y, [input, kernel], tensor(dy, [images, ...out, groups * columns]));
    return [y, ...slopes].map((t) => [...t.data]);
  };
  const [two, one] = [run(2), run(1)];
  expect(one).toEqual(two);
  const taps = product(window);
  [taps * width, taps * columns, images * product(out)].forEach((terms, r) => {
    const [got, want] = [two[r] as number[], results[r] as Float64Array];
    const bound = factor * terms * 0.25 * 2 ** -24 * Math.sqrt(terms);
    expect(got).toHaveLength(want.length);
    got.forEach((value, i) => {
      if (!(Math.abs(value - (want[i] as number)) <= bound)) {
        throw new Error(`${['y', 'dx', 'dkernel'][r]}[${i}]: got ${value}, expected ${want[i]}`);
      }
    });
  });
}
