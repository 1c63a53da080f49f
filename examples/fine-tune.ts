// Transfer: a network that has seen many digits from 0 to 4 learns 5 to 9 from a few, and beats one that starts from nothing.
import { parseArgs } from 'node:util';
import { type ImageSet, layers, loadMnist, type Model, sequential } from 'steepest';

/** Five classes; convolutions find what strokes there are, dense layers say what digit they make. */
const network = (): Model =>
  sequential([
    layers.reshape({ targetShape: [28, 28, 1], inputShape: [784] }),
    layers.conv2d({ filters: 16, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 64, activation: 'relu' }),
    layers.dense({ units: 5, activation: 'softmax' }),
  ]);

/** The images of the digits `first` to `first + 4`, at most `perDigit` of each, with labels from 0. */
function digitsFrom(first: number, { x, y }: ImageSet, perDigit = Number.POSITIVE_INFINITY) {
  const seen = new Map<number, number>();
  const chosen = [...y.keys()].filter((i) => {
    const count = (seen.get(y[i]) ?? 0) + 1;
    seen.set(y[i], count);
    return y[i] >= first && y[i] < first + 5 && count <= perDigit;
  });
  const images = new Float32Array(784 * chosen.length);
  chosen.forEach((i, row) => {
    images.set(x.subarray(784 * i, 784 * (i + 1)), 784 * row);
  });
  return { x: images, y: Int32Array.from(chosen, (i) => y[i] - first) };
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '2' },
      /** How many images of each digit from 0 to 4 there are to learn from. */
      limit: { type: 'string', default: '10000' },
      /** How many of each digit from 5 to 9. */
      few: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
    },
  });
  const { train, test } = await loadMnist();
  const [low, lowTest] = [digitsFrom(0, train, Number(values.limit)), digitsFrom(0, test)];
  const [high, highTest] = [digitsFrom(5, train, Number(values.few)), digitsFrom(5, test)];
  const compile = (net: Model) =>
    net.compile({
      optimizer: 'adam',
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      seed: Number(values.seed),
    });
  const report = async (what: string, net: Model, { x, y }: typeof low) => {
    const { accuracy } = await net.evaluate(x, y, { batchSize: 1000 });
    console.log(`${what}: test accuracy ${(100 * accuracy).toFixed(2)} %`);
  };

  const experienced = network();
  compile(experienced);
  await experienced.fit(low.x, low.y, { epochs: Number(values.epochs), batchSize: 64, verbose: 1 });
  await report(`0 to 4, from ${low.y.length} images`, experienced, lowTest);

  // What the convolutions find is kept. The layers behind them learn what it means now, from where they are.
  for (const layer of experienced.layers) layer.trainable = layer.kind !== 'conv2d';
  const beginner = network();
  for (const [what, net] of Object.entries({ 'fine-tuned': experienced, 'from scratch': beginner })) {
    compile(net); // keeps the weights that there are
    await net.fit(high.x, high.y, { epochs: 60, batchSize: 10, verbose: 0 });
    await report(`5 to 9, from ${high.y.length} images, ${what}`, net, highTest);
  }
}

main();
