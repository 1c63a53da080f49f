import { replaceFile } from '../io/files.js';
import { safetensorsParts } from '../io/safetensors.js';
import { type HostData, sizeOf, type Tensor } from '../ir/graph.js';
import { boolean, checkOptions, integer, oneOf } from '../layers/arguments.js';
import type { Layer } from '../layers/layer.js';
import type { SymbolicTensor } from '../layers/symbolic.js';
import { averageSlot } from '../optimizers/averaging.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { exactArray, type ModelData } from './columns.js';
import { DataSet } from './dataset.js';
import { Engine, stepCounter } from './engine.js';
import { Evaluator, type Results } from './evaluator.js';
import type { FitLoop } from './fit.js';
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
import { evalSegments, type PortNames, readBatches, readPredictData } from './prepare.js';
import { checkProfileOptions, type Profile, type ProfileOptions, runProfile } from './profile/index.js';
import { quantizeKernels, refuseQuantized } from './quantize.js';
import type { ResumePoint } from './resume.js';
import { readFitData, runFit } from './run-fit.js';
import { saveModel, storedTensors, type TrainingState, weightVariables } from './saving/checkpoint.js';
import { type ModelJson, modelToJSON, topologyFromJSON } from './saving/model-json.js';
import { checkPath, type SaveOptions } from './saving/options.js';
import { readTensors } from './saving/tensors.js';
import type { Topology } from './topology.js';
import { initialWeights, matchWeights, type WeightValue, type WeightValues } from './weights.js';

const randomSeed = (): number => Math.floor(Math.random() * 0x100000000);

/**
 * For `loadModel`: a model without weights yet.
 *
 * @param training undefined for a model that is not compiled
 */
export let restoreModel: (topology: Topology, training: TrainingState | undefined) => Restored;

export interface Restored {
  readonly model: Model;
  readonly start: {
    readonly objective: CompiledObjective | undefined;
    /** Of the outputs. */
    readonly names: readonly string[];
    /** Makes the native state, which the caller fills. */
    engine(): Engine;
  };
}

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
  #compileOptions: CompileOptions | undefined;
  #engine: Engine | undefined;
  #predictor: Predictor | undefined;
  #evaluator: Evaluator | undefined;
  /** Weights while there is no engine: what an earlier one left, or what has been set. */
  #weights: HostData[] | undefined;
  #seed: number | undefined;
  #fits = 0;
  #loop: FitLoop | undefined;
  #resumePoint: ResumePoint = { initialEpoch: 0, initialStep: 0 };
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

  /** What its input layers give, for models that begin where this one does. */
  get inputs(): readonly SymbolicTensor[] {
    return this.topology.inputs;
  }

  /** What it computes from them, for models that go on where this one ends. */
  get outputs(): readonly SymbolicTensor[] {
    return this.topology.outputs;
  }

  getLayer(which: string | number): Layer {
    return this.topology.getLayer(which);
  }

  /**
   * What a layer computes inside this model: for a model of its first layers, or with another head. The layers are shared
   * with such a model, the values of weights are not: `setWeights` hands them over.
   *
   * @param which the name of the layer, or its position in `layers`
   * @throws Error when there is no such layer, it is applied several times, or it has several outputs
   *
   * @example
   * const digits = sequential([layers.dense({ units: 32, inputShape: [64] }), layers.dense({ units: 10 })]);
   * const features = model({ inputs: digits.inputs, outputs: digits.outputOf('dense_1') });
   * features.setWeights(digits.getWeights().filter(({ name }) => !name.startsWith('dense_2/')));
   */
  outputOf(which: string | number): SymbolicTensor {
    return this.topology.outputOf(which);
  }

  /** Assign false to freeze all layers; takes effect at the next `compile`, of this model or of one it is a part of. */
  get trainable(): boolean {
    return this.topology.trainable;
  }

  set trainable(value: boolean) {
    this.topology.trainable = boolean(`model '${this.name}'`, 'trainable', value);
  }

  /**
   * Uses the model as a layer of another one. That one has values of its own for the weights, under names with the part's
   * in front ('half/dense_1/kernel'); `getWeights` and `setWeights` hand them over.
   *
   * @param input one value, or a list for a model with several inputs
   * @throws Error naming the model when the shapes do not fit, or when it has several outputs (see `applyMany`)
   *
   * @example
   * const half = sequential([layers.dense({ units: 2, inputShape: [4] })], { name: 'half' });
   * const start = input({ shape: [4] });
   * const whole = model({ inputs: start, outputs: layers.dense({ units: 4 }).apply(half.apply(start)) });
   * // after whole has been trained
   * half.setWeights(whole.getWeights().filter(({ name }) => name.startsWith('half/')));
   */
  apply(input: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor {
    return this.topology.apply(input);
  }

  /** As `apply`, for a model with any number of outputs. */
  applyMany(input: SymbolicTensor | readonly SymbolicTensor[]): readonly SymbolicTensor[] {
    return this.topology.applyMany(input);
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
    this.#release(this.#engine?.weights() ?? this.#weights);
    this.#objective = objective;
    this.#compileOptions = { ...options, optimizer: objective.optimizer };
    this.#seed = options.seed;
    this.#fits = 0;
    this.#resumePoint = { initialEpoch: 0, initialStep: 0 };
  }

  /**
   * Keeps the kernels of dense, einsum-dense and attention layers, those of convolutions with a window of one cell (also in
   * separable ones), and the tables of embeddings as int8, in a quarter of the memory, and multiplies by the kernels in int8:
   * each output column of a kernel W (each row of a table) is round(W / s) with the scale s = max |W| / 127, half to even, and
   * when the model predicts, each row of the inputs is rounded in the same way with a scale of its own (see `ops.matmulInt8`).
   * Sums are exact, then scaled; biases, activations and all else stay float32. Nothing is calibrated.
   *
   * `predict`, `predictSync` and `evaluate` work as before, also with what `save` wrote. The weights are those of the layers:
   * 'dense_1/kernel' becomes int8, 'dense_1/kernelScale' is new. Such a layer cannot be trained, and there is no way back:
   * quantize a `clone()`, or save before. Models that share layers with this one can not be used any more.
   *
   * @param mode only 'int8'
   * @throws Error when the mode is another one, no layer can be quantized or all are, a kernel holds NaN or an infinity, or
   *     while `fit`, `evaluate` or `predict` runs; the model is unchanged then
   *
   * @example
   * const small = model.clone();
   * small.quantize('int8');
   * const probabilities = small.predictSync(new Float32Array(784));
   *
   * Source: dynamic quantization as in Jacob et al., "Quantization and Training of Neural Networks for Efficient
   * Integer-Arithmetic-Only Inference", CVPR 2018.
   */
  quantize(mode: 'int8'): void {
    const where = 'quantize';
    this.#usable(where);
    oneOf(where, 'mode', mode, ['int8']);
    if (this.#running > 0) throw new Error(`${where}: the model is being trained or used; wait for it to finish`);
    const { topology } = this;
    this.#release(quantizeKernels(where, topology, (weight) => this.#ready().state.read(weight)));
    if (this.#compileOptions !== undefined) {
      this.#objective = resolveObjective(topology, this.#names.outputs, this.#compileOptions);
    }
  }

  /**
   * Trains the model.
   *
   * @param x inputs: flat typed arrays of whole samples, nested arrays or tensors; a list or record for several inputs
   * @param y targets, likewise. All data, that for validation too, is copied: what happens to arrays later does not
   *     matter. Up to 16 MB are copied before `fit` returns its promise. More is copied in pieces while the event loop
   *     runs, and must stay as it is until the first callback, `onTrainBegin`.
   * @returns the numbers of each epoch
   * @throws Error (as a rejection) when an argument or the data is not valid, when the model is not compiled, disposed, or
   *     being trained already; the reason of `options.signal` when that aborts
   *
   * @example
   * const { history } = await model.fit(x, y, { epochs: 10, batchSize: 128, validationSplit: 0.1 });
   */
  async fit(x: ModelData, y: ModelData, options: FitOptions = {}): Promise<History> {
    const where = 'fit';
    const objective = this.#trainingObjective(where);
    if (this.#fitting)
      throw new Error(`${where}: the model is being trained already; wait for the other fit to finish`);
    const settings = checkFitOptions(where, options);
    const { initialEpoch, initialStep, signal } = settings;
    signal?.throwIfAborted();
    const data = readFitData(objective, this.#names, x, y, options);
    const seed = this.#nextSeed(options.seed, initialEpoch + initialStep > 0);
    const engine = this.#ready(seed);
    engine.state.write(engine.variables.seed, new Int32Array([seed]));
    this.#fitting = true;
    this.stopTraining = false;
    return this.#busy(engine, signal, async () => {
      const evaluator = this.#evaluatorOf(engine);
      const onLoop = (loop: FitLoop): void => {
        this.#loop = loop;
      };
      try {
        return await runFit({ ...data, engine, evaluator, settings, seed, model: this, onLoop });
      } finally {
        if (!this.#disposed) this.#resumePoint = this.resumePoint;
        this.#loop = undefined;
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
    const { batchSize = 32, signal } = checkRunOptions(where, options, ['batchSize', 'sampleWeight', 'signal']);
    signal?.throwIfAborted();
    const data = readBatches(where, objective, this.#names, x, y, { sampleWeight: options.sampleWeight });
    const engine = this.#ready();
    return this.#busy(engine, signal, async () => {
      const steps = evalSegments(engine, data.types, data.rows, batchSize);
      const release = engine.plans.hold(steps);
      try {
        const set = await DataSet.copy(where, data.columns, { signal, keeper: engine.keeper });
        try {
          return await this.#evaluatorOf(engine).run(where, set.feeds, steps, 0, signal);
        } finally {
          set.dispose();
        }
      } finally {
        release();
      }
    });
  }

  /**
   * The model's outputs for data, computed natively in batches.
   *
   * @param x inputs, as of `fit`. Up to 16 MB are copied before `predict` returns its promise. More is copied in pieces
   *     while others are computed, and must stay as it is until the promise is settled.
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
   * which takes a few microseconds for a small model, and allocates nothing when `out` is given. The first call with a
   * number of samples compiles a plan for it; the plans that were used last are kept. Many samples are computed in slices
   * that fit the caches. While `fit` runs, each slice waits for the step that is running.
   *
   * @param x one or more samples
   * @param out receives the result. May share memory with x: where slices would overwrite samples of others, x is copied first
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
    const objective = this.#trainingObjective(where);
    if (this.#fitting) throw new Error(`${where}: the model is being trained by fit; wait for it to finish`);
    const data = readBatches(where, objective, this.#names, x, y, options);
    const engine = this.#ready();
    const { state } = engine;
    const sums = engine.training;
    const plan = engine.trainPlan({ ...data.types, rows: data.rows });
    sums.clear(state);
    engine.writeLearningRate();
    state.session.runSync(
      plan,
      data.columns.map((c) => exactArray(where, c)),
      [],
    );
    return sums.logs(state, sums.read(state), data.rows) as Results;
  }

  /**
   * Where the time of a step goes: kernel by kernel, by layer and by operation, beside what the machine could do.
   *
   * The steps are those of `fit`, `evaluate` or `predict` with this data. They run on a copy of the weights and of the
   * optimizer's state: nothing of the model changes. The clock costs about 25 ns for each kernel.
   *
   * @param y needed for training and evaluation; without it, prediction is measured
   * @throws Error (as a rejection) as `fit`, and when `fit`, `evaluate` or `predict` runs, or the trace cannot be written
   *
   * @example
   * console.log(`${await model.profile(x, y, { batchSize: 128, steps: 50, trace: 'trace.json' })}`);
   * const { layers } = await model.profile(x, undefined, { batchSize: 1 });
   * for (const { name, seconds, share } of layers) console.log(name, seconds, share);
   */
  async profile(x: ModelData, y?: ModelData, options: ProfileOptions = {}): Promise<Profile> {
    const where = 'profile';
    this.#usable(where);
    const settings = checkProfileOptions(where, options, y !== undefined);
    settings.signal?.throwIfAborted();
    if (this.#running > 0) throw new Error(`${where}: the model is being trained or used; wait for it to finish`);
    if (settings.mode === 'train') this.#trainingObjective(where);
    const data = this.#profileData(where, x, settings.mode === 'predict' ? undefined : y, options);
    const engine = this.#ready();
    return this.#busy(engine, settings.signal, () => runProfile({ where, engine, settings, ...data }));
  }

  #profileData(where: string, x: ModelData, y: ModelData | undefined, options: ProfileOptions) {
    if (y !== undefined) return readBatches(where, this.#compiled(where), this.#names, x, y, options);
    const { rows, columns, types } = readPredictData(where, this.topology, this.#names.inputs, x);
    return { rows, columns, types: { inputs: types, targets: [], weights: [] } };
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
   * The moving averages of the weights that an optimizer with `useEma` keeps; weights that it does not train are as they
   * are. Before the first update, the averages are 0.
   *
   * @throws Error when the model is not compiled, or its optimizer keeps no averages
   *
   * @example
   * model.setWeights(model.getAveragedWeights());
   */
  getAveragedWeights(): WeightValue[] {
    const where = 'getAveragedWeights';
    const { slots, optimizer } = this.#compiled(where);
    const averages = new Map([...slots.all()].filter((s) => s.name === averageSlot).map((s) => [s.of, s.variable]));
    if (averages.size === 0) throw new Error(`${where}: the optimizer ${optimizer.name} keeps no averages; set useEma`);
    const { state } = this.#ready();
    return this.getWeights().map((value, i) => {
      const average = averages.get(this.topology.weights[i]);
      return average === undefined ? value : { ...value, data: state.read(average) };
    });
  }

  /**
   * Replaces weights: all of them in order (what `getWeights` returned will do), or some by name: a record, or a part of what
   * `getWeights` returned.
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

  /**
   * Sets the states of stateful recurrent layers to 0: what comes next begins new sequences. A callback may call it, for
   * example at the beginning of each epoch.
   *
   * @example
   * const reset = { onEpochBegin: () => model.resetStates() };
   * await model.fit(x, y, { batchSize: 4, shuffle: false, epochs: 10, callbacks: [reset] });
   */
  resetStates(): void {
    this.#usable('resetStates');
    const { state } = this.#ready();
    for (const weight of this.topology.stateWeights) state.write(weight, new Float32Array(sizeOf(weight.shape)));
  }

  /**
   * Where the last `fit` stands, or ended: in the running one, after the step that is done. Part of a saved model.
   *
   * @example
   * const net = await loadModel('checkpoint');
   * await net.fit(x, y, { epochs: 20, ...net.resumePoint });
   */
  get resumePoint(): ResumePoint {
    return this.#loop === undefined ? this.#resumePoint : this.#loop.resumePoint(stepCounter(this.#ready()));
  }

  /**
   * The layers and how they are connected, without weights: what `modelFromJSON` takes. `JSON.stringify(model)` uses it.
   *
   * @throws Error naming the layer or option that cannot be saved: see `registerLayer` and `registerFunction`
   */
  toJSON(): ModelJson {
    return modelToJSON(this.topology);
  }

  /**
   * A model with new layers of the same kinds and copies of the weights, not compiled. Saved models' rules apply.
   *
   * @throws Error as `toJSON`
   */
  clone(): Model {
    this.#usable('clone');
    const copy = new Model(topologyFromJSON(this.toJSON()));
    copy.setWeights(this.getWeights());
    return copy;
  }

  /**
   * Saves the model in a directory, which is made if need be: config.json, weights.safetensors and, if the model is
   * compiled, optimizer.safetensors with all that training needs to go on bit for bit. The values are those of the moment
   * of the call, also while `fit` runs. A crash at any time leaves the old model or the new one.
   *
   * @throws Error (as a rejection) naming the layer or option that cannot be saved, or the file that cannot be written;
   *     what was saved before is still there then
   *
   * @example
   * await model.save('models/digits');
   * const copy = await loadModel('models/digits');
   */
  async save(directory: string, options: SaveOptions = {}): Promise<void> {
    const where = 'save';
    this.#usable(where);
    checkPath(where, directory);
    checkOptions(where, options, ['includeOptimizer']);
    const engine = this.#ready();
    const values = engine.state.snapshot();
    const compile = boolean(where, 'includeOptimizer', options.includeOptimizer ?? true) && this.#compileOptions;
    const step = values(engine.variables.step)[0] as number;
    const resume = this.#loop?.resumePoint(step) ?? this.#resumePoint;
    await saveModel(directory, {
      engine,
      values,
      training: compile ? { compile: withoutDevice(compile), fits: this.#fits, resume } : undefined,
    });
  }

  /** Saves the weights alone as a safetensors file, under their names. The old file stays if that fails. */
  async saveWeights(file: string): Promise<void> {
    const where = 'saveWeights';
    this.#usable(where);
    checkPath(where, file);
    const { state } = this.#ready();
    await replaceFile(file, safetensorsParts(storedTensors(weightVariables(this.topology), state.snapshot())));
  }

  /**
   * Reads the weights from a safetensors file: exactly those of this model, in any dtype that converts without loss.
   *
   * @throws Error (as a rejection) naming the file and the weight that is missing, unknown or does not fit; the model is
   *     unchanged then
   */
  async loadWeights(file: string): Promise<void> {
    const where = 'loadWeights';
    this.#usable(where);
    checkPath(where, file);
    const values = await readTensors(file, weightVariables(this.topology));
    this.#usable(where);
    const { state } = this.#ready();
    for (const [variable, data] of values) state.write(variable, data);
  }

  /** Frees all native memory. What runs is aborted and rejects. Twice is a no-op; any other use afterwards throws. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release(undefined);
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

  /** @throws Error when a layer is quantized */
  #trainingObjective(where: string): CompiledObjective {
    const objective = this.#compiled(where);
    refuseQuantized(where, this.topology);
    return objective;
  }

  /** Lets go of what was compiled; the weights begin with these values next time. */
  #release(weights: HostData[] | undefined): void {
    this.#weights = weights;
    this.#engine?.dispose();
    this.#engine = undefined;
    this.#predictor = undefined;
    this.#evaluator = undefined;
  }

  static {
    restoreModel = (topology, training) => {
      const model = new Model(topology);
      if (training !== undefined) {
        model.compile(training.compile);
        model.#fits = training.fits;
        model.#resumePoint = training.resume;
      }
      const names = model.#names.outputs;
      const objective = model.#objective;
      const engine = (): Engine => {
        model.#engine = new Engine(topology, objective, names);
        return model.#engine;
      };
      return { model, start: { objective, names, engine } };
    };
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

  /** The seed of a `fit`: its own, that of the training that goes on, or one after the other from that of `compile`. */
  #nextSeed(seed: number | undefined, goesOn: boolean): number {
    if (goesOn && this.#resumePoint.seed !== undefined) return (seed ?? this.#resumePoint.seed) | 0;
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

/** What is saved: a model goes on on whatever device the next machine has. */
const withoutDevice = ({ device: _, ...options }: CompileOptions): CompileOptions => options;
