import type { NativeProfile } from '../../runtime/addon.js';
import type { KernelProfile } from './kernels.js';

interface Event {
  /** Number of the instruction, or -1 for a step. */
  readonly what: number;
  /** 0: the session's thread; i + 1: a chunk on thread i of the pool. */
  readonly track: number;
  readonly begin: number;
  readonly end: number;
}

function readEvents({ events }: NativeProfile): Event[] {
  return Array.from({ length: events.length / 4 }, (_, i) => {
    const [what = 0, track = 0, begin = 0, end = 0] = events.subarray(4 * i, 4 * i + 4);
    return { what, track, begin, end };
  });
}

/**
 * Events as Perfetto and chrome://tracing read them ("Trace Event Format", Google, 2016): 'X' events with begin and
 * duration in microseconds. Steps, kernels and the chunks that the session's own thread runs lie in each other on track 0;
 * the chunks of other threads have a track for each thread.
 *
 * @param kernels in the order of the plan
 */
export function chromeTrace(kernels: readonly KernelProfile[], profile: NativeProfile): string {
  const events = readEvents(profile);
  const first = events.reduce((least, { begin }) => Math.min(least, begin), Number.POSITIVE_INFINITY);
  const threadOf = ({ track }: Event): number => Math.max(0, track - 1);
  let step = 0;
  const spans = events.map((event) => ({
    ...(event.what < 0
      ? { name: `step ${step++}`, cat: 'step' }
      : describe(kernels[event.what] as KernelProfile, event)),
    ph: 'X',
    pid: 1,
    tid: threadOf(event),
    ts: (event.begin - first) / 1e3,
    dur: (event.end - event.begin) / 1e3,
  }));
  const names = [...new Set(events.map(threadOf))].sort().map((tid) => ({
    ...{ name: 'thread_name', ph: 'M', pid: 1, tid },
    args: { name: tid === 0 ? 'session' : `pool thread ${tid}` },
  }));
  const lines = [...names, ...spans].map((event) => JSON.stringify(event));
  const other = JSON.stringify({ eventsLost: profile.eventsLost });
  return `{"displayTimeUnit":"ns","otherData":${other},"traceEvents":[\n${lines.join(',\n')}\n]}\n`;
}

function describe({ id, operation, layers, shapes }: KernelProfile, { track }: Event) {
  if (track > 0) return { name: `${operation} chunk`, cat: 'chunk', args: { id } };
  return { name: `${operation} ${layers[0]}`, cat: 'kernel', args: { id, layers: layers.join(' + '), shapes } };
}
