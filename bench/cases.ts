/** The benchmark cases: small to large networks, each with the batch size and optimizer that it is trained with. */
export interface Case {
  /** Units of the layers, the input first. Hidden layers are ReLU. */
  readonly units: readonly number[];
  /**
   * What stands before the dense layers: the input as an image, then for each number of filters a 3x3 convolution with
   * ReLU (no padding) and a 2x2 maximum pooling, then dropout.
   */
  readonly image?: { readonly shape: readonly number[]; readonly filters: readonly number[]; readonly dropout: number };
  /**
   * What stands before the dense layers: the input as an image, a 3x3 convolution with the first number of filters, and for
   * each number of filters so many blocks of two 3x3 convolutions with batch normalization, around which the input is added
   * (every other pixel of it, and channels of zeros, where the number of filters grows); then the mean over pixels.
   *
   * With `bottleneck` as for large images: a 7x7 convolution and a 3x3 maximum pooling, both with strides of 2, come first, and a
   * block is a 1x1, a 3x3 and a 1x1 convolution with four times as many results; where sizes change, a 1x1 convolution is
   * around it.
   */
  readonly residual?: {
    readonly shape: readonly [number, number, number];
    readonly filters: readonly number[];
    /** The same for every number of filters, or one for each. */
    readonly blocks: number | readonly number[];
    readonly bottleneck?: true;
  };
  /** What stands before the dense layers: the input as a sequence [time, features], then an LSTM with this many units. */
  readonly sequence?: { readonly shape: readonly [number, number]; readonly units: number };
  /**
   * A GPT instead: `units` are the length of the context and the size of the vocabulary. Blocks of pre-normalized causal
   * attention and GELU networks four times as wide, learned positions, a head that shares the embedding, and no biases;
   * the global norm of the gradients is clipped at 1.
   */
  readonly transformer?: { readonly blocks: number; readonly heads: number; readonly features: number };
  readonly batch: number;
  readonly samples: number;
  readonly optimizer: {
    readonly name: 'adam' | 'adamw' | 'sgd';
    readonly learningRate: number;
    readonly momentum?: number;
  };
  /** sigmoid + binary cross-entropy, or softmax + sparse categorical cross-entropy. */
  readonly head: 'sigmoid' | 'softmax';
  /** The targets are the inputs. */
  readonly autoencoder?: true;
}

const adam = { name: 'adam', learningRate: 1e-3 } as const;
/** With beta2 = 0.99 and a weight decay of 0.1. */
const adamw = { name: 'adamw', learningRate: 1e-3 } as const;

export const cases: Readonly<Record<string, Case>> = {
  a: { units: [8, 10, 1], batch: 10, samples: 1000, optimizer: adam, head: 'sigmoid' },
  b: { units: [2, 64, 1], batch: 32, samples: 1024, optimizer: { name: 'sgd', learningRate: 0.05 }, head: 'sigmoid' },
  c: { units: [100, 64, 32, 10], batch: 32, samples: 3200, optimizer: adam, head: 'softmax' },
  d: { units: [784, 128, 64, 10], batch: 32, samples: 6400, optimizer: adam, head: 'softmax' },
  e: { units: [784, 256, 128, 64, 10], batch: 128, samples: 59_904, optimizer: adam, head: 'softmax' },
  f: { units: [1024, 1024, 1024, 1024, 1024, 10], batch: 256, samples: 5120, optimizer: adam, head: 'softmax' },
  g: {
    units: [784, 10],
    image: { shape: [28, 28, 1], filters: [32, 64], dropout: 0.5 },
    batch: 128,
    samples: 2560,
    optimizer: adam,
    head: 'softmax',
  },
  h: {
    units: [3072, 10],
    residual: { shape: [32, 32, 3], filters: [16, 32, 64], blocks: 3 },
    batch: 128,
    samples: 1280,
    optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 },
    head: 'softmax',
  },
  i: {
    units: [784, 10],
    sequence: { shape: [28, 28], units: 128 },
    batch: 128,
    samples: 2560,
    optimizer: adam,
    head: 'softmax',
  },
  j: {
    units: [64, 65],
    transformer: { blocks: 4, heads: 4, features: 128 },
    batch: 12,
    samples: 240,
    optimizer: adamw,
    head: 'softmax',
  },
  j2: {
    units: [256, 65],
    transformer: { blocks: 6, heads: 6, features: 384 },
    batch: 8,
    samples: 16,
    optimizer: adamw,
    head: 'softmax',
  },
  k: {
    units: [784, 128, 32, 128, 784],
    batch: 128,
    samples: 12_800,
    optimizer: adam,
    head: 'sigmoid',
    autoencoder: true,
  },
};

/** Larger ones, for GPUs: they run when they are asked for. */
export const gpuCases: Readonly<Record<string, Case>> = {
  mnist: { units: [784, 128, 10], batch: 128, samples: 59_904, optimizer: adam, head: 'softmax' },
  /** Products of 4096 x 8192 x 8192. */
  wide: { units: [8192, 8192, 8192, 10], batch: 4096, samples: 4096, optimizer: adam, head: 'softmax' },
  /** ResNet-20 as in case h, with the batch that fills a GPU. */
  cifar: {
    units: [3072, 10],
    residual: { shape: [32, 32, 3], filters: [16, 32, 64], blocks: 3 },
    batch: 1024,
    samples: 8192,
    optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 },
    head: 'softmax',
  },
  /** GPT-2 with 124 million parameters. */
  gpt2: {
    units: [1024, 50_257],
    transformer: { blocks: 12, heads: 12, features: 768 },
    batch: 8,
    samples: 64,
    optimizer: adamw,
    head: 'softmax',
  },
  /** With 1.5 billion parameters. */
  gpt2xl: {
    units: [1024, 50_257],
    transformer: { blocks: 48, heads: 25, features: 1600 },
    batch: 4,
    samples: 32,
    optimizer: adamw,
    head: 'softmax',
  },
  resnet50: {
    units: [224 * 224 * 3, 1000],
    residual: { shape: [224, 224, 3], filters: [64, 128, 256, 512], blocks: [3, 4, 6, 3], bottleneck: true },
    batch: 128,
    samples: 512,
    optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 },
    head: 'softmax',
  },
  /** A network like that which the emulated driver can run. */
  bottlenecks: {
    units: [16 * 16 * 3, 10],
    residual: { shape: [16, 16, 3], filters: [4, 8], blocks: [2, 1], bottleneck: true },
    batch: 4,
    samples: 8,
    optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 },
    head: 'softmax',
  },
};

/** By its name. */
export const findCase = (name: string): Case | undefined => cases[name] ?? gpuCases[name];

/** Steps of an epoch. */
export const stepsOf = ({ samples, batch }: Case): number => samples / batch;

/** mulberry32: a small generator, good enough for benchmark data. */
function generator(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A rule for more than this would take longer to follow than the training. */
const mostRuleWork = 1e9;

/** Random inputs with labels that a linear rule gives them, so that training has something to learn. */
export function makeData({ units, samples, head, autoencoder, transformer }: Case): {
  x: Float32Array | Int32Array;
  y: Float32Array | Int32Array;
} {
  const random = generator(1);
  const features = units[0] as number;
  const classes = head === 'softmax' ? (units[units.length - 1] as number) : 1;
  if (transformer !== undefined) return makeText(samples, features, classes, random);
  const x = new Float32Array(samples * features);
  for (let i = 0; i < x.length; i++) x[i] = random();
  if (autoencoder) return { x, y: x };
  if (samples * features * classes > mostRuleWork) {
    return { x, y: Int32Array.from({ length: samples }, () => Math.floor(random() * classes)) };
  }
  const w = Float32Array.from({ length: features * classes }, () => random() - 0.5);
  const scores = (i: number, c: number): number => {
    let sum = 0;
    for (let f = 0; f < features; f++) sum += ((x[i * features + f] as number) - 0.5) * (w[f * classes + c] as number);
    return sum;
  };
  if (classes === 1) return { x, y: Float32Array.from({ length: samples }, (_, i) => (scores(i, 0) > 0 ? 1 : 0)) };
  const y = Int32Array.from({ length: samples }, (_, i) => {
    const all = Array.from({ length: classes }, (_, c) => scores(i, c));
    return all.indexOf(Math.max(...all));
  });
  return { x, y };
}

/** Sequences of a language in which half of the symbols follow from the one before, and the same one symbol later. */
function makeText(samples: number, context: number, symbols: number, random: () => number) {
  let last = 0;
  const text = Int32Array.from({ length: samples * context + 1 }, () => {
    last = random() < 0.5 ? (3 * last + 1) % symbols : Math.floor(random() * symbols);
    return last;
  });
  return { x: text.slice(0, -1), y: text.slice(1) };
}
