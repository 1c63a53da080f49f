import { layers, optimizers, sequential, setThreads } from 'steepest';
import { type Case, cases, makeData } from '../cases.js';
import { serve } from './protocol.js';

// node steepest.js CASE [THREADS]
const [name = '', threads] = process.argv.slice(2);
const spec = cases[name] as Case;
if (threads !== undefined) setThreads(Number(threads));

const { units, head, optimizer, batch } = spec;
const model = sequential(
  units.slice(1).map((n, i) =>
    layers.dense({
      units: n,
      activation: i < units.length - 2 ? 'relu' : head,
      ...(i === 0 ? { inputShape: [units[0] as number] } : {}),
    }),
  ),
);
model.compile({
  optimizer: optimizers[optimizer.name]({ learningRate: optimizer.learningRate }),
  loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
});
const { x, y } = makeData(spec);
serve(`steepest${threads === undefined ? '' : `-${threads}t`}`, async (epochs) => {
  const history = await model.fit(x, y, { epochs, batchSize: batch, verbose: 0 });
  return history.history.loss?.at(-1) ?? Number.NaN;
});
