import { type Operation, operationData, operationModel } from '../operation-model.js';
import { operations } from '../operations.js';
import { serve } from './protocol.js';

/**
 * A worker that trains models of one operation, for operation-table.ts.
 *
 * It prints `{"framework"}`; then answers each line `{"operation", "seconds"}` with the median of its steps, `{"ms"}`.
 * operations_worker.py does the same.
 */

/** Of a fit, which copies the data once and says when it is done. */
const [batches, epochs] = [2, 10];
const steps = batches * epochs;

type Step = () => Promise<void>;

async function prepare(operation: Operation): Promise<Step> {
  const { batch: batchSize } = operation;
  const { x, y } = operationData(operation, batches * batchSize);
  const model = operationModel(operation);
  const step = async () => {
    await model.fit(x, y, { epochs, batchSize, shuffle: false, verbose: 0 });
  };
  await step(); // compiles it
  return step;
}

const prepared = new Map<string, Step>();

serve('steepest', async ({ operation, seconds }: { operation: string; seconds: number }) => {
  const step = prepared.get(operation) ?? (await prepare(operations[operation] as Operation));
  prepared.set(operation, step);
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  for (let now = performance.now(); now < end || times.length < 3; ) {
    await step();
    const after = performance.now();
    times.push((after - now) / steps);
    now = after;
  }
  times.sort((a, b) => a - b);
  return { ms: times[times.length >> 1] };
});
