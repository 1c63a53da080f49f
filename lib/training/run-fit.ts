import type { Job } from '../runtime/addon.js';
import type { FitContext } from './callback.js';
import type { ModelData } from './columns.js';
import { DataSet } from './dataset.js';
import type { Engine } from './engine.js';
import type { Evaluator } from './evaluator.js';
import { FitLoop } from './fit.js';
import type { checkFitOptions, FitOptions } from './fit-options.js';
import type { History } from './history.js';
import type { CompiledObjective } from './objective.js';
import { type Batches, evalSegments, type PortNames, readBatches, splitRow, trainSegments } from './prepare.js';
import { progressBar } from './progress.js';
import type { Logs } from './sums.js';

const where = 'fit';

/** Data of `fit`, checked and not copied yet. */
export interface FitData {
  readonly data: Batches;
  /** The first rows of `data` train, the others validate. */
  readonly trainingRows: number;
  readonly validation: Batches | undefined;
}

/** @throws Error naming the argument that does not fit */
export function readFitData(
  objective: CompiledObjective,
  names: PortNames,
  x: ModelData,
  y: ModelData,
  options: FitOptions,
): FitData {
  const { validationData, validationSplit = 0 } = options;
  const data = readBatches(where, objective, names, x, y, options);
  const [vx, vy, vw] = validationData ?? [];
  const validation =
    validationData === undefined
      ? undefined
      : readBatches(`${where}: validationData`, objective, names, vx as ModelData, vy as ModelData, {
          sampleWeight: vw,
        });
  const trainingRows = splitRow(data.rows, validationSplit);
  if (trainingRows === 0 || (validationSplit > 0 && trainingRows === data.rows)) {
    throw new Error(`${where}: validationSplit ${validationSplit} of ${data.rows} samples leaves one part empty`);
  }
  return { data, trainingRows, validation };
}

export interface FitRun extends FitData {
  readonly engine: Engine;
  readonly evaluator: Evaluator;
  readonly settings: ReturnType<typeof checkFitOptions>;
  readonly seed: number;
  readonly model: FitContext['model'];
  /** Gets the loop before its first step. */
  readonly onLoop: (loop: FitLoop) => void;
}

/** Copies the data to native memory, trains, and frees it again. */
export async function runFit(run: FitRun): Promise<History> {
  const { engine, evaluator, settings, data, validation, trainingRows, seed, model, onLoop } = run;
  const { epochs, initialEpoch, initialStep, batchSize, shuffle, signal } = settings;
  const held: (() => void)[] = [];
  const hold = (plans: Job['segments']): Job['segments'] => {
    held.push(engine.plans.hold(plans));
    return plans;
  };
  let set: DataSet | undefined;
  try {
    const segments = hold(trainSegments(engine, data.types, trainingRows, batchSize));
    // one set, so that no turn of the event loop comes between the copies of training and of validation data
    const columns = [...data.columns, ...(validation?.columns ?? [])];
    set = await DataSet.copy(where, columns, { signal, keeper: engine.keeper });
    const feeds = set.feeds.slice(0, data.columns.length);
    let validate: (() => Promise<Logs>) | undefined;
    if (validation !== undefined) {
      const own = set.feeds.slice(data.columns.length);
      const steps = hold(evalSegments(engine, validation.types, validation.rows, batchSize));
      validate = () => evaluator.run(where, own, steps, 0, signal);
    } else if (trainingRows < data.rows) {
      const steps = hold(evalSegments(engine, data.types, data.rows - trainingRows, batchSize));
      validate = () => evaluator.run(where, feeds, steps, trainingRows, signal);
    }
    const steps = segments.reduce((total, s) => total + s.steps, 0);
    const context: FitContext = { model, epochs, samples: trainingRows, steps };
    const shown = settings.verbose === 'auto' ? (process.stdout.isTTY === true ? 1 : 0) : settings.verbose;
    const progress = shown === 0 ? [] : [progressBar(shown === 2 ? { style: 'line' } : {})];
    const loop = new FitLoop({
      engine,
      feeds,
      segments,
      epochs,
      initialEpoch,
      initialStep,
      seed,
      shuffle,
      callbacks: [...settings.callbacks, ...progress],
      context,
      validate,
      signal,
    });
    onLoop(loop);
    return await loop.run();
  } finally {
    set?.dispose();
    for (const release of held) release();
  }
}
