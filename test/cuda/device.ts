import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';

/** Where the emulated driver is when it was built: on Linux. `scripts/sanitize.mjs` names one of its own. */
export const emulated =
  process.env.STEEPEST_CUDA_DRIVER ?? path.join(__dirname, '..', '..', 'build/Release/libcuda-emulated.so');

/** Where there is the emulated device, or a real one that STEEPEST_DEVICE names (bench/gpu/run.sh). */
export const onDevice =
  existsSync(emulated) || process.env.STEEPEST_DEVICE?.startsWith('cuda:') ? describe : describe.skip;

/** The sources of the emulated driver, for programs with kernels of their own. */
export function driverSources(): string[] {
  const folder = path.join(__dirname, 'emulated');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.cc') && !name.startsWith('check'))
    .map((name) => path.join(folder, name));
}

/** Sets variables of the process, which native code reads: in tests, `process.env` is a copy. */
export async function setEnvironment(variables: Record<string, string>): Promise<void> {
  const worker = new Worker('Object.assign(process.env, require("node:worker_threads").workerData)', {
    eval: true,
    env: SHARE_ENV,
    workerData: variables,
  });
  await once(worker, 'exit');
}
