import { type Precision, setThreads } from 'steepest';
import { type Case, findCase, makeData } from '../cases.js';
import { trainable } from '../model.js';
import { serveTraining } from './protocol.js';

// node steepest.js CASE [PRECISION [THREADS]]; on the device that STEEPEST_DEVICE names
const [name = '', precision = 'float32', threads] = process.argv.slice(2);
const spec = findCase(name) as Case;
if (threads !== undefined) setThreads(Number(threads));

const { batch } = spec;
const model = trainable(spec, precision as Precision);
const { x, y } = makeData(spec);
const variant = [precision === 'float32' ? '' : '-bf16', threads === undefined ? '' : `-${threads}t`].join('');
serveTraining(`steepest${variant}`, async (epochs) => {
  const history = await model.fit(x, y, { epochs, batchSize: batch, verbose: 0 });
  return history.history.loss?.at(-1) ?? Number.NaN;
});
