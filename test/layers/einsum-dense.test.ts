import type { Tensor } from '../../lib/ir/graph';
import * as layers from '../../lib/layers/index';
import { gradcheck } from '../helpers/gradcheck';
import { expectClose, type LayerInput, runLayer } from '../helpers/layers';
import { traceWith } from '../helpers/trace-layer';

const counting = (...shape: number[]): LayerInput => {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, values: Array.from({ length: size }, (_, i) => i + 1) };
};

const build = (options: layers.EinsumDenseOptions, ...shape: number[]) => {
  const layer = layers.einsumDense(options);
  const { shape: output } = layer.apply(layers.input({ shape }));
  return { output, weights: layer.weights.map((w) => w.shape) };
};

describe('values', () => {
  const x = counting(1, 2, 3); // [[1, 2, 3], [4, 5, 6]]

  test('features: as a dense layer', () => {
    const kernel = [1, 0, 0, 1, 1, -1]; // [3, 2]
    const options = { equation: 'abc,cd->abd', outputShape: [null, 2], biasAxes: 'd' };
    const { values } = runLayer(layers.einsumDense(options), [x], [kernel, [10, 20]]);
    expectClose(values[0], [1 + 3 + 10, 2 - 3 + 20, 4 + 6 + 10, 5 - 6 + 20]);
    const same = runLayer(layers.dense({ units: 2 }), [x], [kernel, [10, 20]]);
    expectClose(values[0], same.values[0]);
  });

  test('time, with the axes of the result in another order', () => {
    const layer = layers.einsumDense({ equation: 'abc,bd->acd', outputShape: [3, 1] });
    expectClose(runLayer(layer, [x], [[1, -0.5]]).values[0], [1 - 2, 2 - 2.5, 3 - 3]);
  });

  test('a bias for some letters is shared along the others', () => {
    const options = { equation: 'abc,c->abc', outputShape: [null, 3], biasAxes: 'b' };
    const { values } = runLayer(
      layers.einsumDense(options),
      [x],
      [
        [1, 2, 0],
        [100, 200],
      ],
    );
    expectClose(values[0], [101, 104, 100, 204, 210, 200]);
  });

  test('axes that an ellipsis stands for, at either end', () => {
    const left = { equation: '...x,xy->...y', outputShape: 1, biasAxes: 'y' };
    expectClose(runLayer(layers.einsumDense(left), [x], [[1, 1, 1], [0.5]]).values[0], [6.5, 15.5]);
    const right = { equation: 'ab...,bc->ac...', outputShape: 2, biasAxes: 'c' };
    const { values } = runLayer(
      layers.einsumDense(right),
      [x],
      [
        [1, 0, 1, 1], // [b, c]
        [0, 10],
      ],
    );
    expectClose(values[0], [5, 7, 9, 14, 15, 16]);
  });

  test('gradients of the input and of both weights', () => {
    const options = {
      equation: 'abc,chd->abhd',
      outputShape: [null, 2, 2],
      biasAxes: 'hd',
      activation: 'tanh',
    } as const;
    const layer = layers.einsumDense(options);
    const wave = (...shape: number[]) => {
      const { values } = counting(...shape);
      return { shape, dtype: 'float32' as const, values: Float64Array.from(values, (v) => Math.sin(2 * v)) };
    };
    const traced = (x: Tensor, kernel: Tensor, bias: Tensor) => traceWith(layer, [x], { kernel, bias })[0];
    gradcheck(traced, [wave(2, 2, 3), wave(3, 2, 2), wave(2, 2)]);
  });
});

// the shapes that keras.layers.EinsumDense has for the same arguments
test.each([
  ['ab,bc->ac', 64, 'c', [32], [32, 64], [64], [64]],
  ['abc,cd->abd', [null, 64], 'd', [5, 32], [32, 64], [64], [5, 64]],
  ['abc,cd->abd', [5, 64], 'bd', [5, 32], [32, 64], [5, 64], [5, 64]],
  ['abc,cde->abde', [null, 1, 4], 'be', [2, 3], [3, 1, 4], [2, 1, 4], [2, 1, 4]],
  ['abc,cde->abde', [null, 2, 4], 'd', [5, 3], [3, 2, 4], [2, 1], [5, 2, 4]],
  ['...x,xy->...y', 64, 'y', [32], [32, 64], [64], [64]],
  ['...x,xy->...y', 64, 'y', [5, 6, 32], [32, 64], [64], [5, 6, 64]],
  ['...bc,bd->...dc', [7, null], 'd', [5, 2, 3], [2, 7], [7, 1], [5, 7, 3]],
  ['ab...,bc->ac...', 7, 'c', [2, 3, 4], [2, 7], [7, 1, 1], [7, 3, 4]],
] as const)('%s to %j with biases for %s', (equation, outputShape, biasAxes, input, kernel, bias, output) => {
  const built = build({ equation, outputShape, biasAxes }, ...input);
  expect(built.weights).toEqual([kernel, bias]);
  expect(built.output.slice(1)).toEqual(output);
});

describe('misuse', () => {
  const make = (more: object) => () =>
    layers.einsumDense({ equation: 'abc,cd->abd', outputShape: [null, 4], ...more } as layers.EinsumDenseOptions);

  test.each([
    [{ equation: 'abc->ab' }, `equation must be of the form 'ab,bc->ac'`],
    [{ equation: 7 }, 'got 7'],
    [{ equation: '...c,cd->d...' }, `'...' at the same end`],
    [{ equation: 'abb,bd->abd' }, 'without a letter twice'],
    [{ equation: 'abc,cd->abe' }, `the output's letter 'e'`],
    [{ equation: 'abc,cde->abd' }, `the kernel's letter 'e'`],
    [{ equation: 'abc,cd->bad' }, 'whose first letter is the batch'],
    [{ equation: 'abc,acd->abd' }, 'whose first letter is the batch'],
    [{ outputShape: 4 }, `outputShape must be a positive integer or null for each of the output's letters 'bd', got 4`],
    [{ outputShape: [null, 0] }, 'got [null, 0]'],
    [{ outputShape: [null, null] }, `outputShape must be a size for letter 'd'`],
    [{ biasAxes: 'a' }, `biasAxes must be some of the output's letters 'bd', got 'a'`],
    [{ biasAxes: '' }, `got ''`],
    [{ activation: 'rely' }, 'activation must be'],
    [{ units: 3 }, `unknown option 'units'`],
  ])('%j', (options, message) => {
    expect(make(options)).toThrow(message);
  });

  test('inputs that do not fit', () => {
    expect(() => build({ equation: 'abc,cd->abd', outputShape: [5, 4] }, 3, 2)).toThrow(
      `outputShape has size 5 for letter 'b', got input shape [2, 3, 2], where it is 3`,
    );
    expect(() => build({ equation: 'abc,cd->abd', outputShape: [null, 4] }, 3)).toThrow(
      'expected input of rank 3, got',
    );
    expect(() => build({ equation: '...bc,cd->...bd', outputShape: [null, 4] }, 3)).toThrow(
      'expected input of rank >= 3',
    );
    const shared = layers.einsumDense({ equation: 'abc,cd->abd', outputShape: [null, 4], name: 'mix' });
    shared.apply(layers.input({ shape: [3, 2] }));
    expect(() => shared.apply(layers.input({ shape: [3, 5] }))).toThrow(
      'mix (einsumDense): expected input that fits mix/kernel [2, 4], got input shape [2, 3, 5]',
    );
  });
});
