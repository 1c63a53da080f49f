import { asTensor, checkOptions, make, type Operand, opError, show, tensor } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { cast } from './elementwise.js';
import { gather } from './gather.js';
import { linearTaps, resample } from './resample.js';
import { repeat } from './shape.js';
import { checkWindow, type Padding, type PerAxis, perAxis, placeWindows } from './windows.js';

export interface PoolOptions {
  /** How far the window moves. Default: the size of the window. */
  readonly strides?: PerAxis;
  /** Cells around the input. Default: 'valid'. */
  readonly padding?: Exclude<Padding, 'causal'>;
  /** Whether a window that begins inside the input and its padding, and ends beyond, counts (PyTorch). Default: false. */
  readonly ceilMode?: boolean;
}

export interface AveragePoolOptions extends PoolOptions {
  /** Whether cells of padding count as zeros (PyTorch's default). Default: false, as in Keras. */
  readonly countPadding?: boolean;
}

interface Windows {
  readonly input: Tensor;
  readonly attrs: { window: number[]; strides: number[]; padding: number[] };
  readonly pads: readonly (readonly [number, number])[];
  readonly shape: number[];
}

/** At most this many cells in a window. */
const largestPool = 2 ** 20;

function windowsOf(op: string, x: Operand, poolSize: PerAxis, options: PoolOptions): Windows {
  const input = cast(asTensor(op, 'x', x), 'float32');
  const rank = input.rank - 2;
  if (rank < 1 || rank > 3) {
    throw opError(op, `expected x [N, ...spatial, C] with one to three spatial axes, got ${formatType(input)}`);
  }
  checkOptions(op, options);
  const window = perAxis(op, 'poolSize', poolSize, rank);
  checkWindow(op, 'poolSize', window);
  if (window.reduce((a, b) => a * b, 1) > largestPool) {
    throw opError(op, `a window may have at most ${largestPool} cells, got poolSize [${window.join(', ')}]`);
  }
  const strides = perAxis(op, 'strides', options.strides ?? poolSize, rank);
  const ones = window.map(() => 1);
  const sizes = input.shape.slice(1, -1);
  const { pads, out } = placeWindows(op, sizes, window, strides, ones, options.padding ?? 'valid');
  pads.forEach(([before, after], a) => {
    if (Math.max(before, after) >= (window[a] as number)) {
      throw opError(
        op,
        `padding [${before}, ${after}] must be smaller than the window, ${window[a]}, or some would be empty`,
      );
    }
  });
  if (options.ceilMode === true) {
    sizes.forEach((size, a) => {
      const [before, after] = pads[a] as [number, number];
      const [n, stride] = [out[a] as number, strides[a] as number];
      const covered = (n - 1) * stride + (window[a] as number);
      if (covered < size + before + after && n * stride < size + before) out[a] = n + 1;
    });
  }
  return {
    input,
    attrs: { window, strides, padding: pads.map(([before]) => before) },
    pads,
    shape: [input.shape[0] as number, ...out, input.shape.at(-1) as number],
  };
}

/**
 * The largest value of each window; padding never wins. The gradient of a window goes to its first maximum in row-major
 * order.
 *
 * @param x float32 [N, ...spatial, C]
 * @returns float32 [N, ...out, C], out = floor((size + before + after - window) / stride) + 1
 * @throws Error when an option is not valid or no window fits
 *
 * @example
 * ops.maxPool(images, 2); // [32, 28, 28, 8] -> [32, 14, 14, 8]
 */
export function maxPool(x: Operand, poolSize: PerAxis, options: PoolOptions = {}): Tensor {
  const { input, attrs, shape } = windowsOf('maxPool', x, poolSize, options);
  return make('maxPool', [input], attrs, shape, 'float32');
}

/**
 * The mean of each window, over the cells inside the input (and those of the padding with `countPadding`).
 *
 * @param x float32 [N, ...spatial, C]
 * @returns float32 [N, ...out, C], out = floor((size + before + after - window) / stride) + 1
 * @throws Error when an option is not valid or no window fits
 *
 * @example
 * ops.averagePool(images, 3, { strides: 2, padding: 'same' });
 */
export function averagePool(x: Operand, poolSize: PerAxis, options: AveragePoolOptions = {}): Tensor {
  const { input, attrs, pads, shape } = windowsOf('averagePool', x, poolSize, options);
  const counted = pads.map((pair): readonly [number, number] => (options.countPadding === true ? pair : [0, 0]));
  return make('averagePool', [input], { ...attrs, counted }, shape, 'float32');
}

/**
 * Averages of as many parts as `outputSize` says: part i of an axis of size n is from floor(i n / size) to
 * ceil((i + 1) n / size) (PyTorch).
 *
 * @param x float32 [N, ...spatial, C]
 * @returns float32 [N, ...outputSize, C]
 * @throws Error when `outputSize` is not valid
 *
 * @example
 * ops.adaptiveAveragePool(images, [7, 7]);
 */
export function adaptiveAveragePool(x: Operand, outputSize: PerAxis): Tensor {
  const op = 'adaptiveAveragePool';
  const input = pixels(op, x);
  const sizes = perAxis(op, 'outputSize', outputSize, input.rank - 2);
  const window = sizes.map((size, a) => (input.shape[a + 1] as number) / size);
  if (window.every((n) => n === 1)) return input;
  if (window.every((n) => Number.isInteger(n) && n > 0)) return averagePool(input, window);
  return sizes.reduce((t, size, a) => {
    const n = t.shape[a + 1] as number;
    return resample(t, a + 1, size, (i) => {
      const [from, to] = part(i, n, size);
      return Array.from({ length: to - from }, (_, k): [number, number] => [from + k, 1 / (to - from)]);
    });
  }, input);
}

/**
 * Largest values of as many parts as `outputSize` says, which are those of `adaptiveAveragePool` (PyTorch). The gradient of
 * a part goes to its first maximum in row-major order.
 *
 * @param x float32 [N, ...spatial, C]
 * @returns float32 [N, ...outputSize, C]
 * @throws Error when `outputSize` is not valid
 *
 * @example
 * ops.adaptiveMaxPool(images, [7, 7]);
 */
export function adaptiveMaxPool(x: Operand, outputSize: PerAxis): Tensor {
  const op = 'adaptiveMaxPool';
  const input = pixels(op, x);
  const window: number[] = [];
  const parts = perAxis(op, 'outputSize', outputSize, input.rank - 2).reduce((t, size, a) => {
    const n = t.shape[a + 1] as number;
    const ranges = Array.from({ length: size }, (_, i) => part(i, n, size));
    const longest = ranges.reduce((most, [from, to]) => Math.max(most, to - from), Number.NEGATIVE_INFINITY);
    window.push(longest);
    if (longest * size === n) return t;
    // one after the other and equally long: the last cell of a shorter part again, which changes no maximum and no first one
    const cells = ranges.flatMap(([from, to]) => Array.from({ length: longest }, (_, k) => Math.min(from + k, to - 1)));
    return gather(t, tensor(Int32Array.from(cells)), a + 1);
  }, input);
  return maxPool(parts, window);
}

/** Where part i of `size` begins and ends in an axis of n cells. */
const part = (i: number, n: number, size: number): [number, number] => [
  Math.floor((i * n) / size),
  Math.ceil(((i + 1) * n) / size),
];

/**
 * Every cell `size` times along each spatial axis ('nearest'), or values interpolated linearly between the centres of
 * cells ('bilinear'; the values at the border are kept beyond the outermost centres).
 *
 * @param x float32 [N, ...spatial, C]
 * @returns float32 [N, ...spatial * size, C]
 * @throws Error when an argument is not valid
 *
 * @example
 * ops.upSampling(images, 2, 'bilinear'); // [8, 14, 14, 3] -> [8, 28, 28, 3]
 */
export function upSampling(x: Operand, size: PerAxis, interpolation: 'nearest' | 'bilinear' = 'nearest'): Tensor {
  const op = 'upSampling';
  const input = pixels(op, x);
  if (interpolation !== 'nearest' && interpolation !== 'bilinear') {
    throw opError(op, `interpolation must be 'nearest' or 'bilinear', got ${show(interpolation)}`);
  }
  return perAxis(op, 'size', size, input.rank - 2).reduce((t, times, a) => {
    if (interpolation === 'nearest') return times === 1 ? t : repeat(t, times, a + 1);
    const n = t.shape[a + 1] as number;
    return resample(t, a + 1, n * times, linearTaps(n, n * times));
  }, input);
}

/** Rank 3 to 5 as float32. */
function pixels(op: string, x: Operand): Tensor {
  const input = cast(asTensor(op, 'x', x), 'float32');
  if (input.rank < 3 || input.rank > 5) {
    throw opError(op, `expected x [N, ...spatial, C] with one to three spatial axes, got ${formatType(input)}`);
  }
  return input;
}
