import type { Tensor } from 'steepest';
import { type Case, cases } from '../cases.js';
import { buildModel } from '../model.js';
import { rowsOf, servePredictions } from './predictor.js';

// node predict_steepest.js CASE WEIGHTS_FILE
const [name = '', file = ''] = process.argv.slice(2);
const spec = cases[name] as Case;
const features = spec.units[0] as number;
const x = rowsOf(features);
const model = buildModel(spec);

model
  .loadWeights(file)
  .then(() =>
    servePredictions('steepest', (rows, batch) =>
      rows === batch
        ? model.predictSync(x.subarray(0, rows * features))
        : model
            .predict(x.subarray(0, rows * features), { batchSize: batch })
            .then((y) => (y as Tensor).data as Float32Array),
    ),
  )
  .catch((error: Error) => process.stdout.write(`${JSON.stringify({ error: error.message })}\n`));
