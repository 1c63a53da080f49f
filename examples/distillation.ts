// Distillation: from the same few images, a small network learns more from a large one's answers than from the labels.
import { parseArgs } from 'node:util';
import { input, layers, loadMnist, losses, model, ops, sequential, type Tensor } from 'steepest';

/** Divides logits: the probabilities behind them become softer, and show which wrong digits are almost right. */
const temperature = 5;

async function main() {
  const { values } = parseArgs({
    options: {
      /** Of the teacher. One that is too sure of itself has less to tell. */
      epochs: { type: 'string', default: '5' },
      /** How many of the 60,000 images the teacher learns from. */
      limit: { type: 'string', default: '60000' },
      /** How many of those the students get. */
      few: { type: 'string', default: '2000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [epochs, seed] = [Number(values.epochs), Number(values.seed)];
  const { train, test } = await loadMnist();
  const first = (count: number) => [train.x.subarray(0, 784 * count), train.y.subarray(0, count)] as const;
  const hard = losses.sparseCategoricalCrossentropy({ fromLogits: true });

  const teacher = sequential([
    layers.dense({ units: 512, activation: 'relu', inputShape: [784] }),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 512, activation: 'relu' }),
    layers.dropout({ rate: 0.3 }),
    layers.dense({ units: 10 }),
  ]);
  teacher.compile({ optimizer: 'adam', loss: hard, metrics: ['accuracy'], seed });
  await teacher.fit(...first(Number(values.limit)), { epochs, batchSize: 128, verbose: 1 });
  const [x, y] = first(Number(values.few));
  const logits = (await teacher.predict(x, { batchSize: 1000 })) as Tensor;
  const soft = ops.softmax(ops.divide(logits, temperature));

  /** A network of 784-32-10, trained on the labels and, with a weight, on the teacher's probabilities. */
  const trainStudent = async (softWeight: number) => {
    const images = input({ shape: [784] });
    const hidden = layers.dense({ units: 32, activation: 'relu' }).apply(images);
    const answer = layers.dense({ units: 10, name: 'answer' }).apply(hidden);
    const softened = layers.lambda((t) => ops.divide(t, temperature), { name: 'softened' }).apply(answer);
    const student = model({ inputs: images, outputs: [answer, softened] });
    student.compile({
      optimizer: 'adam',
      loss: { answer: hard, softened: losses.categoricalCrossentropy({ fromLogits: true }) },
      // soft gradients are smaller by the square of the temperature (Hinton, Vinyals and Dean, 2015)
      lossWeights: { answer: 1 - softWeight, softened: softWeight * temperature ** 2 },
      metrics: { answer: ['accuracy'] },
      seed,
    });
    await student.fit(x, { answer: y, softened: soft }, { epochs: 60, batchSize: 32 });
    // the test set has no soft targets; they do not matter for the accuracy
    const none = new Float32Array(10 * test.count);
    const { answerAccuracy } = await student.evaluate(test.x, { answer: test.y, softened: none }, { batchSize: 1000 });
    return { accuracy: answerAccuracy, parameters: student.countParams() };
  };
  const alone = await trainStudent(0);
  const taught = await trainStudent(0.9);

  const { accuracy } = await teacher.evaluate(test.x, test.y, { batchSize: 1000 });
  const row = (name: string, parameters: number, correct: number) =>
    console.log(`${name.padEnd(16)} ${String(parameters).padStart(7)} parameters, test accuracy ${correct.toFixed(4)}`);
  row('Teacher', teacher.countParams(), accuracy);
  row('Student alone', alone.parameters, alone.accuracy);
  row('Student, taught', taught.parameters, taught.accuracy);
}

main();
