import { type ConstraintName, resolveConstraint } from '../constraints/resolve.js';
import { type InitializerName, resolveInitializer } from '../initializers/resolve.js';
import { withScope } from '../ir/build.js';
import {
  arrayTypes,
  type DType,
  formatType,
  type Shape,
  sizeOf,
  Tensor,
  type TensorType,
  type Variable,
} from '../ir/graph.js';
import { divide } from '../ir/ops/elementwise.js';
import { type RegularizerName, resolveRegularizer } from '../regularizers/resolve.js';
import { argumentError, boolean, dimensions, show } from './arguments.js';
import { handOver } from './hand-over.js';
import { type Kernel, MatrixKernel, type Quantization, TableKernel } from './kernel.js';
import { passMasks } from './mask.js';
import { inferOutputs, LayerCall, probeBatch, SymbolicTensor, withBatch } from './symbolic.js';

/** Initial values of a weight, made on the host. Same seed and stream, same values. */
export type InitializerFn = (
  shape: readonly number[],
  random: { readonly seed: number; readonly stream: number },
) => Float32Array;

/** A penalty on a weight's values that is added to the loss: a rank-0 tensor. */
export type RegularizerFn = (weight: Tensor) => Tensor;

/** What a weight becomes after each update: a tensor of its shape. */
export type ConstraintFn = (weight: Tensor) => Tensor;

/** A variable that a layer owns. */
export interface Weight extends Variable {
  /** Unique in a model without nested models: 'dense_1/kernel'. */
  readonly name: string;
  /** Whether the optimizer may change it (the layer's `trainable` must be true as well). */
  readonly trainable: boolean;
  readonly initializer: InitializerFn;
  readonly regularizer?: RegularizerFn;
  readonly constraint?: ConstraintFn;
}

/** What `addWeight` needs to know. */
export interface WeightOptions {
  /** Unique in the layer: 'kernel'. */
  readonly name: string;
  readonly shape: Shape;
  /** Default: 'float32'. */
  readonly dtype?: DType;
  /** Default: 'glorotUniform'. */
  readonly initializer?: InitializerName | InitializerFn;
  readonly regularizer?: RegularizerName | RegularizerFn;
  /** Applied by training after each update. */
  readonly constraint?: ConstraintName | ConstraintFn;
  /** Default: true. */
  readonly trainable?: boolean;
}

/** What a layer may do while it is traced. */
export interface CallContext {
  /** Training mode: dropout drops, normalization uses the batch's statistics. */
  readonly training: boolean;
  /** The value of a weight in this step. */
  read(variable: Variable): Tensor;
  /**
   * Gives a non-trainable weight a new value at the end of a training step. Ignored outside of training, except for the
   * layer's `stateWeights`.
   */
  write(variable: Variable, value: Tensor): void;
  /** Adds a rank-0 penalty to the training loss. */
  addLoss(penalty: Tensor): void;
}

/** Options that every layer takes. */
export interface LayerOptions {
  /** Unique in a model. Default: the kind and a number, 'dense_1', given when the layer becomes part of a model. */
  readonly name?: string;
  /** Whether the optimizer may change the layer's weights. Default: true. */
  readonly trainable?: boolean;
  /** On the first layer of a `sequential` model: shape of one sample, without the batch dimension. */
  readonly inputShape?: Shape;
  /** With `inputShape`. Default: 'float32'. */
  readonly inputDType?: DType;
  /** Penalty on the outputs, averaged over the batch. */
  readonly activityRegularizer?: RegularizerName | RegularizerFn;
}

/** Keys of LayerOptions, for `checkOptions`. */
export const layerOptionKeys = ['name', 'trainable', 'inputShape', 'inputDType', 'activityRegularizer'] as const;

/** What data and weights are for whoever uses a model; how they lie in memory is a matter of `compile`. */
const dtypes = Object.keys(arrayTypes).filter((dtype) => dtype !== 'bfloat16');

export function checkDType(where: string, name: string, value: unknown): DType {
  if (typeof value === 'string' && (dtypes as readonly string[]).includes(value)) return value as DType;
  throw argumentError(where, name, `one of ${dtypes.map(show).join(', ')}`, value);
}

/**
 * A part of a model: weights, and a traced function from input tensors to output tensors.
 *
 * Shapes are concrete while tracing, the batch dimension included; `build` sees the same shapes with batch size 2 and
 * must not depend on it. Output shapes are found by tracing, so a layer describes itself once.
 */
export abstract class Layer {
  /** The name that configurations know it by: 'dense'. */
  abstract readonly kind: string;
  /** Unique in a model; given by the user or made from the kind: 'dense_1'. */
  name: string;
  /** Assign false to freeze the layer; takes effect at the next `compile`. */
  trainable: boolean;
  readonly inputShape: Shape | undefined;
  readonly inputDType: DType;
  readonly #activityRegularizer: RegularizerFn | undefined;
  /** Whether the outputs have the masks of the inputs: the layer treats every time step alike. */
  protected readonly passesMask: boolean = false;
  readonly #weights: Weight[] = [];
  readonly #kernels: Kernel[] = [];
  readonly #parts: Layer[] = [];
  #quantization: Quantization | undefined;
  #owner: { readonly layer: Layer; readonly part: string } | undefined;
  #built = false;

  constructor(options: LayerOptions = {}) {
    const { name, trainable, inputShape, inputDType, activityRegularizer } = options;
    if (name !== undefined && (typeof name !== 'string' || !/^[^/\s][^/]*$/.test(name))) {
      throw argumentError('layer', 'name', 'a string that is not empty and has no slash', name);
    }
    this.name = name ?? '';
    this.trainable = trainable === undefined ? true : boolean(this.label, 'trainable', trainable);
    this.inputShape = inputShape === undefined ? undefined : dimensions(this.label, 'inputShape', inputShape);
    this.inputDType = inputDType === undefined ? 'float32' : checkDType(this.label, 'inputDType', inputDType);
    this.#activityRegularizer =
      activityRegularizer === undefined
        ? undefined
        : resolveRegularizer(this.label, 'activityRegularizer', activityRegularizer);
  }

  /** For messages: "dense_1 (dense)". */
  get label(): string {
    if (this.#owner !== undefined && this.name === '') {
      return [this.#owner.layer.label, this.#owner.part].join(' ').trim();
    }
    if (this.name === '') return this.kind ?? 'layer';
    return this.kind === undefined ? this.name : `${this.name} (${this.kind})`;
  }

  get built(): boolean {
    return this.#built;
  }

  /** What the names of its weights begin with: the layer's name, inside another layer as the outer one says. */
  get path(): string {
    if (this.#owner === undefined) return this.name || this.kind;
    const { layer, part } = this.#owner;
    return part === '' ? layer.path : `${layer.path}/${part}`;
  }

  /** Layers that this one is made of. */
  get parts(): readonly Layer[] {
    return this.#parts;
  }

  /** In the order they were added, those of its parts last; empty until the layer is built. */
  get weights(): readonly Weight[] {
    return [...this.#weights, ...this.#parts.flatMap((part) => part.weights)];
  }

  get trainableWeights(): readonly Weight[] {
    if (!this.trainable || this.quantization !== undefined) return [];
    return [...this.#weights.filter((w) => w.trainable), ...this.#parts.flatMap((part) => part.trainableWeights)];
  }

  /** How its kernels are kept, as that of the layer that it is a part of. Such a layer is not trained. See `Model.quantize`. */
  get quantization(): Quantization | undefined {
    return this.#quantization ?? this.#owner?.layer.quantization;
  }

  /** Weights that can be kept as int8, or are: what inputs are multiplied by, and tables. Empty until the layer is built. */
  get kernels(): readonly Kernel[] {
    return [...this.#kernels, ...this.#parts.flatMap((part) => part.kernels)];
  }

  /** Weights that hold what a stateful layer remembers from one batch to the next. */
  get stateWeights(): readonly Weight[] {
    return this.#parts.flatMap((part) => part.stateWeights);
  }

  /** Number of values in all weights. */
  countParams(): number {
    return this.weights.reduce((total, w) => total + sizeOf(w.shape), 0);
  }

  /** Creates the weights. Called once, with the types of the inputs. */
  build(_inputs: readonly TensorType[]): void {}

  abstract call(inputs: readonly Tensor[], context: CallContext): Tensor | readonly Tensor[];

  /** Arguments that make the same layer again. */
  abstract getConfig(): Record<string, unknown>;

  /**
   * Uses the layer on a value of a model under construction. Using one layer several times shares its weights.
   *
   * @param input one value, or a list for a layer with several inputs
   * @throws Error naming the layer when the shapes do not fit, or when it has several outputs (see `applyMany`)
   *
   * @example
   * const x = input({ shape: [784] });
   * const y = layers.dense({ units: 10, activation: 'softmax' }).apply(x);
   * const net = model({ inputs: x, outputs: y });
   */
  apply(input: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor {
    const outputs = this.applyMany(input);
    if (outputs.length !== 1) {
      throw this.error(`has ${outputs.length} outputs; use applyMany, which returns all of them`);
    }
    return outputs[0] as SymbolicTensor;
  }

  /** As `apply`, for a layer with any number of outputs. */
  applyMany(input: SymbolicTensor | readonly SymbolicTensor[]): readonly SymbolicTensor[] {
    const inputs = Array.isArray(input) ? (input as readonly SymbolicTensor[]) : [input as SymbolicTensor];
    for (const t of inputs) {
      if (!(t instanceof SymbolicTensor)) {
        throw this.error(`apply takes values made by input() or by another layer's apply, got ${show(t)}`);
      }
    }
    const types = inputs.map((t) => withBatch(t, probeBatch));
    this.ensureBuilt(types);
    return new LayerCall(this, inputs, inferOutputs(this, types)).outputs;
  }

  /**
   * Keeps kernels in another way from now on: those that the layer has, whose weights are exchanged, and those that it is
   * built with. `Model.quantize` converts the values.
   */
  quantize(quantization: Quantization): void {
    if (this.#built && this.kernels.length === 0) return;
    for (const part of this.#parts) part.quantize(quantization);
    for (const kernel of this.#kernels) if (kernel.scale === undefined) this.#exchange(kernel);
    this.#quantization = quantization;
  }

  /** Builds the layer unless it is built already. */
  ensureBuilt(inputs: readonly TensorType[]): void {
    if (this.#built) return;
    try {
      withScope(this.label, () => this.build(inputs));
      this.#built = true;
    } finally {
      if (!this.#built) {
        this.#weights.length = 0;
        this.#kernels.length = 0;
      }
    }
  }

  /** Runs the traced function of the (built) layer, so that errors name the layer. */
  trace(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    return withScope(this.label, () => {
      const result: unknown = this.call(inputs, context);
      const outputs: readonly unknown[] = Array.isArray(result) ? result : [result];
      if (outputs.length === 0) throw this.error('returned no output');
      for (const t of outputs) {
        if (!(t instanceof Tensor)) throw this.error(`must return tensors, returned ${show(t)}`);
        if (this.#activityRegularizer !== undefined) {
          context.addLoss(divide(this.#activityRegularizer(t), Math.max(1, t.shape[0] ?? 1)));
        }
      }
      if (this.passesMask) passMasks(inputs, outputs as readonly Tensor[]);
      return (outputs as readonly Tensor[]).map(handOver);
    });
  }

  /** An error that names the layer. */
  error(message: string): Error {
    return new Error(`${this.label}: ${message}`);
  }

  /** For `build`. */
  protected addWeight(options: WeightOptions): Weight {
    const where = this.label;
    const { name, shape, dtype = 'float32', initializer = 'glorotUniform', trainable = true } = options;
    const { regularizer, constraint } = options;
    if (typeof name !== 'string' || name === '') throw argumentError(where, 'the name of a weight', 'a string', name);
    if (!Array.isArray(shape) || shape.some((n) => !Number.isSafeInteger(n) || n < 0)) {
      throw argumentError(where, `the shape of weight '${name}'`, 'an array of whole numbers', shape);
    }
    const weight = new LayerWeight(
      this,
      name,
      [...shape],
      checkDType(where, `the dtype of weight '${name}'`, dtype),
      boolean(where, `trainable of weight '${name}'`, trainable),
      resolveInitializer(where, `the initializer of weight '${name}'`, initializer),
      regularizer === undefined
        ? undefined
        : resolveRegularizer(where, `the regularizer of weight '${name}'`, regularizer),
      constraint === undefined ? undefined : resolveConstraint(where, `the constraint of weight '${name}'`, constraint),
    );
    if (this.#weights.some((w) => w.name === weight.name)) throw this.error(`has two weights named '${name}'`);
    if (weight.trainable && weight.dtype !== 'float32') {
      throw this.error(`weight '${name}' is ${formatType(weight)}: only float32 weights can be trainable`);
    }
    this.#weights.push(weight);
    return weight;
  }

  /**
   * For `build`: a weight that inputs are multiplied by as a matrix [K, N], which `Model.quantize` can make int8.
   *
   * @param outputAxes number of last axes that are the columns; the ones before them are summed over
   */
  protected addMatrixKernel(options: WeightOptions, outputAxes = 1): MatrixKernel {
    return this.#addKernel(new MatrixKernel(this.addWeight(options), outputAxes));
  }

  /** For `build`: a weight that has a vector for each id, which `Model.quantize` can make int8. */
  protected addTableKernel(options: WeightOptions): TableKernel {
    return this.#addKernel(new TableKernel(this.addWeight(options)));
  }

  #addKernel<T extends Kernel>(kernel: T): T {
    if (!kernel.isQuantizable) return kernel;
    this.#kernels.push(kernel);
    if (this.quantization !== undefined) this.#exchange(kernel);
    return kernel;
  }

  /** Puts an int8 weight and a scale in the place of a float32 one. */
  #exchange(kernel: Kernel): void {
    const at = this.#weights.indexOf(kernel.weight);
    const name = (kernel.weight as LayerWeight).localName;
    this.#weights.splice(at, 1);
    const fixed = { trainable: false } as const;
    const scale = { name: `${name}Scale`, shape: kernel.scaleShape, initializer: 'ones', ...fixed } as const;
    kernel.weight = this.addWeight({ name, shape: kernel.shape, dtype: 'int8', initializer: 'zeros', ...fixed });
    kernel.scale = this.addWeight(scale);
    this.#weights.splice(at, 0, ...this.#weights.splice(-2));
  }

  /**
   * For the constructor of a layer that is made of others: their weights become weights of this one.
   *
   * @param part what the names of its weights have after this layer's name, '' for nothing
   * @throws Error when the layer belongs to another one already
   */
  protected own<T extends Layer>(layer: T, part = ''): T {
    if (layer.#owner !== undefined) {
      throw this.error(`${layer.kind} is a part of ${layer.#owner.layer.label} already; make another one`);
    }
    layer.#owner = { layer: this, part };
    this.#parts.push(layer);
    return layer;
  }

  /** For `call` and `build`: the only input. */
  protected single<T extends TensorType>(inputs: readonly T[]): T {
    if (inputs.length !== 1) throw this.error(`takes one input, got ${inputs.length}`);
    return inputs[0] as T;
  }
}

/** Its name follows the layer's, which is only final once the layer is part of a model. */
class LayerWeight implements Weight {
  constructor(
    readonly layer: Layer,
    readonly localName: string,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly trainable: boolean,
    readonly initializer: InitializerFn,
    readonly regularizer?: RegularizerFn,
    readonly constraint?: ConstraintFn,
  ) {}

  get name(): string {
    return `${this.layer.path}/${this.localName}`;
  }
}
