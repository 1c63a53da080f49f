// The float64 reference of products, convolutions and pooling.
import { toBfloat16 } from './bfloat16.js';
import { type Attributes, type Node, type Shape, sizeOf, type Tensor } from './graph.js';
import { int8Scale, toInt8 } from './int8.js';
import type { ProductPrecision } from './precision.js';
import type { Program } from './program.js';
import { coordinates, everyIndex } from './reference-arrays.js';
import { runProgram } from './reference-scalar.js';

/** An operand of a product, as it is multiplied. */
const rounded = (values: Float64Array, precision: ProductPrecision = 'float32'): Float64Array =>
  precision === 'bfloat16' ? values.map(toBfloat16) : values;

export function matmul(node: Node, [left, right, ...extras]: readonly Float64Array[]): Float64Array[] {
  const { epilogue, precision } = node.attrs as Attributes['matmul'];
  const [a, b] = [left, right].map((values) => rounded(values, precision));
  const [m, k] = node.inputs[0].shape.slice(-2);
  const n = node.inputs[1].shape.at(-1) as number;
  const product = new Float64Array(node.outputs[0].size);
  for (let at = 0; at < product.length; at++) {
    const column = at % n;
    const row = (at - column) / n; // of all matrices of the batch
    const batch = Math.floor(row / m);
    let sum = 0;
    for (let i = 0; i < k; i++) sum += a[row * k + i] * b[(batch * k + i) * n + column];
    product[at] = sum;
  }
  return finish(product, extras, epilogue);
}

/** Sums of whole numbers are exact. Their float32, times the row's step, is rounded as every kernel rounds it. */
export function matmulInt8(node: Node, [a, b, ...extras]: readonly Float64Array[]): Float64Array[] {
  const [m, k] = node.inputs[0].shape;
  const n = node.inputs[1].shape[1];
  const product = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    const row = a.subarray(i * k, (i + 1) * k);
    const { factor, step } = int8Scale(row.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0));
    const q = row.map((v) => toInt8(v, factor));
    for (let j = 0; j < n; j++) {
      const sum = q.reduce((total, v, p) => total + v * b[p * n + j], 0);
      product[i * n + j] = Math.fround(Math.fround(sum) * step);
    }
  }
  return finish(product, extras, (node.attrs as Attributes['matmulInt8']).epilogue);
}

/** What the epilogue of a product makes of it. */
export const finish = (
  product: Float64Array,
  extras: readonly Float64Array[],
  epilogue: Program | undefined,
): Float64Array[] => (epilogue === undefined ? [product] : runProgram(epilogue, [product, ...extras], product.length));

// --- windows over the spatial axes of [N, ...spatial, C]

interface Sliding {
  readonly window: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly number[];
}

/** Calls `visit` for each position of the output, image and cell inside the input that its window sees, in order. */
function eachSeen(
  inputShape: Shape,
  outputShape: Shape,
  { window, strides, dilation, padding }: Sliding,
  visit: (input: number, output: number, tap: number) => void,
): void {
  const [images, ...sizes] = inputShape.slice(0, -1);
  const [indices, taps] = [everyIndex(outputShape.slice(1, -1)), everyIndex(window)];
  const cells = sizeOf(sizes);
  /** Where a tap of the window at an index of the output is in the image. */
  const cellOf = (j: readonly number[], t: readonly number[]): number | undefined => {
    let cell = 0;
    for (let a = 0; a < sizes.length; a++) {
      const i = j[a] * strides[a] + t[a] * dilation[a] - padding[a];
      if (i < 0 || i >= sizes[a]) return undefined;
      cell = cell * sizes[a] + i;
    }
    return cell;
  };
  for (let image = 0; image < images; image++) {
    for (const [position, j] of indices.entries()) {
      for (const [tap, t] of taps.entries()) {
        const cell = cellOf(j, t);
        if (cell !== undefined) visit(image * cells + cell, image * indices.length + position, tap);
      }
    }
  }
}

/** y += x * kernel, with the roles of input, kernel and output as the operation has them. */
export function convolution(node: Node, [left, right, ...extras]: readonly Float64Array[]): Float64Array[] {
  const { epilogue, groups, precision, ...sliding } = node.attrs as Attributes['conv'];
  const [a, b] = [left, right].map((values) => rounded(values, precision));
  const product = new Float64Array(node.outputs[0].size);
  const { conv, convInputGrad } = { conv: node.is('conv'), convInputGrad: node.is('convInputGrad') };
  const [first, second, result] = [node.inputs[0].shape, node.inputs[1].shape, node.outputs[0].shape];
  const [x, kernel, y] = conv
    ? [first, second, result]
    : convInputGrad
      ? [result, second, first]
      : [first, result, second];
  const [channels, filters] = [x.at(-1) as number, y.at(-1) as number];
  const [width, columns] = [channels / groups, filters / groups];
  eachSeen(x, y, { window: kernel.slice(0, -2), ...sliding }, (input, output, tap) => {
    for (let f = 0; f < filters; f++) {
      const group = Math.floor(f / columns);
      for (let c = 0; c < width; c++) {
        const atX = input * channels + group * width + c;
        const atKernel = (tap * width + c) * filters + f;
        const atY = output * filters + f;
        if (conv) product[atY] += a[atX] * b[atKernel];
        else if (convInputGrad) product[atX] += a[atY] * b[atKernel];
        else product[atKernel] += a[atX] * b[atY];
      }
    }
  });
  return finish(product, extras, epilogue);
}

export function pooling(node: Node, operands: readonly Float64Array[]): Float64Array {
  const attrs = node.attrs as Attributes['averagePool'] | Attributes['maxPool'];
  const backward = node.is('maxPoolGrad') || node.is('averagePoolGrad');
  const [x, y] = backward
    ? [node.outputs[0].shape, (node.inputs.at(-1) as Tensor).shape]
    : [node.inputs[0].shape, node.outputs[0].shape];
  const channels = x.at(-1) as number;
  const out = new Float64Array(node.outputs[0].size).fill(node.is('maxPool') ? Number.NEGATIVE_INFINITY : 0);
  const taken = new Uint8Array(sizeOf(y));
  eachSeen(x, y, { ...attrs, dilation: attrs.window.map(() => 1) }, (input, output) => {
    const cells = 'counted' in attrs ? countedCells(attrs, x, y, output) : 1;
    for (let c = 0; c < channels; c++) {
      const [i, o] = [input * channels + c, output * channels + c];
      if (node.is('maxPool')) {
        out[o] = Math.max(out[o], operands[0][i]);
      } else if (node.is('averagePool')) {
        out[o] += operands[0][i] / cells;
      } else if (node.is('averagePoolGrad')) {
        out[i] += operands[0][o] / cells;
      } else {
        const [values, maxima, dy] = operands;
        const isTop = values[i] === maxima[o] || (Number.isNaN(values[i]) && Number.isNaN(maxima[o]));
        if (isTop && taken[o] === 0) {
          taken[o] = 1;
          out[i] += dy[o];
        }
      }
    }
  });
  return out;
}

/** Cells of the window at an output position that lie in the input or in padding that counts. */
function countedCells(
  { window, strides, padding, counted }: Attributes['averagePool'],
  x: Shape,
  y: Shape,
  output: number,
): number {
  const out = y.slice(1, -1);
  return coordinates(output % sizeOf(out), out).reduce((cells, j, a) => {
    const first = j * strides[a] - padding[a];
    const [before, after] = counted[a];
    return cells * (Math.min(first + window[a], x[a + 1] + after) - Math.max(first, -before));
  }, 1);
}
