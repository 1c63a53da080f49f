import {
  initializers,
  input,
  type Layer,
  layers,
  losses,
  type Model,
  model,
  ops,
  optimizers,
  type Precision,
  type SymbolicTensor,
} from 'steepest';

export interface GptSizes {
  readonly context: number;
  readonly vocabulary: number;
  readonly blocks: number;
  readonly heads: number;
  readonly features: number;
}

/** Numbers of a weight that are drawn: those of a large one repeat them, as 1.5 billion would take longer than measuring. */
const drawn = 65_537;
const large = 1 << 20;

const small = (): ReturnType<typeof initializers.randomNormal> => {
  const normal = initializers.randomNormal({ stddev: 0.02 });
  return (shape, random) => {
    const n = shape.reduce((product, size) => product * size, 1);
    if (n <= large) return normal(shape, random);
    const values = new Float32Array(n);
    values.set(normal([drawn], random));
    for (let done = drawn; done < n; done *= 2) values.copyWithin(done, 0, Math.min(done, n - done));
    return values;
  };
};

/** Vectors of symbols and, applied to vectors, the logits of symbols, with one table for both. */
function symbols({ vocabulary, features }: GptSizes): Layer {
  return layers.define({
    kind: 'symbols',
    build: (_, addWeight) => ({
      table: addWeight({ name: 'table', shape: [vocabulary, features], initializer: small() }),
    }),
    call: ([x], { table }) =>
      x?.dtype === 'int32' ? ops.take(table, x) : ops.matmul(x as NonNullable<typeof x>, ops.transpose(table)),
  });
}

/** A GPT without biases, ready to be trained as its case says. */
export function gpt(sizes: GptSizes, training: { learningRate: number; precision: Precision }): Model {
  const { context, blocks, heads, features } = sizes;
  const norm = (x: SymbolicTensor) => layers.layerNormalization({ center: false, epsilon: 1e-5 }).apply(x);
  const dense = (units: number, activation?: 'gelu') =>
    layers.dense({ units, useBias: false, kernelInitializer: small(), ...(activation ? { activation } : {}) });
  const block = (x: SymbolicTensor): SymbolicTensor => {
    const attention = layers.multiHeadAttention({
      ...{ numHeads: heads, keyDim: features / heads, useCausalMask: true, useBias: false },
      kernelInitializer: small(),
    });
    const attended = layers.add().apply([x, attention.apply(norm(x))]);
    const hidden = dense(4 * features, 'gelu').apply(norm(attended));
    return layers.add().apply([attended, dense(features).apply(hidden)]);
  };

  const ids = input({ shape: [context], dtype: 'int32' });
  const table = symbols(sizes);
  let x = layers.positionEmbedding({ sequenceLength: context, initializer: small() }).apply(table.apply(ids));
  for (let i = 0; i < blocks; i++) x = block(x);
  const net = model({ inputs: ids, outputs: table.apply(norm(x)) });
  net.compile({
    optimizer: optimizers.adamw({
      learningRate: training.learningRate,
      beta2: 0.99,
      weightDecay: 0.1,
      globalClipnorm: 1,
    }),
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
    precision: training.precision,
  });
  return net;
}
