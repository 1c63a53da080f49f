import type { Tensor, Variable } from '../../lib/ir/graph';
import * as layers from '../../lib/layers/index';
import { maskOf } from '../../lib/layers/mask';
import { evaluate, fed, recordingContext } from '../helpers/evaluate';
import { expectClose, runLayer } from '../helpers/layers';

test('embedding looks rows up', () => {
  const layer = layers.embedding({ inputDim: 3, outputDim: 2 });
  const ids = { shape: [2, 2], values: [2, 0, 1, 2], dtype: 'int32' } as const;
  const { values, shapes } = runLayer(layer, [ids], [[1, 2, 3, 4, 5, 6]]);
  expect(shapes).toEqual([[2, 2, 2]]);
  expectClose(values[0], [5, 6, 1, 2, 3, 4, 5, 6]);
  expect(layer.inputDType).toBe('int32');
  expect(() => layers.embedding({ inputDim: 0, outputDim: 2 })).toThrow('inputDim must be a positive integer');
  expect(() => runLayer(layer, [{ ...ids, values: [0, 0, 0, 3] }], [[1, 2, 3, 4, 5, 6]])).toThrow(
    'index 3 is not in 0',
  );
});

test('positionEmbedding adds a vector per position', () => {
  const layer = layers.positionEmbedding({ sequenceLength: 3 });
  const x = { shape: [2, 2, 2], values: [0, 0, 0, 0, 1, 1, 1, 1] };
  const { values } = runLayer(layer, [x], [[1, 2, 3, 4, 5, 6]]);
  expectClose(values[0], [1, 2, 3, 4, 2, 3, 4, 5]);
  expect(() => layer.apply(layers.input({ shape: [4, 2] }))).toThrow(
    'positionEmbedding: expected at most 3 positions of 2 features, got shape [2, 4, 2]',
  );
});

test('sinePositionEncoding adds sines and cosines', () => {
  const x = { shape: [1, 3, 4], values: Array(12).fill(0) };
  const { values } = runLayer(layers.sinePositionEncoding(), [x]);
  expectClose(
    values[0],
    [0, 1, 2].flatMap((t) => [Math.sin(t), Math.cos(t), Math.sin(t / 100), Math.cos(t / 100)]),
  );
  expect(() => layers.sinePositionEncoding().apply(layers.input({ shape: [3, 3] }))).toThrow('an even number');
});

test('the mask of id 0 travels with the vectors to attention', () => {
  const ids = fed(0, [1, 3], 'int32');
  const { context } = recordingContext(false);
  const trace = (layer: layers.Layer, x: Tensor): Tensor => {
    layer.ensureBuilt([x]);
    return layer.trace([x], context)[0];
  };
  const vectors = trace(layers.embedding({ inputDim: 3, outputDim: 2, maskZero: true }), ids);
  expectClose(evaluate([maskOf(vectors) as Tensor], [[2, 0, 1]]).outputs[0], [1, 0, 1]);
  const normal = trace(layers.layerNormalization(), trace(layers.positionEmbedding({ sequenceLength: 3 }), vectors));
  expect(maskOf(normal)).toBe(maskOf(vectors));

  // what stands at the masked position makes no difference to the others
  const layer = layers.attention();
  const table = layers.embedding({ inputDim: 3, outputDim: 2, maskZero: true });
  const embedded = trace(table, ids);
  const attended = trace(layer, embedded);
  const run = (zero: number) =>
    evaluate([attended], [[2, 0, 1]], new Map([[table.weights[0] as Variable, [zero, zero, 1, 2, 3, 4]]])).outputs[0];
  expect(run(0).slice(0, 2)).toEqual(run(100).slice(0, 2));
  expect(run(0).slice(4)).toEqual(run(100).slice(4));
  expect(maskOf(attended)).toBe(maskOf(embedded));
  expect(() => table.apply(layers.input({ shape: [], dtype: 'int32' }))).toThrow(
    'maskZero needs input [batch, time, ...], got shape [2]',
  );
});
