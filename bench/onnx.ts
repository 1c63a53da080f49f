import type { Model } from 'steepest';
import type { Case } from './cases.js';

// Just enough of protocol buffers, and of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, to write the cases.

type Bytes = Uint8Array;

const varint = (value: number): Bytes => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
};
const join = (parts: readonly Bytes[]): Bytes => Buffer.concat(parts);
const number = (field: number, value: number): Bytes => join([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Bytes): Bytes => join([varint(field * 8 + 2), varint(value.length), value]);
const text = (field: number, value: string): Bytes => bytes(field, Buffer.from(value));
const message = (field: number, ...parts: readonly Bytes[]): Bytes => bytes(field, join(parts));

const float32 = 1;

const tensor = (name: string, dims: readonly number[], data: Float32Array): Bytes =>
  message(
    5,
    ...dims.map((dim) => number(1, dim)),
    number(2, float32),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

/** An attribute: a number, or a list of them. */
const attribute = (name: string, value: number | readonly number[]): Bytes =>
  typeof value === 'number'
    ? message(5, text(1, name), number(3, value), number(20, 2))
    : message(5, text(1, name), ...value.map((v) => number(8, v)), number(20, 7));

/** A float32 input or output with any number of rows. */
const port = (field: number, name: string, shape: readonly number[]): Bytes => {
  const dims = [message(1, text(2, 'rows')), ...shape.map((size) => message(1, number(1, size)))];
  return message(field, text(1, name), message(2, message(1, number(1, float32), message(2, ...dims))));
};

/** Element [a][b][c] of the transposed array is `from` at the same place with its axes in the given order. */
function transpose(from: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const to = new Float32Array(from.length);
  for (let i = 0; i < to.length; i++) {
    let at = 0;
    let rest = i;
    for (let a = axes.length - 1; a >= 0; a--) {
      const axis = axes[a] as number;
      at += (rest % (shape[axis] as number)) * (strides[axis] as number);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    to[i] = from[at] as number;
  }
  return to;
}

/**
 * A case with the weights of a model as an ONNX file, as an exporter from PyTorch would write it: images are [N, C, H, W],
 * products have their bias.
 */
export function toOnnx({ units, image, head }: Case, model: Model): Bytes {
  const weights = model.getWeights();
  const nodes: Bytes[] = [];
  const tensors: Bytes[] = [];
  let last = 'x';
  const node = (
    type: string,
    inputs: readonly string[],
    attributes: Record<string, number | readonly number[]> = {},
  ) => {
    const output = `${type}_${nodes.length}`;
    const own = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    nodes.push(message(1, ...[last, ...inputs].map((name) => text(1, name)), text(2, output), text(4, type), ...own));
    last = output;
  };
  const constant = (dims: readonly number[], data: Float32Array): string => {
    const name = `w_${tensors.length}`;
    tensors.push(tensor(name, dims, data));
    return name;
  };
  const next = () => weights.shift() as { shape: readonly number[]; data: Float32Array };

  // [height, width, channels] of what comes out
  let pixels = image?.shape as [number, number, number] | undefined;
  for (const filters of image?.filters ?? []) {
    const [height, width, channels] = pixels as [number, number, number];
    const kernel = next();
    const bias = next();
    node('Conv', [
      constant([filters, channels, 3, 3], transpose(kernel.data, kernel.shape, [3, 2, 0, 1])),
      constant([filters], bias.data),
    ]);
    node('Relu', []);
    node('MaxPool', [], { kernel_shape: [2, 2], strides: [2, 2] });
    pixels = [(height - 2) >> 1, (width - 2) >> 1, filters];
  }
  if (pixels !== undefined) node('Flatten', []);
  units.slice(1).forEach((n, i) => {
    const kernel = next();
    const bias = next();
    const [height, width, channels] = pixels ?? [];
    const data =
      i === 0 && pixels !== undefined
        ? transpose(kernel.data, [height as number, width as number, channels as number, n], [2, 0, 1, 3])
        : kernel.data;
    node('Gemm', [constant(kernel.shape, data), constant([n], bias.data)]);
    if (i < units.length - 2) node('Relu', []);
    else if (head === 'softmax') node('Softmax', []);
    else node('Sigmoid', []);
  });
  const shape = image === undefined ? [units[0] as number] : [image.shape[2], image.shape[0], image.shape[1]];
  nodes.push(message(1, text(1, last), text(2, 'y'), text(4, 'Identity')));
  const graph = message(
    7,
    ...nodes,
    text(2, 'case'),
    ...tensors,
    port(11, 'x', shape as number[]),
    port(12, 'y', [units[units.length - 1] as number]),
  );
  return join([number(1, 8), graph, message(8, text(1, ''), number(2, 13))]);
}
