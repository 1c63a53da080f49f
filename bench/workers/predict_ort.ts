import { createRequire } from 'node:module';
import path from 'node:path';
import { type Case, cases } from '../cases.js';
import { rowsOf, servePredictions } from './predictor.js';

// node predict_ort.js CASE ONNX_FILE PEERS_FOLDER: onnxruntime-node
const [name = '', file = '', folder = ''] = process.argv.slice(2);
const { units, image } = cases[name] as Case;
// biome-ignore lint/suspicious/noExplicitAny: the peer is not a dependency, so its types are not here
const ort: any = createRequire(path.join(folder, 'index.js'))('onnxruntime-node');
const features = units[0] as number;
const x = rowsOf(features);
const shape = image === undefined ? [features] : [image.shape[2], image.shape[0], image.shape[1]];

async function main(): Promise<void> {
  const session = await ort.InferenceSession.create(file);
  const run = async (from: number, rows: number): Promise<Float32Array> => {
    const part = x.subarray(from * features, (from + rows) * features);
    return (await session.run({ x: new ort.Tensor('float32', part, [rows, ...shape]) })).y.data;
  };
  servePredictions('onnxruntime-node', async (rows, batch) => {
    let last = await run(0, Math.min(batch, rows));
    for (let row = batch; row < rows; row += batch) last = await run(row, Math.min(batch, rows - row));
    return last;
  });
}

main().catch((error: Error) => process.stdout.write(`${JSON.stringify({ error: error.message })}\n`));
