import { type Model, optimizers, type Precision, setThreads } from 'steepest';
import { type Case, cases, makeData } from '../cases.js';
import { buildModel } from '../model.js';
import { gpt } from './gpt.js';
import { serve } from './protocol.js';

// node steepest.js CASE [PRECISION [THREADS]]
const [name = '', precision = 'float32', threads] = process.argv.slice(2);
const spec = cases[name] as Case;
if (threads !== undefined) setThreads(Number(threads));

const { batch } = spec;
const model = build();
const { x, y } = makeData(spec);
const variant = [precision === 'float32' ? '' : '-bf16', threads === undefined ? '' : `-${threads}t`].join('');
serve(`steepest${variant}`, async (epochs) => {
  const history = await model.fit(x, y, { epochs, batchSize: batch, verbose: 0 });
  return history.history.loss?.at(-1) ?? Number.NaN;
});

function build(): Model {
  const { units, head, optimizer, transformer } = spec;
  if (transformer !== undefined) {
    const [context, vocabulary] = units as [number, number];
    const sizes = { context, vocabulary, ...transformer };
    return gpt(sizes, { learningRate: optimizer.learningRate, precision: precision as Precision });
  }
  const { name: kind, ...settings } = optimizer;
  const net = buildModel(spec);
  net.compile({
    optimizer: optimizers[kind](settings),
    loss: head === 'sigmoid' ? 'binaryCrossentropy' : 'sparseCategoricalCrossentropy',
    precision: precision as Precision,
  });
  return net;
}
