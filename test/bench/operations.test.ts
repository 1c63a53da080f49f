// The operations that are timed alone: both frameworks have the same ones, and they can be trained.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { operationData, operationModel } from '../../bench/operation-model';
import { operations } from '../../bench/operations';

test('PyTorch has the same ones', () => {
  const worker = readFileSync(path.join(__dirname, '..', '..', 'bench', 'workers', 'operations_worker.py'), 'utf8');
  const list = worker.slice(worker.indexOf('OPERATIONS = {'), worker.indexOf('\n}\n'));
  const names = [...list.matchAll(/^ {4}'([^']+)': /gm)].map(([, name]) => name);
  expect(names).toEqual(Object.keys(operations));
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
