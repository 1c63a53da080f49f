// Two inputs of different kinds: is the digit in the image larger than the number beside it? Whoever sees only the image or
// only the number can be right in 75 % of all cases and no more; a model with both has to bring them together.
import { parseArgs } from 'node:util';
import { type ImageSet, input, layers, loadMnist, type Model, model, ops, optimizers } from 'steepest';

/** Puts a number from 0 to 9 beside each image; the answers follow from the images' labels. */
function questions({ x, y }: ImageSet, limit: number, seed: number) {
  const digits = y.subarray(0, limit);
  const number = ops.floor(ops.randomUniform([digits.length], 0, 10, { seed })).data as Float32Array;
  const answer = Float32Array.from(digits, (digit, i) => (digit > (number[i] as number) ? 1 : 0));
  return { inputs: { image: x.subarray(0, 784 * digits.length), number }, answer };
}

type Name = 'image' | 'number';

function comparison(names: readonly Name[]): Model {
  const dense = (units: number) => layers.dense({ units, activation: 'relu' });
  const sources = {
    image: input({ shape: [784], name: 'image' }),
    number: input({ shape: [1], name: 'number' }),
  };
  const features = {
    image: dense(32).apply(dense(128).apply(sources.image)),
    number: dense(32).apply(sources.number),
  };
  const seen = names.map((name) => features[name]);
  const joined = seen.length > 1 ? layers.concatenate().apply(seen) : (seen[0] as (typeof seen)[0]);
  const larger = layers.dense({ units: 1, activation: 'sigmoid' }).apply(dense(64).apply(joined));
  return model({ inputs: names.map((name) => sources[name]), outputs: larger });
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '10' },
      /** How many of the training images to use. */
      limit: { type: 'string', default: '60000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const seed = Number(values.seed);
  const mnist = await loadMnist();
  const train = questions(mnist.train, Number(values.limit), seed);
  const test = questions(mnist.test, mnist.test.count, seed + 1);

  for (const names of [['image'], ['number'], ['image', 'number']] as const) {
    const pick = ({ inputs }: typeof train) => names.map((name) => inputs[name]);
    const net = comparison(names);
    net.compile({
      optimizer: optimizers.adam({ learningRate: 1e-3 }),
      loss: 'binaryCrossentropy',
      metrics: ['accuracy'],
      seed,
    });
    await net.fit(pick(train), train.answer, { epochs: Number(values.epochs), batchSize: 128, verbose: 1 });
    const { accuracy } = await net.evaluate(pick(test), test.answer, { batchSize: 1000 });
    console.log(`Test accuracy ${(100 * accuracy).toFixed(2)} % with ${names.join(' and ')}`);
  }
}

main();
