// What starting costs on STEEPEST_DEVICE: loading the library and the addon, opening the device, and the first step.
import type * as Library from 'steepest';

async function main(): Promise<void> {
  const began = performance.now();
  const { devices, layers, sequential } = require('steepest') as typeof Library;
  const required = performance.now();
  const list = devices();
  const listed = performance.now();
  const model = sequential([layers.dense({ units: 8, inputShape: [8] })]);
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  const opened = performance.now();
  const x = new Float32Array(64);
  await model.fit(x, x, { epochs: 1, batchSize: 8, verbose: 0 });
  const trained = performance.now();
  const ms = (from: number, to: number): number => Number((to - from).toFixed(2));
  console.log(
    JSON.stringify({
      devices: list.map(({ name, description }) => `${name}: ${description}`),
      require_ms: ms(began, required),
      addon_and_driver_ms: ms(required, listed),
      compile_and_kernels_ms: ms(listed, opened),
      first_epoch_ms: ms(opened, trained),
    }),
  );
}

main();
