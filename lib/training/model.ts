import { type HostData, sizeOf, type Tensor } from '../ir/graph.js';
import { integer } from '../layers/arguments.js';
import type { Layer } from '../layers/layer.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import type { FitContext } from './callback.js';
import { exactArray, type ModelData } from './columns.js';
import { DataSet } from './dataset.js';
import { Engine } from './engine.js';
import { Evaluator, type Results } from './evaluator.js';
import { FitLoop } from './fit.js';
import {
  type BatchOptions,
  checkFitOptions,
  checkRunOptions,
  type EvaluateOptions,
  type FitOptions,
  type PredictOptions,
} from './fit-options.js';
import type { History } from './history.js';
import { type CompiledObjective, type CompileOptions, resolveObjective } from './objective.js';
import { portNames } from './ports.js';
import { Predictor } from './predictor.js';
import { evalSegments, type PortNames, readBatches, splitRow, trainSegments } from './prepare.js';
import { progressBar } from './progress.js';
import type { Logs } from './sums.js';
import type { Topology } from './topology.js';
import { initialWeights, matchWeights, type WeightValue, type WeightValues } from './weights.js';

const randomSeed = (): number => Math.floor(Math.random() * 0x100000000);

/**
 * Layers that can be trained. Made by `sequential` or `model`.
 *
 * All training and inference runs natively; `fit`, `evaluate` and `predict` leave the event loop free. If the loss ever
 * becomes NaN or infinite, `fit` warns once and goes on, and the weights are what the updates made of them; the callback
 * `terminateOnNaN` ends training at that step.
 *
 * Native memory is freed by `dispose`, or when the model is garbage collected.
 */
export class Model {
  /** Set to true, `fit` ends as soon as callbacks have seen it: after the native call that is running. */
  stopTraining = false;
  readonly #names: PortNames;
  #objective: CompiledObjective | undefined;
  #engine: Engine | undefined;
  #predictor: Predictor | undefined;
  #evaluator: Evaluator | undefined;
  /** Weights while there is no engine: what an earlier one left, or what has been set. */
  #weights: HostData[] | undefined;
  #seed: number | undefined;
  #fits = 0;
  #fitting = false;
  #running = 0;
  #disposed = false;

  constructor(readonly topology: Topology) {
    this.#names = portNames(topology);
  }

  get name(): string {
    return this.topology.name;
  }

  get layers(): readonly Layer[] {
    return this.topology.layers;
  }

  get inputNames(): readonly string[] {
    return this.#names.inputs;
  }

  get outputNames(): readonly string[] {
    return this.#names.outputs;
  }

  /** @throws Error before `compile` */
  get optimizer(): Optimizer {
    return this.#compiled('optimizer').optimizer;
  }

  getLayer(which: string | number): Layer {
    return this.topology.getLayer(which);
  }

  /** A table of the layers, their output shapes and numbers of parameters. */
  summary(): string {
    return this.topology.summary();
  }

  /** Number of values in all weights. */
  countParams(): number {
    return this.topology.weights.reduce((total, w) => total + sizeOf(w.shape), 0);
  }

  /**
   * Says what to minimize, how, and what to report. Keeps the weights; the optimizer starts anew.
   *
   * @throws Error when an option is missing or not valid, or while `fit`, `evaluate` or `predict` runs
   *
   * @example
   * model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
   */
  compile(options: CompileOptions): void {
    this.#usable('compile');
    if (this.#running > 0) throw new Error('compile: the model is being trained or used; wait for it to finish');
    const objective = resolveObjective(this.topology, this.#names.outputs, options);
    if (options.seed !== undefined) integer('compile', 'seed', options.seed);
    this.#weights = this.#engine?.weights() ?? this.#weights;
    this.#engine?.dispose();
    this.#engine = undefined;
    this.#predictor = undefined;
    this.#evaluator = undefined;
    this.#objective = objective;
    this.#seed = options.seed;
    this.#fits = 0;
  }

  /**
   * Trains the model.
   *
   * @param x inputs: flat typed arrays of whole samples, nested arrays or tensors; a list or record for several inputs
   * @param y targets, likewise. Arrays are copied: what happens to them later does not matter.
   * @returns the numbers of each epoch
   * @throws Error (as a rejection) when an argument or the data is not valid, when the model is not compiled, disposed, or
   *     being trained already; the reason of `options.signal` when that aborts
   *
   * @example
   * const { history } = await model.fit(x, y, { epochs: 10, batchSize: 128, validationSplit: 0.1 });
   */
  async fit(x: ModelData, y: ModelData, options: FitOptions = {}): Promise<History> {
    const where = 'fit';
    const objective = this.#compiled(where);
    if (this.#fitting)
      throw new Error(`${where}: the model is being trained already; wait for the other fit to finish`);
    const settings = checkFitOptions(where, options);
    const { epochs, initialEpoch, batchSize, validationSplit, signal } = settings;
    signal?.throwIfAborted();
    const data = readBatches(where, objective, this.#names, x, y, options);
    const [vx, vy, vw] = options.validationData ?? [];
    const validation =
      options.validationData === undefined
        ? undefined
        : readBatches(`${where}: validationData`, objective, this.#names, vx as ModelData, vy as ModelData, {
            sampleWeight: vw,
          });
    const trainingRows = splitRow(data.rows, validationSplit);
    if (trainingRows === 0 || (validationSplit > 0 && trainingRows === data.rows)) {
      throw new Error(`${where}: validationSplit ${validationSplit} of ${data.rows} samples leaves one part empty`);
    }
    const seed = this.#nextSeed(options.seed);
    const engine = this.#ready(seed);
    engine.state.write(engine.variables.seed, new Int32Array([seed]));
    this.#fitting = true;
    this.stopTraining = false;
    return this.#busy(engine, signal, async () => {
      const sets: DataSet[] = [];
      const stage = async (columns: typeof data.columns): Promise<DataSet> => {
        const set = await DataSet.copy(where, columns, signal);
        sets.push(set);
        return set;
      };
      try {
        const segments = trainSegments(engine, data.types, trainingRows, batchSize);
        const training = await stage(data.columns);
        let validate: (() => Promise<Logs>) | undefined;
        if (validation !== undefined) {
          const set = await stage(validation.columns);
          const steps = evalSegments(engine, validation.types, set.rows, batchSize);
          validate = () => this.#evaluatorOf(engine).run(where, set.feeds, steps, 0, signal);
        } else if (trainingRows < data.rows) {
          const steps = evalSegments(engine, data.types, data.rows - trainingRows, batchSize);
          validate = () => this.#evaluatorOf(engine).run(where, training.feeds, steps, trainingRows, signal);
        }
        const steps = segments.reduce((total, s) => total + s.steps, 0);
        const context: FitContext = { model: this, epochs, samples: trainingRows, steps };
        const shown = settings.verbose === 'auto' ? (process.stdout.isTTY === true ? 1 : 0) : settings.verbose;
        const progress = shown === 0 ? [] : [progressBar(shown === 2 ? { style: 'line' } : {})];
        return await new FitLoop({
          engine,
          feeds: training.feeds,
          segments,
          epochs,
          initialEpoch,
          shuffleSeed: settings.shuffle ? seed >>> 0 : undefined,
          callbacks: [...settings.callbacks, ...progress],
          context,
          validate,
          signal,
        }).run();
      } finally {
        for (const set of sets) set.dispose();
        this.#fitting = false;
      }
    });
  }

  /**
   * Loss and metrics on data, without training. Can be called while `fit` runs: it then sees the weights of a moment.
   *
   * @throws Error (as a rejection) as `fit`
   *
   * @example
   * const { loss, accuracy } = await model.evaluate(x, y, { batchSize: 256 });
   */
  async evaluate(x: ModelData, y: ModelData, options: EvaluateOptions = {}): Promise<Results> {
    const where = 'evaluate';
    const objective = this.#compiled(where);
    const { batchSize, signal } = checkRunOptions(where, options, ['batchSize', 'sampleWeight', 'signal']);
    signal?.throwIfAborted();
    const data = readBatches(where, objective, this.#names, x, y, { sampleWeight: options.sampleWeight });
    const engine = this.#ready();
    return this.#busy(engine, signal, async () => {
      const steps = evalSegments(engine, data.types, data.rows, batchSize);
      const set = await DataSet.copy(where, data.columns, signal);
      try {
        return await this.#evaluatorOf(engine).run(where, set.feeds, steps, 0, signal);
      } finally {
        set.dispose();
      }
    });
  }

  /**
   * The model's outputs for data, computed natively in batches.
   *
   * @returns a tensor of shape [rows, ...], or a list of them when the model has several outputs
   * @throws Error (as a rejection) when the data does not fit, or the model is disposed
   */
  async predict(x: ModelData, options: PredictOptions = {}): Promise<Tensor | Tensor[]> {
    const where = 'predict';
    this.#usable(where);
    const { batchSize, signal } = checkRunOptions(where, options, ['batchSize', 'signal']);
    signal?.throwIfAborted();
    const predictor = this.#predictorOf(this.#ready());
    const outputs = await this.#busy(predictor.engine, signal, () => predictor.predict(where, x, batchSize, signal));
    return outputs.length === 1 ? (outputs[0] as Tensor) : outputs;
  }

  /**
   * The model's outputs at once, on the calling thread: for single requests. A Float32Array in gives a Float32Array out,
   * which takes a few microseconds for a small model, and allocates nothing when `out` is given. One plan is kept for
   * each number of samples. While `fit` runs, it waits for the step that is running.
   *
   * @param x one or more samples
   * @param out receives the result
   * @throws Error when the data does not fit, or the model is disposed
   *
   * @example
   * const probabilities = model.predictSync(new Float32Array(784));
   */
  predictSync(x: Float32Array, out?: Float32Array): Float32Array;
  predictSync(x: ModelData): Tensor | Tensor[];
  predictSync(x: ModelData, out?: Float32Array): Float32Array | Tensor | Tensor[] {
    const where = 'predictSync';
    this.#usable(where);
    const predictor = this.#predictor ?? this.#predictorOf(this.#ready());
    if (x instanceof Float32Array) {
      if (predictor.isFlat) return predictor.predictFlat(where, x, out);
      const outputs = predictor.predictSync(where, x);
      if (outputs.length === 1 && outputs[0]?.dtype === 'float32' && out === undefined)
        return outputs[0].data as Float32Array;
    }
    if (out !== undefined) {
      throw new Error(`${where}: out can be given for a model with one float32 input and one float32 output only`);
    }
    const outputs = predictor.predictSync(where, x);
    return outputs.length === 1 ? (outputs[0] as Tensor) : outputs;
  }

  /**
   * One update with one batch, on the calling thread. For loops of your own; `fit` is much faster for many steps.
   *
   * @returns loss and metrics of the batch, before the update
   * @throws Error as `fit`
   */
  trainOnBatch(x: ModelData, y: ModelData, options: BatchOptions = {}): Results {
    const where = 'trainOnBatch';
    const objective = this.#compiled(where);
    if (this.#fitting) throw new Error(`${where}: the model is being trained by fit; wait for it to finish`);
    const data = readBatches(where, objective, this.#names, x, y, options);
    const engine = this.#ready();
    const { state, variables } = engine;
    const sums = engine.training;
    const plan = engine.trainPlan({ ...data.types, rows: data.rows });
    sums.clear(state);
    state.write(variables.learningRate, new Float32Array([objective.optimizer.learningRate]));
    state.session.runSync(
      plan,
      data.columns.map((c) => exactArray(where, c)),
      [],
    );
    return sums.logs(state, sums.read(state), data.rows) as Results;
  }

  /** Copies of all weights, in the order of the layers. */
  getWeights(): WeightValue[] {
    this.#usable('getWeights');
    const names = this.topology.weightNames;
    const engine = this.#ready();
    return this.topology.weights.map((w) => ({
      name: names.get(w) as string,
      shape: w.shape,
      dtype: w.dtype,
      data: engine.state.read(w),
    }));
  }

  /**
   * Replaces weights: all of them in order (what `getWeights` returned will do), or some by name.
   *
   * @throws Error naming the weight that is unknown or does not fit; the model is unchanged then
   *
   * @example
   * model.setWeights({ 'dense_1/bias': new Float32Array(10) });
   */
  setWeights(values: WeightValues): void {
    this.#usable('setWeights');
    const matched = matchWeights(this.topology, values);
    const { state } = this.#ready();
    for (const [weight, data] of matched) state.write(weight, data);
  }

  /** Frees all native memory. What runs is aborted and rejects. Twice is a no-op; any other use afterwards throws. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#engine?.dispose();
    this.#engine = undefined;
    this.#predictor = undefined;
    this.#evaluator = undefined;
    this.#weights = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #usable(where: string): void {
    if (this.#disposed) throw new Error(`${where}: the model has been disposed`);
  }

  #compiled(where: string): CompiledObjective {
    this.#usable(where);
    if (this.#objective === undefined) throw new Error(`${where}: the model is not compiled; call model.compile first`);
    return this.#objective;
  }

  /** The native side of the model, made when it is needed for the first time. */
  #ready(seed: number | undefined = this.#seed): Engine {
    if (this.#engine !== undefined) return this.#engine;
    const firstSeed = this.#seed ?? seed ?? randomSeed();
    const weights = this.#weights ?? initialWeights(this.topology, firstSeed >>> 0);
    const engine = new Engine(this.topology, this.#objective, this.#names.outputs);
    this.topology.weights.forEach((w, i) => {
      engine.state.write(w, weights[i] as HostData);
    });
    engine.state.write(engine.variables.seed, new Int32Array([firstSeed]));
    this.#weights = undefined;
    this.#engine = engine;
    return engine;
  }

  #predictorOf(engine: Engine): Predictor {
    this.#predictor ??= new Predictor(engine, this.#names.inputs);
    return this.#predictor;
  }

  #evaluatorOf(engine: Engine): Evaluator {
    this.#evaluator ??= new Evaluator(engine);
    return this.#evaluator;
  }

  /** The seed of a `fit`: its own, or one after the other from that of `compile`. */
  #nextSeed(seed: number | undefined): number {
    const from = this.#seed === undefined ? randomSeed() : this.#seed + Math.imul(this.#fits, 0x9e3779b9);
    this.#fits++;
    return (seed ?? from) | 0;
  }

  /** Runs `body` while an abort of the signal stops native work, and `compile` is locked out. */
  async #busy<T>(engine: Engine, signal: AbortSignal | undefined, body: () => Promise<T>): Promise<T> {
    const abort = (): void => engine.abort();
    signal?.addEventListener('abort', abort, { once: true });
    this.#running++;
    try {
      return await body();
    } finally {
      this.#running--;
      signal?.removeEventListener('abort', abort);
    }
  }
}
