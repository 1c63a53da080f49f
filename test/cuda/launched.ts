import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { setEnvironment } from './device';

const folder = mkdtempSync(path.join(tmpdir(), 'steepest-launches-'));
/** Where the emulated driver writes what it launches. */
export const trace = {
  file: path.join(folder, 'kernels'),
  clear: () => rmSync(trace.file, { force: true }),
  names: (): string[] => readFileSync(trace.file, 'utf8').split('\n'),
};
afterAll(async () => {
  await setEnvironment({ STEEPEST_CUDA_PRODUCTS: '', STEEPEST_EMULATED_TRACE: '' });
  rmSync(folder, { recursive: true, force: true });
});

/** Runs `body` with this kernel wanted for products; the names of the kernels that were launched. */
export async function launched(kernel: string, body: () => void): Promise<Set<string>> {
  trace.clear();
  await setEnvironment({ STEEPEST_CUDA_PRODUCTS: kernel, STEEPEST_EMULATED_TRACE: trace.file });
  body();
  return new Set(trace.names());
}
