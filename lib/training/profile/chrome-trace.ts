import { replaceFile } from '../../io/files.js';
import type { NativeProfile } from '../../runtime/addon.js';
import type { KernelProfile } from './kernels.js';

/**
 * Events as Perfetto and chrome://tracing read them ("Trace Event Format", Google, 2016): 'X' events with begin and
 * duration in microseconds. Steps, kernels and the chunks that the session's own thread runs lie in each other on track 0;
 * the chunks of other threads have a track for each thread.
 */
export function chromeTrace(kernels: readonly KernelProfile[], profile: NativeProfile): string {
  const { events } = profile;
  const lines: string[] = [];
  const tracks = new Set<number>();
  let step = 0;
  const first = events.reduce((least, value, i) => (i % 4 === 2 ? Math.min(least, value) : least), Number.POSITIVE_INFINITY); // biome-ignore format: one expression
  for (let i = 0; i < events.length; i += 4) {
    const [what, track, begin, end] = events.subarray(i, i + 4) as unknown as [number, number, number, number];
    const tid = Math.max(0, track - 1);
    tracks.add(tid);
    const times = { ph: 'X', pid: 1, tid, ts: (begin - first) / 1e3, dur: (end - begin) / 1e3 };
    lines.push(JSON.stringify({ ...(what < 0 ? { name: `step ${step++}`, cat: 'step' } : describe(kernels[what] as KernelProfile, track)), ...times })); // biome-ignore format: one line
  }
  const names = [...tracks].sort((a, b) => a - b).map((tid) => JSON.stringify({ name: 'thread_name', ph: 'M', pid: 1, tid, args: { name: tid === 0 ? 'session' : `pool ${tid}` } })); // biome-ignore format: one line
  const other = JSON.stringify({ eventsLost: profile.eventsLost });
  return `{"displayTimeUnit":"ns","otherData":${other},"traceEvents":[\n${[...names, ...lines].join(',\n')}\n]}\n`;
}

function describe({ id, operation, layers, shapes }: KernelProfile, track: number) {
  if (track > 0) return { name: `${operation} chunk`, cat: 'chunk', args: { id } };
  return { name: `${operation} ${layers[0]}`, cat: 'kernel', args: { id, layers: layers.join(' + '), shapes } };
}

/** @throws Error when the file cannot be written */
export async function writeChromeTrace(file: string, text: string): Promise<void> {
  await replaceFile(file, [Buffer.from(text)]);
}
