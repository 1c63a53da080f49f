import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** The boxes of results, for which maps are made while `body` runs, of which the device copies to memory: bytes of a number and columns. */
export async function resultBoxes(body: () => unknown): Promise<string[]> {
  const file = path.join(folder, 'boxes');
  writeFileSync(file, '');
  await setEnvironment({ STEEPEST_EMULATED_BOXES: file });
  await body();
  await setEnvironment({ STEEPEST_EMULATED_BOXES: '' });
  const rows = ' 16 1';
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line.endsWith(rows)).map((line) => line.slice(0, -rows.length));
}

/** Runs `body` with this kernel wanted for products; the names of the kernels that were launched. */
export async function launched(kernel: string, body: () => void): Promise<Set<string>> {
  trace.clear();
  await setEnvironment({ STEEPEST_CUDA_PRODUCTS: kernel, STEEPEST_EMULATED_TRACE: trace.file });
  body();
  return new Set(trace.names());
}
