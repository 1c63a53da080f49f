// The slowest instructions of the training step of each case, measured one by one on STEEPEST_DEVICE.
//
//   node out/bench/gpu/profile.js CASE[,CASE...] [PRECISION] [STEPS]
import type { Precision } from 'steepest';
import { findCase, makeData } from '../cases.js';
import { trainable } from '../model.js';

const [names = '', precision = 'float32', steps = '3'] = process.argv.slice(2);

const rounded = (x: number): number => Number(x.toPrecision(4));

async function profile(name: string): Promise<object> {
  const spec = findCase(name);
  if (spec === undefined) throw new Error(`there is no case ${name}`);
  const { x, y } = makeData(spec);
  const model = trainable(spec, precision as Precision);
  const { stepSeconds, kernels } = await model.profile(x, y, {
    batchSize: spec.batch,
    steps: Number(steps),
    warmup: 1,
  });
  const slowest = [...kernels].sort((a, b) => b.seconds - a.seconds).slice(0, 12);
  return {
    case: name,
    precision,
    step_us: rounded(stepSeconds * 1e6),
    instructions: slowest.map(({ operation, shapes, seconds, calls, flops, bytes }) => ({
      operation,
      shapes,
      us_per_call: rounded((seconds / calls) * 1e6),
      gflop_per_s: rounded(flops / seconds / 1e9),
      gbytes_per_s: rounded(bytes / seconds / 1e9),
    })),
  };
}

async function main(): Promise<void> {
  for (const name of names.split(',')) {
    const result = await profile(name).catch((error: Error) => {
      process.exitCode = 1;
      return { case: name, precision, error: error.message };
    });
    console.log(JSON.stringify(result));
  }
}

main();
