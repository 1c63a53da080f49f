import { scalar } from '../../lib/ir/build';
import type { DType, Variable } from '../../lib/ir/graph';
import { withRandom } from '../../lib/ir/random-source';
import * as layers from '../../lib/layers/index';
import { evaluate, fed, recordingContext } from './evaluate';

export { expectClose } from './evaluate';

export interface LayerInput {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: DType;
}

/** Builds a layer, runs it in float64 with given weights (in the order of `layer.weights`), and checks declared shapes. */
export function runLayer(
  layer: layers.Layer,
  inputs: readonly LayerInput[],
  weights: readonly (readonly number[])[] = [],
  { training = false, seed = 1, counter = 0 } = {},
) {
  const declared = layer.applyMany(inputs.map(({ shape, dtype }) => layers.input({ shape: shape.slice(1), dtype })));
  const { context, writes } = recordingContext(training);
  const tensors = inputs.map(({ shape, dtype }, slot) => fed(slot, shape, dtype));
  let stream = 0;
  const source = { seed: scalar(seed, 'int32'), counter: scalar(counter, 'int32'), nextStream: () => stream++ };
  const results = withRandom(source, () => layer.trace(tensors, context));
  expect(results.map((t) => t.shape.slice(1))).toEqual(declared.map((t) => t.shape.slice(1)));
  const { outputs } = evaluate(
    [...results, ...writes.values()],
    inputs.map((x) => x.values),
    new Map<Variable, readonly number[]>(layer.weights.map((w, i) => [w, weights[i]])),
  );
  return {
    values: outputs.slice(0, results.length),
    shapes: results.map((t) => t.shape),
    writes: new Map([...writes.keys()].map((w, i) => [w.name, outputs[results.length + i]])),
  };
}
