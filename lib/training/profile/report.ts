import { inspect } from 'node:util';
import type { MachineLimits } from '../../runtime/addon.js';
import { table } from '../table.js';
import type { KernelProfile, ProfileTotals } from './kernels.js';
import type { ProfileMode } from './options.js';

/** Kernels of a layer or of a family of operations. */
export interface ProfileGroup extends ProfileTotals {
  readonly name: string;
}

/** What a report is made of. */
export interface ProfileParts {
  readonly mode: ProfileMode;
  readonly batchSize: number;
  readonly stepTimes: readonly number[];
  readonly kernels: readonly KernelProfile[];
  readonly limits: MachineLimits;
  readonly trace: string | undefined;
}

/**
 * Where the time of a step goes; made by `model.profile`. As text, or shown by `console.log`, it is a table.
 *
 * Times are means over the steps. The kernels' shares and that of `overhead` add up to 1.
 *
 * @example
 * const report = await model.profile(x, y, { batchSize: 128 });
 * console.log(`${report}`);
 * const slowest = report.kernels[0];
 * console.log(slowest.operation, slowest.layers, slowest.seconds, slowest.flops / slowest.seconds);
 */
export class Profile {
  readonly mode: ProfileMode;
  /** Samples in a step. */
  readonly batchSize: number;
  /** Steps that were measured. */
  readonly steps: number;
  /** Seconds of each step. */
  readonly stepTimes: readonly number[];
  /** Seconds of a step, the mean. */
  readonly stepSeconds: number;
  /** Every instruction of the step's plan, the slowest first. */
  readonly kernels: readonly KernelProfile[];
  /** Kernels by their main layer, forward and backward apart, the slowest first. */
  readonly layers: readonly ProfileGroup[];
  /** Kernels by family of operations, the slowest first. */
  readonly families: readonly ProfileGroup[];
  /** The part of a step that no kernel accounts for: the loop over steps, looking after the state. */
  readonly overhead: { readonly seconds: number; readonly share: number };
  /** All kernels. */
  readonly total: ProfileTotals;
  /** What the machine can do at most: measured, so an estimate. */
  readonly limits: MachineLimits;
  /** The file with the events, when there is one. */
  readonly trace: string | undefined;

  constructor({ mode, batchSize, stepTimes, kernels, limits, trace }: ProfileParts) {
    this.mode = mode;
    this.batchSize = batchSize;
    this.steps = stepTimes.length;
    this.stepTimes = stepTimes;
    this.stepSeconds = stepTimes.reduce((a, b) => a + b, 0) / stepTimes.length;
    this.kernels = slowestFirst(kernels);
    this.layers = groups(kernels, ({ layers }) => layers[0] as string);
    this.families = groups(kernels, ({ family }) => family);
    this.total = sumOf(kernels);
    const seconds = Math.max(0, this.stepSeconds - this.total.seconds);
    this.overhead = { seconds, share: seconds / this.stepSeconds };
    this.limits = limits;
    this.trace = trace;
  }

  /**
   * The report as text.
   *
   * @param rows of each table, the slowest; the others are one row. Default: 20
   */
  table(rows = 20): string {
    const [step, median] = [this.stepSeconds, medianOf(this.stepTimes)].map(formatTime);
    const perSecond = Math.round(this.batchSize / this.stepSeconds).toLocaleString('en-US');
    return [
      `${this.mode}, batches of ${this.batchSize}: ${step} per step (median ${median} of ${this.steps}), ` +
        `${perSecond} samples/s, ${giga(this.total.flops / this.stepSeconds)} GFLOP/s`,
      formatLimits(this.limits),
      '',
      ...this.#groupTable('Layer', this.layers, rows),
      '',
      ...this.#groupTable('Operation', this.families, rows),
      '',
      ...this.#kernelTable(rows),
    ].join('\n');
  }

  toString(): string {
    return this.table();
  }

  [inspect.custom](): string {
    return this.toString();
  }

  #kernelTable(rows: number): string[] {
    const { shown, rest } = split(this.kernels, rows);
    const lines = shown.map((k) => [k.id, k.operation, ...cells(k), formatLayers(k.layers), k.shapes]);
    if (rest !== undefined) lines.push(['', `${this.kernels.length - shown.length} more`, ...cells(rest), '', '']);
    lines.push(['', 'no kernel', ...overheadCells(this.overhead), '', '']);
    return table(['#', 'Kernel', ...columns, 'Layer', 'Shapes'], lines, [0, 2, 3, 4, 5, 6, 7]);
  }

  #groupTable(title: string, list: readonly ProfileGroup[], rows: number): string[] {
    const { shown, rest } = split(list, rows);
    const lines = shown.map((g) => [g.name, ...cells(g)]);
    if (rest !== undefined) lines.push([`${list.length - shown.length} more`, ...cells(rest)]);
    lines.push(['no kernel', ...overheadCells(this.overhead)]);
    return table([title, ...columns], lines, [1, 2, 3, 4, 5, 6]);
  }
}

const columns = ['Time', 'Share', 'Calls', 'GFLOP/s', 'GB/s', 'Of limit'];

const slowestFirst = <T extends ProfileTotals>(list: readonly T[]): T[] =>
  [...list].sort((a, b) => b.seconds - a.seconds);

const sumOf = (list: readonly ProfileTotals[]): ProfileTotals => {
  const sum = (key: keyof ProfileTotals): number => list.reduce((total, item) => total + item[key], 0);
  return {
    seconds: sum('seconds'),
    share: sum('share'),
    calls: sum('calls'),
    flops: sum('flops'),
    bytes: sum('bytes'),
    limitSeconds: sum('limitSeconds'),
  };
};

function groups(kernels: readonly KernelProfile[], nameOf: (kernel: KernelProfile) => string): ProfileGroup[] {
  const members = new Map<string, KernelProfile[]>();
  for (const kernel of kernels) {
    const list = members.get(nameOf(kernel));
    if (list === undefined) members.set(nameOf(kernel), [kernel]);
    else list.push(kernel);
  }
  return slowestFirst([...members].map(([name, list]) => ({ name, ...sumOf(list) })));
}

/** The first rows, and the sum of the others. */
function split<T extends ProfileTotals>(list: readonly T[], rows: number) {
  const shown = list.length <= rows + 1 ? list : list.slice(0, rows);
  return { shown, rest: shown.length < list.length ? sumOf(list.slice(shown.length)) : undefined };
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}

function formatTime(seconds: number): string {
  if (seconds >= 1) return `${seconds.toFixed(3)} s`;
  return seconds >= 1e-3 ? `${(seconds * 1e3).toFixed(3)} ms` : `${(seconds * 1e6).toFixed(2)} us`;
}

const giga = (perSecond: number): string => (perSecond / 1e9).toFixed(perSecond < 9.95e9 ? 2 : 1);
const percent = (part: number): string => `${(part * 100).toFixed(1)}%`;
const rate = (amount: number, seconds: number): string => (amount === 0 || seconds === 0 ? '' : giga(amount / seconds));
const formatBytes = (bytes: number): string =>
  bytes < 1 << 20 ? `${Math.round(bytes / 1024)} KB` : `${Math.round(bytes / (1 << 20))} MB`;

function cells({ seconds, share, calls, flops, bytes, limitSeconds }: ProfileTotals): string[] {
  // a loss is made by the kernel of its gradient
  const isElsewhere = limitSeconds > 2 * seconds;
  const ofLimit = limitSeconds === 0 ? '' : `${Math.round((limitSeconds / seconds) * 100)}%`;
  const rates = isElsewhere ? ['', '', ''] : [rate(flops, seconds), rate(bytes, seconds), ofLimit];
  return [formatTime(seconds), percent(share), `${calls}`, ...rates];
}

const overheadCells = ({ seconds, share }: Profile['overhead']): string[] => [
  ...[formatTime(seconds), percent(share)],
  ...['', '', '', ''],
];

const formatLayers = (layers: readonly string[]): string =>
  layers.length <= 3 ? layers.join(' + ') : `${layers.slice(0, 2).join(' + ')} + ${layers.length - 2} more`;

function formatLimits({ threads, flops, bandwidth }: MachineLimits): string {
  const levels = bandwidth.map((l) => `${giga(Math.max(l.read, l.triad))} GB/s (${formatBytes(l.bytes)})`);
  return `limits of ${threads} thread${threads === 1 ? '' : 's'}: ${giga(flops)} GFLOP/s; ${levels.join(', ')}`;
}
