import {
  input,
  layers,
  type losses,
  type Model,
  model,
  ops,
  optimizers,
  type SymbolicTensor,
  type Tensor,
} from 'steepest';

/** A layer, operation, loss or optimizer that is timed alone, forward and back. operations_worker.py has the same ones by the same names. */
export interface Operation {
  /** Of a sample: [...spatial, channels]. */
  readonly shape: readonly number[];
  readonly batch: number;
  readonly apply: (x: SymbolicTensor) => SymbolicTensor;
  /** Samples are integers below this, instead of numbers between -0.5 and 0.5. They have no gradient, and no factor. */
  readonly below?: number;
  /** Default: the mean of the result's squares for each sample, and of these the squared error to 0. */
  readonly loss?: losses.Loss;
  /** Of `loss`: numbers for each result, a class for each row of results (for each integer of a sample, below the same number), or `wordLength` classes for each sample. */
  readonly targets?: 'values' | 'labels' | 'words';
  /** Default: SGD. */
  readonly optimizer?: optimizers.Optimizer;
}

const wordLength = 20;

const factor = (channels: number) =>
  layers.define({
    kind: 'factor',
    build: (_, weight) => ({ factor: weight({ name: 'factor', shape: [channels], initializer: 'ones' }) }),
    call: ([x], weights) => ops.multiply(x as Tensor, weights.factor),
  });

const meanOfSquares = layers.lambda((x) => {
  const axes = [...x.shape.keys()].slice(1);
  return ops.expandDims(ops.mean(ops.square(x), axes), -1);
});

/** The operation behind a factor for each channel, so that its input has a gradient. */
export function operationModel(operation: Operation): Model {
  const { shape, apply, below, loss, optimizer = optimizers.sgd({ learningRate: 1e-6 }) } = operation;
  const samples = input({ shape, ...(below === undefined ? {} : { dtype: 'int32' }) });
  const x = below === undefined ? (factor(shape.at(-1) as number).apply(samples) as SymbolicTensor) : samples;
  const y = apply(x);
  const trained = model({
    inputs: samples,
    outputs: loss === undefined ? (meanOfSquares.apply(y) as SymbolicTensor) : y,
  });
  trained.compile({ optimizer, loss: loss ?? 'mse' });
  return trained;
}

/** Samples and targets. */
export function operationData({ shape, below, targets }: Operation, samples: number) {
  const noise = (sizes: readonly number[]): number[] =>
    Array.from({ length: sizes.reduce((a, b) => a * b, samples) }, (_, i) => ((i * 2654435761) % 4096) / 4096);
  const classes = (sizes: readonly number[], from: number, to: number) =>
    Int32Array.from(noise(sizes), (v) => from + Math.floor(v * (to - from)));
  const channels = shape.at(-1) as number;
  const x = below === undefined ? Float32Array.from(noise(shape), (v) => v - 0.5) : classes(shape, 0, below);
  const y = {
    values: () => Float32Array.from(noise(shape)),
    labels: () => (below === undefined ? classes(shape.slice(0, -1), 0, channels) : classes(shape, 0, below)),
    words: () => classes([wordLength], 1, channels),
    none: () => new Float32Array(samples),
  }[targets ?? 'none']();
  return { x, y };
}
