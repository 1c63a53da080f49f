import { make, scalar } from '../ir/build.js';
import type { DType, TensorType } from '../ir/graph.js';
import { type RandomSource, withRandom } from '../ir/random-source.js';
import type { CallContext, Layer } from './layer.js';

/** Shape in a model: null stands for the batch size, which is not known yet. */
export type SymbolicShape = readonly (number | null)[];

/** Batch size that shapes are inferred with. */
export const probeBatch = 2;

/**
 * A value that will flow between the layers of a model: what `input` returns, and `layer.apply` takes and returns.
 * It knows its shape (the batch dimension first, as null) and dtype, and which call of which layer it comes from.
 */
export class SymbolicTensor {
  constructor(
    readonly shape: SymbolicShape,
    readonly dtype: DType,
    /** The call that this is a result of. */
    readonly call: LayerCall,
    /** Which result of the call. */
    readonly index: number,
  ) {}

  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    return formatSymbolic(this);
  }
}

let nextCall = 1;

/** One use of a layer. Ids grow as calls are made, so that sorting by id puts every call after those it depends on. */
export class LayerCall {
  readonly id = nextCall++;
  readonly outputs: readonly SymbolicTensor[];

  constructor(
    readonly layer: Layer,
    readonly inputs: readonly SymbolicTensor[],
    types: readonly { readonly shape: SymbolicShape; readonly dtype: DType }[],
  ) {
    this.outputs = types.map((type, index) => new SymbolicTensor(type.shape, type.dtype, this, index));
  }
}

export const formatSymbolic = (t: { readonly shape: SymbolicShape; readonly dtype: DType }): string =>
  `${t.dtype}[${t.shape.map((n) => n ?? 'batch').join(', ')}]`;

/** The concrete type for a batch size. */
export const withBatch = (t: { readonly shape: SymbolicShape; readonly dtype: DType }, batch: number): TensorType => ({
  shape: t.shape.map((n) => n ?? batch),
  dtype: t.dtype,
});

/** Tracing that is thrown away again: weights are read as variables, nothing is written or added to a loss. */
export const probeContext: CallContext = {
  training: false,
  read: (variable) => make('variable', [], { variable }, variable.shape, variable.dtype),
  write: () => {},
  addLoss: () => {},
};

/** Runs `body` with a source of random numbers that is good for finding shapes only. */
export function withProbeRandom<T>(body: () => T): T {
  let stream = 0;
  const source: RandomSource = {
    seed: scalar(0, 'int32'),
    counter: scalar(0, 'int32'),
    nextStream: () => stream++,
  };
  return withRandom(source, body);
}

/**
 * Types of a layer's outputs, found by tracing it with batch size 2.
 *
 * @throws Error when an output does not begin with the batch dimension
 */
export function inferOutputs(layer: Layer, inputs: readonly TensorType[]): { shape: SymbolicShape; dtype: DType }[] {
  const placeholders = inputs.map((t, slot) => make('input', [], { slot }, t.shape, t.dtype));
  const outputs = withProbeRandom(() => layer.trace(placeholders, probeContext));
  return outputs.map((t) => {
    if (t.shape[0] !== probeBatch) {
      throw layer.error(
        `every output must begin with the batch dimension: for inputs of batch size ${probeBatch} an output of shape ` +
          `[${t.shape.join(', ')}] came back`,
      );
    }
    return { shape: [null, ...t.shape.slice(1)], dtype: t.dtype };
  });
}
