import { checkOptions } from '../layers/arguments.js';
import type { Callback, FitContext, Progress } from './callback.js';

/** The part of a stream that a progress bar needs. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressBarOptions {
  /** Where it is written. Default: process.stdout. */
  readonly stream?: ProgressStream;
  /** 'bar': one line that is drawn over and over; 'line': one line for each epoch. Default: 'bar' on a terminal. */
  readonly style?: 'bar' | 'line';
}

const barWidth = 20;
const redrawMilliseconds = 50;

/**
 * Shows how training goes: `Epoch 3/10 [=====>   ] 312/469 - 12,345 samples/s - ETA 3s - loss 0.1234 - accuracy 0.9612`.
 *
 * `fit` makes one by itself where its output is a terminal, see `verbose`.
 *
 * @throws Error when an option is not valid
 *
 * @example
 * await model.fit(x, y, { verbose: 0, callbacks: [callbacks.progressBar({ stream: process.stderr })] });
 */
export function progressBar(options: ProgressBarOptions = {}): Callback {
  checkOptions('progressBar', options, ['stream', 'style']);
  const stream = options.stream ?? process.stdout;
  const style = options.style ?? (stream.isTTY === true ? 'bar' : 'line');
  let drawn = 0;
  let lastEpoch = -1;
  return {
    onProgress(progress, context) {
      if (progress.ended) {
        if (progress.epoch === lastEpoch) return;
        lastEpoch = progress.epoch;
        stream.write(`${style === 'bar' ? clear(stream) : ''}${formatProgress(progress, context)}\n`);
      } else if (style === 'bar') {
        const now = performance.now();
        if (now - drawn < redrawMilliseconds) return;
        drawn = now;
        const line = formatProgress(progress, context);
        stream.write(clear(stream) + line.slice(0, (stream.columns ?? 80) - 1));
      }
    },
    onTrainBegin() {
      drawn = 0;
      lastEpoch = -1;
    },
  };
}

const clear = (stream: ProgressStream): string => (stream.isTTY === true ? '\r\u001b[2K' : '\r');

/** One line, without the line break. */
export function formatProgress(progress: Progress, context: Pick<FitContext, 'epochs' | 'steps' | 'samples'>): string {
  const { epoch, step, samplesPerSecond, logs, ended } = progress;
  const { epochs, steps, samples } = context;
  const filled = Math.floor((barWidth * step) / steps);
  const head = ended || filled >= barWidth ? '=' : '>';
  const bar = `${'='.repeat(Math.max(0, filled - 1))}${filled > 0 ? head : ''}`.padEnd(barWidth);
  const left = samplesPerSecond > 0 ? ((1 - step / steps) * samples) / samplesPerSecond : Number.NaN;
  return [
    `Epoch ${epoch + 1}/${epochs} [${bar}] ${step}/${steps}`,
    `${grouped(samplesPerSecond)} samples/s`,
    ...(ended || Number.isNaN(left) ? [] : [`ETA ${formatSeconds(left)}`]),
    // metrics of many numbers would fill the screen
    ...Object.entries(logs)
      .filter(([key]) => !key.endsWith(']'))
      .map(([key, value]) => `${key} ${formatNumber(value)}`),
  ].join(' - ');
}

/** 12,345. Not by Intl, which takes longer to load than the whole library. */
const grouped = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');

const formatNumber = (value: number): string =>
  Math.abs(value) >= 1e-3 || value === 0 ? value.toFixed(4) : value.toExponential(3);

function formatSeconds(seconds: number): string {
  const s = Math.ceil(seconds);
  if (s < 60) return `${s}s`;
  const pad = (n: number): string => String(n).padStart(2, '0');
  return s < 3600
    ? `${Math.floor(s / 60)}:${pad(s % 60)}`
    : `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}
