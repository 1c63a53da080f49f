import type { InstructionInfo } from '../../compile/index.js';
import { replaceFile } from '../../io/files.js';
import { arrayTypes, sizeOf } from '../../ir/graph.js';
import type { NativeProfile } from '../../runtime/addon.js';
import { machineLimits } from '../../runtime/limits.js';
import type { Column } from '../columns.js';
import { DataSet } from '../dataset.js';
import type { Engine } from '../engine.js';
import { sampleShape } from '../targets.js';
import type { StepTypes } from '../trace.js';
import { chromeTrace } from './chrome-trace.js';
import { type KernelProfile, kernelsOf } from './kernels.js';
import type { checkProfileOptions } from './options.js';
import { Profile } from './report.js';

/** Room for the events of a trace. */
const maxEvents = 1 << 20;

/** Of limits, when kernels go beyond them: others had the machine when they were measured. */
const maxMeasurements = 3;
/** But for short ones, which a clock around them says little of. */
const isTooFast = ({ seconds, limitSeconds, share }: KernelProfile): boolean => limitSeconds > seconds && share > 0.01;

export interface ProfileRun {
  readonly where: string;
  readonly engine: Engine;
  readonly settings: ReturnType<typeof checkProfileOptions>;
  readonly rows: number;
  readonly columns: readonly Column[];
  readonly types: Omit<StepTypes, 'rows'>;
}

/** Runs steps on a copy of the model's state, so that nothing of the model changes. */
export async function runProfile({ where, engine, settings, rows, columns, types }: ProfileRun): Promise<Profile> {
  const { mode, warmup, steps, signal, trace } = settings;
  const batchSize = Math.min(settings.batchSize ?? 32, rows);
  let limits = machineLimits();
  const plans = new Map<number, readonly InstructionInfo[]>();
  const copy = engine.copy((number, { instructions }) => plans.set(number, instructions));
  const abort = (): void => copy.abort();
  signal?.addEventListener('abort', abort, { once: true });
  let data: DataSet | undefined;
  try {
    const plan = planOf(copy, mode, { ...types, rows: batchSize });
    data = await DataSet.copy(where, columns, { signal });
    const outputs = mode === 'predict' ? engine.topology.outputs : [];
    const job = {
      segments: [{ plan, rows: batchSize, steps: Math.floor(rows / batchSize) }],
      feeds: data.feeds,
      fetches: outputs.map((t) => ({ array: new arrayTypes[t.dtype](rows * sizeOf(sampleShape(t))), rows })),
      firstRow: 0,
      ...(mode === 'train' ? { shuffle: { seed: 0 } } : {}),
    };
    await copy.run(where, { ...job, begin: 0, end: warmup }, signal);
    const events = trace === undefined ? 0 : maxEvents;
    const measured = { ...job, begin: warmup, end: warmup + steps, profile: { events } };
    const profile = (await copy.run(where, measured, signal)).profile as NativeProfile;
    engine.checkAlive(where);
    const instructions = plans.get(plan) as readonly InstructionInfo[];
    let kernels = kernelsOf(instructions, profile, limits);
    for (let i = 0; i < maxMeasurements && kernels.some(isTooFast); i++) {
      limits = machineLimits({ again: true });
      kernels = kernelsOf(instructions, profile, limits);
    }
    if (trace !== undefined) await replaceFile(trace, [Buffer.from(chromeTrace(kernels, profile))]);
    return new Profile({
      mode,
      batchSize,
      stepTimes: [...profile.steps].map((ns) => ns / 1e9),
      kernels,
      limits,
      trace,
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    data?.dispose();
    copy.dispose();
  }
}

function planOf(engine: Engine, mode: ProfileRun['settings']['mode'], types: StepTypes): number {
  switch (mode) {
    case 'train':
      engine.writeLearningRate();
      return engine.trainPlan(types);
    case 'evaluate':
      return engine.evalPlan(types);
    case 'predict':
      return engine.predictPlan(types.inputs, types.rows);
  }
}
