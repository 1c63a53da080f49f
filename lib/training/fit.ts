import { argumentError } from '../layers/arguments.js';
import type { Job, JobResult } from '../runtime/addon.js';
import type { Callback, FitContext, Progress } from './callback.js';
import { type Engine, positionOf, stepCounter } from './engine.js';
import { History } from './history.js';
import type { ResumePoint } from './resume.js';
import { type Logs, type SumBlock, validationKey } from './sums.js';

/** A native call should take about this long: rare enough to cost nothing, often enough for progress and predictions. */
const secondsPerCall = 0.045;
/** A call that begins inside an epoch shuffles the rows again; this keeps that under a tenth of its time. */
const shuffleSecondsPerRow = 2e-7;

/** Everything that `fit` has decided before the first step. */
export interface FitPlan {
  readonly engine: Engine;
  readonly feeds: Job['feeds'];
  readonly segments: Job['segments'];
  readonly epochs: number;
  readonly initialEpoch: number;
  /** Steps of the first epoch that are done already. */
  readonly initialStep: number;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly callbacks: readonly Callback[];
  readonly context: FitContext;
  readonly validate: (() => Promise<Logs>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** One run of `fit`: native calls of many steps each, and what JavaScript wants to do in between. */
export class FitLoop {
  readonly #history = new History();
  readonly #sums: SumBlock;
  readonly #stepsPerEpoch: number;
  readonly #rowsPerEpoch: number;
  readonly #eachBatch: boolean;
  readonly #eachEpoch: boolean;
  readonly #begin: number;
  /** Updates that the model had before. */
  readonly #updates: number;
  #stepsPerCall = 1;
  #warned = false;
  #last: Logs = {};
  /** Calls since the epoch began. */
  #elapsed = { steps: 0, seconds: 0 };

  constructor(readonly plan: FitPlan) {
    const { callbacks, segments, engine, validate, initialEpoch, initialStep } = plan;
    this.#sums = engine.training;
    this.#stepsPerEpoch = segments.reduce((total, s) => total + s.steps, 0);
    if (initialStep > 0 && initialStep >= this.#stepsPerEpoch) {
      throw new Error(
        `fit: initialStep must be less than the ${this.#stepsPerEpoch} steps of an epoch, got ${initialStep}`,
      );
    }
    const mostEpochs = Math.floor(Number.MAX_SAFE_INTEGER / this.#stepsPerEpoch) - 1;
    for (const [name, value] of Object.entries({ epochs: plan.epochs, initialEpoch })) {
      if (value <= mostEpochs) continue;
      throw argumentError('fit', name, `at most ${mostEpochs} with ${this.#stepsPerEpoch} steps in an epoch`, value);
    }
    this.#begin = initialEpoch * this.#stepsPerEpoch + initialStep;
    this.#updates = stepCounter(engine);
    this.#rowsPerEpoch = segments.reduce((total, s) => total + s.steps * s.rows, 0);
    const any = (...hooks: (keyof Callback)[]): boolean =>
      callbacks.some((c) => hooks.some((hook) => c[hook] !== undefined));
    this.#eachBatch = any('onBatchBegin', 'onBatchEnd');
    this.#eachEpoch = this.#eachBatch || validate !== undefined || any('onEpochBegin', 'onEpochEnd');
  }

  async run(): Promise<History> {
    const { context, epochs, initialStep, engine } = this.plan;
    // in the middle of an epoch, the sums of its first steps are part of the state
    if (initialStep === 0) this.#sums.clear(engine.state);
    await this.#each((c) => c.onTrainBegin?.(context));
    const end = epochs * this.#stepsPerEpoch;
    let next = this.#begin;
    while (next < end && !context.model.stopTraining) {
      const epoch = Math.floor(next / this.#stepsPerEpoch);
      const batch = next - epoch * this.#stepsPerEpoch;
      if (batch === 0) await this.#each((c) => c.onEpochBegin?.(epoch, context));
      if (this.#eachBatch) await this.#each((c) => c.onBatchBegin?.(batch, context));
      const result = await this.#step(next, this.#callEnd(next, end));
      next = result.next;
      if (result.nonFiniteStep >= 0) this.#warn(result.nonFiniteStep);
      if (this.#eachBatch) {
        const logs = result.log.length > 0 ? this.#logs(result.log, this.#rowsPerEpoch) : this.#runningLogs(next);
        await this.#each((c) => c.onBatchEnd?.(batch, logs, context));
      }
      await this.#endEpochs(epoch, result.log);
      const stopped = result.reason === 'nonFinite';
      if (next % this.#stepsPerEpoch !== 0) await this.#report(next);
      if (stopped || context.model.stopTraining) {
        if (next % this.#stepsPerEpoch !== 0)
          await this.#endEpoch(Math.floor(next / this.#stepsPerEpoch), this.#runningLogs(next));
        break;
      }
    }
    if (next > this.#begin) engine.finalizeWeights('fit');
    // the last one may dispose of the model
    for (const callback of this.plan.callbacks) await callback.onTrainEnd?.(this.#last, context);
    return this.#history;
  }

  /** Where another `fit` has to begin to go on after the update with this number. */
  resumePoint(update: number): ResumePoint {
    const next = this.#begin + update - this.#updates;
    const initialEpoch = Math.floor(next / this.#stepsPerEpoch);
    return { initialEpoch, initialStep: next - initialEpoch * this.#stepsPerEpoch, seed: this.plan.seed };
  }

  /** Where the next native call should end. */
  #callEnd(next: number, end: number): number {
    if (this.#eachBatch) return next + 1;
    const epochEnd = (Math.floor(next / this.#stepsPerEpoch) + 1) * this.#stepsPerEpoch;
    return Math.min(next + this.#stepsPerCall, this.#eachEpoch ? epochEnd : end);
  }

  async #step(begin: number, end: number): Promise<JobResult> {
    const { engine, feeds, segments, shuffle, seed, callbacks, signal } = this.plan;
    const { state } = engine;
    engine.writeLearningRate();
    const { byteOffset, count } = this.#sums.range(state);
    const job: Job = {
      segments,
      feeds,
      fetches: [],
      begin,
      end,
      firstRow: 0,
      shuffle: shuffle ? { seed: seed >>> 0 } : undefined,
      metrics: { byteOffset, count },
      watch: {
        byteOffset: state.layout.offsetOf(this.#sums.sums.loss),
        stop: callbacks.some((c) => c.stopOnNonFinite === true),
      },
    };
    if (begin % this.#stepsPerEpoch === 0) this.#elapsed = { steps: 0, seconds: 0 };
    const started = performance.now();
    const result = await engine.run('fit', job, signal);
    const steps = result.next - begin;
    this.#elapsed.steps += steps;
    this.#elapsed.seconds += (performance.now() - started) / 1000;
    if (steps > 0) {
      const secondsPerStep = Math.max(result.seconds / steps, 1e-9);
      const target = Math.max(secondsPerCall, shuffle ? this.#rowsPerEpoch * shuffleSecondsPerRow : 0);
      this.#stepsPerCall = Math.max(1, Math.min(this.#stepsPerCall * 8, Math.round(target / secondsPerStep)));
    }
    return result;
  }

  /** Epochs that ended in a call, one row of the log each. */
  async #endEpochs(first: number, log: Float32Array): Promise<void> {
    const { count } = this.#sums.range(this.plan.engine.state);
    for (let i = 0; i * count < log.length; i++) {
      await this.#endEpoch(first + i, this.#logs(log.subarray(i * count, (i + 1) * count), this.#rowsPerEpoch));
    }
  }

  async #endEpoch(epoch: number, logs: Logs): Promise<void> {
    const { validate, context } = this.plan;
    if (validate !== undefined) {
      for (const [key, value] of Object.entries(await validate())) logs[validationKey(key)] = value;
    }
    this.#history.add(epoch, logs);
    this.#last = logs;
    await this.#each((c) => c.onEpochEnd?.(epoch, logs, context));
    await this.#progress({
      epoch,
      step: this.#stepsPerEpoch,
      samplesPerSecond: this.#samplesPerSecond(),
      logs,
      ended: true,
    });
  }

  /** Progress inside an epoch, if anybody wants to see it. */
  async #report(next: number): Promise<void> {
    if (!this.plan.callbacks.some((c) => c.onProgress !== undefined)) return;
    const epoch = Math.floor(next / this.#stepsPerEpoch);
    const step = next - epoch * this.#stepsPerEpoch;
    const logs = this.#runningLogs(next);
    await this.#progress({ epoch, step, samplesPerSecond: this.#samplesPerSecond(), logs, ended: false });
  }

  /** The mean since the epoch began: single calls are too short to speak for it, and the last batch may be small. */
  #samplesPerSecond(): number {
    const { steps, seconds } = this.#elapsed;
    return ((this.#rowsPerEpoch / this.#stepsPerEpoch) * steps) / Math.max(seconds, 1e-9);
  }

  #progress(progress: Progress): Promise<void> {
    return this.#each((c) => c.onProgress?.(progress, this.plan.context));
  }

  #logs(row: Float32Array, rows: number): Logs {
    return this.#sums.logs(this.plan.engine.state, row, rows);
  }

  /** Means over the steps of the current epoch that are done. */
  #runningLogs(next: number): Logs {
    const { state } = this.plan.engine;
    let steps = next % this.#stepsPerEpoch;
    let rows = 0;
    for (const segment of this.plan.segments) {
      const done = Math.min(steps, segment.steps);
      rows += done * segment.rows;
      steps -= done;
    }
    return this.#logs(this.#sums.read(state), rows);
  }

  #warn(step: number): void {
    if (this.#warned) return;
    this.#warned = true;
    console.warn(
      `steepest: fit: the loss is not a finite number since ${positionOf(this.plan, step)}: the learning rate may be too ` +
        'large, or the data may hold NaN or infinite values. Training goes on; the terminateOnNaN callback would stop it.',
    );
  }

  async #each(call: (callback: Callback) => void | Promise<void>): Promise<void> {
    for (const callback of this.plan.callbacks) {
      const pending = call(callback);
      if (pending !== undefined) await pending;
      this.plan.engine.checkAlive('fit');
    }
  }
}
