import { gradients } from '../../lib/compile/autodiff';
import { tensor } from '../../lib/ir/build';
import type { Shape, Tensor, Variable } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import * as layers from '../../lib/layers/index';
import { evaluate, expectClose, fed, recordingContext } from '../helpers/evaluate';

/** Values of a layer for an input that counts 1, 2, 3, ... and the given weights, in the order of `layer.weights`. */
function run(layer: layers.Layer, shape: Shape, weights: readonly (readonly number[])[] = []) {
  const declared = layer.apply(layers.input({ shape: shape.slice(1) }));
  const { context } = recordingContext(true);
  const [result] = layer.trace([fed(0, shape)], context);
  expect(result.shape.slice(1)).toEqual(declared.shape.slice(1));
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => i + 1);
  const bound = new Map<Variable, readonly number[]>(layer.weights.map((w, i) => [w, weights[i]]));
  return { shape: result.shape, values: Array.from(evaluate([result], [values], bound).outputs[0]) };
}
const weightsOf = (layer: layers.Layer) => layer.weights.map((w) => [w.name, w.shape]);

describe('convolutions', () => {
  test('conv1d: valid, same and causal padding', () => {
    const kernel = [1, 10]; // window 2, one channel, one filter
    const at = (padding: 'valid' | 'same' | 'causal') =>
      run(layers.conv1d({ filters: 1, kernelSize: 2, padding }), [1, 3, 1], [kernel, [0]]).values;
    expect(at('valid')).toEqual([21, 32]);
    expect(at('same')).toEqual([21, 32, 3]);
    expect(at('causal')).toEqual([10, 21, 32]);
  });

  test('conv2d: strides, dilation, groups, activation and bias', () => {
    const layer = layers.conv2d({ filters: 2, kernelSize: [1, 2], groups: 2, strides: 2, activation: 'relu' });
    // x [1, 1, 4, 2] = (1, 2), (3, 4), (5, 6), (7, 8); each filter sees its own channel
    const { shape, values } = run(
      layer,
      [1, 1, 4, 2],
      [
        [1, 1, 1, -1],
        [0.5, -1],
      ],
    );
    expect(shape).toEqual([1, 1, 2, 2]);
    expect(values).toEqual([4.5, 0, 12.5, 0]);
    expect(weightsOf(layer)).toEqual([
      ['conv2d/kernel', [1, 2, 1, 2]],
      ['conv2d/bias', [2]],
    ]);
    const dilated = layers.conv2d({ filters: 1, kernelSize: [2, 1], dilationRate: [2, 1], useBias: false });
    expect(run(dilated, [1, 4, 1, 1], [[1, 10]]).values).toEqual([31, 42]);
  });

  test('conv3d', () => {
    const layer = layers.conv3d({ filters: 1, kernelSize: 2, useBias: false });
    expect(run(layer, [1, 2, 2, 2, 1], [[1, 1, 1, 1, 1, 1, 1, 1]])).toEqual({ shape: [1, 1, 1, 1, 1], values: [36] });
  });

  test('depthwise: filters of a channel are neighbours', () => {
    const layer = layers.depthwiseConv2d({ kernelSize: 1, depthMultiplier: 2 });
    expect(
      run(
        layer,
        [1, 1, 1, 2],
        [
          [1, 10, 100, 1000],
          [0, 0, 0, 1],
        ],
      ).values,
    ).toEqual([1, 10, 200, 2001]);
    expect(weightsOf(layer)).toEqual([
      ['depthwiseConv2d/kernel', [1, 1, 2, 2]],
      ['depthwiseConv2d/bias', [4]],
    ]);
    const one = layers.depthwiseConv1d({ kernelSize: 2, padding: 'same', useBias: false });
    expect(run(one, [1, 2, 2], [[1, 1, 1, 2]]).values).toEqual([4, 10, 3, 4]);
  });

  test('separable: depthwise, then pointwise', () => {
    const layer = layers.separableConv2d({ filters: 1, kernelSize: 1 });
    expect(run(layer, [1, 1, 1, 2], [[10, 100], [1, 2], [0.5]]).values).toEqual([410.5]);
    expect(weightsOf(layer).map(([name]) => name)).toEqual([
      'separableConv2d/depthwiseKernel',
      'separableConv2d/pointwiseKernel',
      'separableConv2d/bias',
    ]);
    const sequence = layers.separableConv1d({ filters: 1, kernelSize: 2, useBias: false });
    expect(run(sequence, [1, 2, 1], [[1, 1], [3]]).values).toEqual([9]);
  });

  test('transposed: every input adds the kernel', () => {
    const at = (options: object) =>
      run(
        layers.conv1dTranspose({ filters: 1, kernelSize: 3, strides: 2, useBias: false, ...options }),
        [1, 2, 1],
        [[1, 10, 100]],
      ).values;
    expect(at({})).toEqual([1, 10, 102, 20, 200]);
    expect(at({ padding: 'same' })).toEqual([1, 10, 102, 20]);
    expect(at({ outputPadding: 1 })).toEqual([1, 10, 102, 20, 200, 0]);
    const image = layers.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 2 });
    expect(
      run(
        image,
        [1, 1, 1, 1],
        [
          [1, 2, 3, 4, 5, 6, 7, 8],
          [0, 1],
        ],
      ).values,
    ).toEqual([1, 3, 3, 5, 5, 7, 7, 9]);
    expect(weightsOf(image)[0]).toEqual(['conv2dTranspose/kernel', [2, 2, 2, 1]]);
    const volume = layers.conv3dTranspose({ filters: 1, kernelSize: 2, useBias: false });
    expect(run(volume, [1, 1, 1, 1, 1], [[1, 2, 3, 4, 5, 6, 7, 8]]).values).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe('pooling', () => {
  test('maximum and average of windows', () => {
    expect(run(layers.maxPooling1d(), [1, 5, 1])).toEqual({ shape: [1, 2, 1], values: [2, 4] });
    expect(run(layers.maxPooling1d({ padding: 'same' }), [1, 5, 1]).values).toEqual([2, 4, 5]);
    expect(run(layers.averagePooling1d({ padding: 'same' }), [1, 5, 1]).values).toEqual([1.5, 3.5, 5]);
    expect(run(layers.maxPooling2d({ poolSize: 2, strides: 1 }), [1, 2, 3, 1]).values).toEqual([5, 6]);
    expect(run(layers.averagePooling2d({ poolSize: [1, 3] }), [1, 2, 3, 1]).values).toEqual([2, 5]);
    expect(run(layers.maxPooling3d(), [1, 2, 2, 2, 1]).values).toEqual([8]);
    expect(run(layers.averagePooling3d(), [1, 2, 2, 2, 1]).values).toEqual([4.5]);
  });

  test('whole channels', () => {
    expect(run(layers.globalMaxPooling1d(), [1, 3, 2])).toEqual({ shape: [1, 2], values: [5, 6] });
    expect(run(layers.globalAveragePooling2d({ keepDims: true }), [1, 2, 2, 1])).toEqual({
      shape: [1, 1, 1, 1],
      values: [2.5],
    });
    expect(run(layers.globalMaxPooling2d(), [1, 2, 2, 1]).values).toEqual([4]);
    expect(run(layers.globalMaxPooling3d(), [1, 1, 2, 2, 1]).values).toEqual([4]);
    expect(run(layers.globalAveragePooling1d(), [1, 2, 1]).values).toEqual([1.5]);
    expect(run(layers.globalAveragePooling3d(), [1, 1, 2, 2, 1]).values).toEqual([2.5]);
  });

  test('as many parts as asked for', () => {
    expectClose(run(layers.adaptiveAveragePooling1d({ outputSize: 2 }), [1, 5, 1]).values, [2, 4]);
    expectClose(run(layers.adaptiveAveragePooling2d({ outputSize: [1, 2] }), [1, 2, 2, 1]).values, [2, 3]);
    expectClose(run(layers.adaptiveAveragePooling3d({ outputSize: 1 }), [1, 1, 2, 2, 1]).values, [2.5]);
    expect(run(layers.adaptiveMaxPooling1d({ outputSize: 2 }), [1, 5, 1]).values).toEqual([3, 5]);
    expect(run(layers.adaptiveMaxPooling2d({ outputSize: [1, 2] }), [1, 2, 2, 1]).values).toEqual([3, 4]);
    expect(run(layers.adaptiveMaxPooling3d({ outputSize: 1 }), [1, 1, 2, 2, 1]).values).toEqual([4]);
  });

  test('largest values of parts that overlap; of equal ones the first has the gradient', () => {
    // rows 0..1, 1..3, 3..4 and columns 0..1, 1..2, as in torch.nn.AdaptiveMaxPool2d((3, 2))
    const rows = [
      [3, -1, 4],
      [-1, 5, -9],
      [2, 5, 5],
      [5, 8, -9],
      [7, -9, 3],
    ];
    const x = fed(0, [1, 5, 3, 1]);
    const y = ops.adaptiveMaxPool(x, [3, 2]);
    const [dx] = gradients(y, [x], ops.reshape(tensor([1, 2, 4, 8, 16, 32]), y.shape)) as [Tensor];
    const [values, gradient] = evaluate([y, dx], [rows.flat()]).outputs as [Float64Array, Float64Array];
    expect([...values]).toEqual([5, 5, 8, 8, 8, 8]);
    expect([...gradient]).toEqual([0, 0, 0, 0, 1 + 2, 0, 0, 0, 0, 0, 4 + 8 + 16 + 32, 0, 0, 0, 0]);
    const even = evaluate(gradients(y, [x], ops.reshape(tensor([1, 2, 4, 8, 16, 32]), y.shape)), [Array(15).fill(6)]);
    expect([...(even.outputs[0] as Float64Array)]).toEqual([1, 2, 0, 4, 8, 0, 0, 0, 0, 16, 32, 0, 0, 0, 0]);
  });
});

describe('resizing', () => {
  test('upsampling', () => {
    expect(run(layers.upSampling1d(), [1, 2, 1]).values).toEqual([1, 1, 2, 2]);
    expect(run(layers.upSampling2d({ size: [2, 1] }), [1, 1, 2, 1]).values).toEqual([1, 2, 1, 2]);
    expectClose(
      run(layers.upSampling2d({ size: [1, 2], interpolation: 'bilinear' }), [1, 1, 2, 1]).values,
      [1, 1.25, 1.75, 2],
    );
    expect(run(layers.upSampling3d({ size: [1, 1, 2] }), [1, 1, 1, 2, 1]).values).toEqual([1, 1, 2, 2]);
  });

  test('zeros around, and borders taken off', () => {
    expect(run(layers.zeroPadding1d({ padding: [2, 0] }), [1, 2, 1]).values).toEqual([0, 0, 1, 2]);
    expect(run(layers.zeroPadding2d({ padding: [[1, 0], 0] }), [1, 1, 2, 1]).values).toEqual([0, 0, 1, 2]);
    expect(run(layers.zeroPadding3d(), [1, 1, 1, 1, 1]).shape).toEqual([1, 3, 3, 3, 1]);
    expect(run(layers.cropping1d({ cropping: [1, 2] }), [1, 4, 1]).values).toEqual([2]);
    expect(run(layers.cropping2d({ cropping: [0, [1, 0]] }), [1, 2, 2, 1]).values).toEqual([2, 4]);
    expect(run(layers.cropping3d({ cropping: [0, 0, 1] }), [1, 1, 1, 3, 1]).values).toEqual([2]);
  });
});

describe('misuse', () => {
  test('arguments are checked where they are written', () => {
    const conv = (options: object) => () => layers.conv2d({ filters: 4, kernelSize: 3, ...options });
    expect(conv({ filters: 0 })).toThrow('layers.conv2d: filters must be a positive integer, got 0');
    expect(conv({ kernelSize: [3] })).toThrow(
      'layers.conv2d: kernelSize must be a positive integer or an array of 2, got [3]',
    );
    expect(conv({ strides: 1.5 })).toThrow(
      'layers.conv2d: strides must be a positive integer or an array of 2, got 1.5',
    );
    expect(conv({ padding: 'causal' })).toThrow("layers.conv2d: padding must be 'valid' or 'same', got 'causal'");
    expect(conv({ groups: 3 })).toThrow('layers.conv2d: groups (3) must divide filters (4)');
    expect(conv({ kernelSizes: 3 })).toThrow("layers.conv2d: unknown option 'kernelSizes'");
    expect(conv({ kernelInitializer: 'glorot' })).toThrow('layers.conv2d: kernelInitializer must be');
    expect(() => layers.conv2dTranspose({ filters: 1, kernelSize: 2, strides: 2, outputPadding: 2 })).toThrow(
      'layers.conv2dTranspose: outputPadding (2) must be smaller than the stride (2)',
    );
    expect(() => layers.maxPooling1d({ poolSize: 0 })).toThrow(
      'layers.maxPooling1d: poolSize must be a positive integer',
    );
    expect(() => layers.zeroPadding2d({ padding: [1] })).toThrow('layers.zeroPadding2d: padding must be');
    expect(() => layers.upSampling2d({ interpolation: 'cubic' as never })).toThrow(
      'layers.upSampling2d: interpolation',
    );
  });

  test('inputs that do not fit name the layer', () => {
    const input = (...shape: number[]) => layers.input({ shape });
    const layer = layers.conv2d({ filters: 4, kernelSize: 3, groups: 2, name: 'stem' });
    expect(() => layer.apply(input(28, 28))).toThrow(
      'stem (conv2d): expected input [batch, height, width, channels], got shape [2, 28, 28]',
    );
    expect(() => layer.apply(input(28, 28, 3))).toThrow('stem (conv2d): groups (2) must divide the 3 channels');
    layer.apply(input(28, 28, 4));
    expect(() => layer.apply(input(28, 28, 6))).toThrow('stem (conv2d): expected input with 4 channels, got 6');
    expect(() => layer.apply(input(2, 28, 4))).toThrow(
      'conv in stem (conv2d): a window that covers 3 cells does not fit spatial axis 0 of size 2 with padding [0, 0]',
    );
    expect(() => layers.maxPooling2d({ poolSize: 3 }).apply(input(2, 2, 1))).toThrow(
      'maxPool in maxPooling2d: a window that covers 3 cells does not fit spatial axis 0 of size 2',
    );
    expect(() => layers.cropping1d({ cropping: 2 }).apply(input(4, 1))).toThrow(
      'cropping1d: cropping [[2,2]] leaves nothing of shape [2, 4, 1]',
    );
  });
});
