import { createInterface } from 'node:readline';
import { type Operation, operationModel, operations } from '../operations.js';

/**
 * A worker that trains models of one operation, for operation-table.ts.
 *
 * It prints `{"framework", "operations"}`, the second being their names; then answers each line `{"operation", "seconds"}` with the
 * median of its steps, `{"ms"}`. operations_worker.py does the same.
 */

/** Of a fit, which copies the data once and says when it is done. */
const [batches, epochs] = [2, 10];
const steps = batches * epochs;

type Step = () => Promise<void>;

function prepare({ shape, batch, ...operation }: Operation): Step {
  const samples = batches * batch;
  const size = shape.reduce((a, b) => a * b, 1);
  const x = Float32Array.from({ length: samples * size }, (_, i) => ((i * 2654435761) % 4096) / 4096 - 0.5);
  const y = new Float32Array(samples);
  const model = operationModel({ shape, batch, ...operation });
  return async () => {
    await model.fit(x, y, { epochs, batchSize: batch, shuffle: false, verbose: 0 });
  };
}

const say = (answer: object): void => {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
};

async function serve(): Promise<void> {
  say({ framework: 'steepest', operations: Object.keys(operations) });
  const prepared = new Map<string, Step>();
  for await (const line of createInterface({ input: process.stdin })) {
    const { operation, seconds } = JSON.parse(line) as { operation: string; seconds: number };
    const step = prepared.get(operation) ?? prepare(operations[operation] as Operation);
    if (!prepared.has(operation)) await step(); // compiles it
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
    say({ ms: times[times.length >> 1] });
  }
}

serve().catch((error: Error) => say({ error: error.message }));
