// The operations that are timed alone: both frameworks have the same ones, and they can be trained.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { operationModel, operations } from '../../bench/operations';

test('PyTorch has the same ones', () => {
  const worker = readFileSync(path.join(__dirname, '..', '..', 'bench', 'workers', 'operations_worker.py'), 'utf8');
  const list = worker.slice(worker.indexOf('OPERATIONS = {'), worker.indexOf('\n}\n'));
  const names = [...list.matchAll(/^ {4}'([^']+)': /gm)].map(([, name]) => name);
  expect(names).toEqual(Object.keys(operations));
});

test.each(Object.keys(operations))('%s learns a step', async (name) => {
  const operation = operations[name] as (typeof operations)[string];
  const size = operation.shape.reduce((a, b) => a * b, 1);
  const x = Float32Array.from({ length: 2 * size }, (_, i) => ((i * 2654435761) % 4096) / 4096 - 0.5);
  const model = operationModel(operation);
  const { history } = await model.fit(x, new Float32Array(2), { batchSize: 2, epochs: 1, verbose: 0 });
  const loss = history.loss?.[0] as number;
  expect(Number.isFinite(loss) && loss >= 0).toBe(true);
  model.dispose();
});
