import { type Model, optimizers, setThreads } from 'steepest';
import { type Case, cases, makeData } from '../cases.js';
import { buildModel } from '../model.js';
import { gpt } from './gpt.js';
import { serve } from './protocol.js';

// node steepest.js CASE [THREADS]
const [name = '', threads] = process.argv.slice(2);
const spec = cases[name] as Case;
if (threads !== undefined) setThreads(Number(threads));

const { batch } = spec;
const model = build();
const { x, y } = makeData(spec);
serve(`steepest${threads === undefined ? '' : `-${threads}t`}`, async (epochs) => {
  const history = await model.fit(x, y, { epochs, batchSize: batch, verbose: 0 });
  return history.history.loss?.at(-1) ?? Number.NaN;
});

function build(): Model {
  const { units, head, optimizer, transformer } = spec;
  if (transformer !== undefined) {
    const [context, vocabulary] = units as [number, number];
    return gpt({ context, vocabulary, ...transformer }, optimizer.learningRate);
  }
  const net = buildModel(spec);
  net.compile({
    optimizer: optimizers[optimizer.name]({ learningRate: optimizer.learningRate }),
    loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
  });
  return net;
}
