import type { Tensor } from 'steepest';
import { type Case, cases } from '../cases.js';
import { buildModel } from '../model.js';
import { rowsOf, servePredictions } from './predictor.js';

// node predict_steepest.js CASE WEIGHTS_FILE [async]: by predictSync, as others predict, or by predict, which copies the rows first
const [name = '', file = '', way = 'sync'] = process.argv.slice(2);
const spec = cases[name] as Case;
const features = spec.units[0] as number;
const x = rowsOf(features);
const model = buildModel(spec);

function predictSync(rows: number, batch: number): Float32Array {
  let last: Float32Array = new Float32Array();
  for (let row = 0; row < rows; row += batch) {
    last = model.predictSync(x.subarray(row * features, Math.min(row + batch, rows) * features));
  }
  return last;
}

async function predict(rows: number, batch: number): Promise<Float32Array> {
  // all at once: as many at a time as the library finds best
  const y = (await model.predict(x.subarray(0, rows * features), rows === batch ? {} : { batchSize: batch })) as Tensor;
  return y.data as Float32Array;
}

model
  .loadWeights(file)
  .then(() =>
    way === 'sync' ? servePredictions('steepest', predictSync) : servePredictions('steepest-async', predict),
  )
  .catch((error: Error) => process.stdout.write(`${JSON.stringify({ error: error.message })}\n`));
