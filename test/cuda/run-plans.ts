import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { widenBfloat16 } from '../../lib/ir/bfloat16';

import { emulated } from './device';
import type { DType, HandPlan } from './random-plans';

const root = path.join(__dirname, '..', '..');

/** Runs plans on a device in a process of its own, whose environment says how. */
export function results(
  plans: readonly HandPlan[],
  device: string,
  env: Record<string, string> = {},
): (Float32Array | Int32Array | Uint8Array)[][] {
  const script = `
    const addon = require(${JSON.stringify(path.join(root, 'build/Release/steepest.node'))});
    const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, int8: Int8Array, bfloat16: Uint16Array };
    const { plans, feeds } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    const pools = feeds.map((set) => set.map((text, i) => {
      const { buffer, byteOffset, length } = Buffer.from(text, 'base64');
      return new (Object.values(arrays)[i])(buffer.slice(byteOffset, byteOffset + length));
    }));
    const all = plans.map(({ words, pool, lengths, fetches }) => {
      const session = new addon.Session(0, ${JSON.stringify(device)});
      const targets = fetches.map(({ dtype, size }) => new arrays[dtype](size));
      session.runSync(session.addPlan(Uint32Array.from(words)), pools[pool].map((feed, i) => feed.subarray(0, lengths[i])), targets);
      session.dispose();
      return targets.map((t) => Buffer.from(t.buffer).toString('base64'));
    });
    process.stdout.write(JSON.stringify(all));`;
  const sets = [...new Set(plans.map(({ feeds }) => feeds))];
  const input = JSON.stringify({
    plans: plans.map(({ words, feeds, lengths, fetches }) => ({
      ...{ words: [...words], pool: sets.indexOf(feeds), lengths, fetches },
    })),
    feeds: sets.map((set) => set.map((a) => Buffer.from(a.buffer).toString('base64'))),
  });
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', script], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated, ...env },
  });
  if (status !== 0) throw new Error(stderr);
  const arrays = {
    float32: Float32Array,
    int32: Int32Array,
    bool: Uint8Array,
    int8: Uint8Array,
    bfloat16: Uint16Array,
  };
  return (JSON.parse(stdout) as string[][]).map((texts, p) =>
    texts.map((text, i) => {
      const raw = new Uint8Array(Buffer.from(text, 'base64'));
      const values = new arrays[plans[p].fetches[i].dtype as DType](raw.buffer);
      return values instanceof Uint16Array ? widenBfloat16(values) : values;
    }),
  );
}
