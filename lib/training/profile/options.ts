import { argumentError, checkOptions, oneOf, positiveInteger } from '../../layers/arguments.js';
import { checkRunOptions } from '../fit-options.js';
import { checkPath } from '../saving/options.js';
import type { ClassWeight, SampleWeight } from '../weighting.js';

export type ProfileMode = 'train' | 'evaluate' | 'predict';

export interface ProfileOptions {
  /** What a step does: what it does in `fit`, `evaluate` or `predict`. Default: 'train' with targets, 'predict' without. */
  readonly mode?: ProfileMode;
  /** Samples in a step, at most those of the data. Default: 32. */
  readonly batchSize?: number;
  /** Steps that are measured. The data is gone through again when it has fewer. Default: 20. */
  readonly steps?: number;
  /** Steps before them, which are not measured. Default: 3. */
  readonly warmup?: number;
  /** A file for the events of the steps, in the trace event format that Perfetto and chrome://tracing show. */
  readonly trace?: string;
  /** Weight of each class in the loss. */
  readonly classWeight?: ClassWeight;
  /** Weight of each sample in the loss. */
  readonly sampleWeight?: SampleWeight;
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

const modes: readonly ProfileMode[] = ['train', 'evaluate', 'predict'];
const keys = ['mode', 'batchSize', 'steps', 'warmup', 'trace', 'classWeight', 'sampleWeight', 'signal'];

/** @throws Error naming the option that is not valid */
export function checkProfileOptions(where: string, options: ProfileOptions, hasTargets: boolean) {
  checkOptions(where, options, keys);
  const mode = oneOf(where, 'mode', options.mode ?? (hasTargets ? 'train' : 'predict'), modes);
  if (mode !== 'predict' && !hasTargets) throw new Error(`${where}: mode '${mode}' needs targets y, got undefined`);
  for (const name of ['sampleWeight', 'classWeight'] as const) {
    if (mode === 'predict' && options[name] !== undefined) {
      throw new Error(`${where}: ${name} has no meaning in mode 'predict'`);
    }
  }
  const { warmup = 3, trace } = options;
  if (!Number.isSafeInteger(warmup) || warmup < 0 || warmup > maxSteps) {
    throw argumentError(where, 'warmup', `an integer from 0 to ${maxSteps}`, warmup);
  }
  const steps = positiveInteger(where, 'steps', options.steps ?? 20);
  if (steps > maxSteps) throw argumentError(where, 'steps', `an integer from 1 to ${maxSteps}`, steps);
  if (trace !== undefined) checkPath(where, trace, 'trace');
  return { ...checkRunOptions(where, options, keys), mode, steps, warmup, trace };
}

const maxSteps = 1_000_000;
