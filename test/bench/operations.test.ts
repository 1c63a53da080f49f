// The operations and networks that are timed beside PyTorch: both frameworks have the same ones, and they can be trained.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { operationData, operationModel } from '../../bench/operation-model';
import { operations } from '../../bench/operations';

/** The keys of a table in a Python file of the bench. */
function keysOf(file: string, table: string): string[] {
  const text = readFileSync(path.join(__dirname, '..', '..', 'bench', 'workers', file), 'utf8');
  const list = text.slice(text.indexOf(`${table} = {`));
  return [...list.slice(0, list.indexOf('\n}\n')).matchAll(/^ {4}'([^']+)': /gm)].map(([, name]) => name);
}

test('PyTorch has the same ones', () => {
  const networks = keysOf('networks.py', 'NETWORKS');
  expect(networks.length).toBeGreaterThan(10);
  expect([...keysOf('operations_worker.py', 'OPERATIONS'), ...networks]).toEqual(Object.keys(operations));
});

test.each(Object.keys(operations))('%s learns a step', async (name) => {
  const operation = operations[name] as (typeof operations)[string];
  const { x, y } = operationData(operation, 2);
  const model = operationModel(operation);
  const { history } = await model.fit(x, y, { batchSize: 2, epochs: 1, verbose: 0 });
  const loss = history.loss?.[0] as number;
  // a cosine similarity and a divergence from what is no distribution may be negative
  expect(Number.isFinite(loss) && (loss >= 0 || operation.loss !== undefined)).toBe(true);
  model.dispose();
});
