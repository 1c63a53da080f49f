// What ptxas says of PTX that was written, where there is one.
import { spawnSync } from 'node:child_process';

export const hasPtxas = spawnSync('ptxas', ['--version']).status === 0;

/** A file with this text is assembled for two GPUs that can run it, without memory for registers. */
export function expectAssembled(file: string, text: string): void {
  for (const arch of text.includes('.target sm_90') ? ['sm_90a', 'sm_120'] : ['sm_80', 'sm_90a']) {
    const { stderr, status } = spawnSync('ptxas', ['-v', `-arch=${arch}`, file, '-o', '/dev/null'], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, expect.stringContaining(' 0 bytes spill stores')]);
  }
}
