import type { ConstraintName } from '../../constraints/resolve.js';
import type { InitializerName } from '../../initializers/resolve.js';
import { formatType, type Shape, type Tensor, type TensorType } from '../../ir/graph.js';
import { add, multiply } from '../../ir/ops/elementwise.js';
import { matmul } from '../../ir/ops/linalg.js';
import { dropout, ones } from '../../ir/ops/random.js';
import { expandDims, reshape } from '../../ir/ops/shape.js';
import type { RegularizerName } from '../../regularizers/resolve.js';
import { type Activation, type ActivationFn, resolveActivation } from '../activations.js';
import { boolean, checkOptions, numberIn, positiveInteger } from '../arguments.js';
import {
  type CallContext,
  type ConstraintFn,
  type InitializerFn,
  type LayerOptions,
  layerOptionKeys,
  type RegularizerFn,
  type Weight,
} from '../layer.js';
import { checkWeightOptions, weightOptionKeys, weightTreatment } from '../weight-options.js';
import { type CellRun, type CellStep, RecurrentCell } from './cell.js';

export interface SimpleRNNCellOptions extends LayerOptions {
  /** Size of the output and of each state. */
  readonly units: number;
  /** Applied to the new state. Default: 'tanh'. */
  readonly activation?: Activation;
  /** Whether to add a bias. Default: true. */
  readonly useBias?: boolean;
  /** For the weights of the inputs. Default: 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName | InitializerFn;
  /** For the weights of the state. Default: 'orthogonal'. */
  readonly recurrentInitializer?: InitializerName | InitializerFn;
  /** Default: 'zeros'. */
  readonly biasInitializer?: InitializerName | InitializerFn;
  readonly kernelRegularizer?: RegularizerName | RegularizerFn;
  readonly recurrentRegularizer?: RegularizerName | RegularizerFn;
  readonly biasRegularizer?: RegularizerName | RegularizerFn;
  readonly kernelConstraint?: ConstraintName | ConstraintFn;
  readonly recurrentConstraint?: ConstraintName | ConstraintFn;
  readonly biasConstraint?: ConstraintName | ConstraintFn;
  /** Probability that an input is dropped in training: the same ones at all steps of a sequence. Default: 0. */
  readonly dropout?: number;
  /** The same for the state, where it enters the product with the recurrent kernel. Default: 0. */
  readonly recurrentDropout?: number;
}

/** Options of the cells with gates. */
export interface GatedCellOptions extends SimpleRNNCellOptions {
  /** Of the gates. Default: 'sigmoid'. */
  readonly recurrentActivation?: Activation;
}

export const simpleCellKeys = [
  ...['units', 'activation', 'useBias', 'dropout', 'recurrentDropout'],
  ...weightOptionKeys('kernel', 'recurrent', 'bias'),
];

/** Values of the weights in one run of a cell, and what `recurrent` does with a state before a product. */
export interface CellWeights {
  readonly recurrentKernel: Tensor;
  readonly bias: Tensor | undefined;
  /** The state with recurrent dropout. */
  readonly dropped: (h: Tensor) => Tensor;
}

/**
 * What simple, LSTM and GRU cells have in common: a kernel [features, gates · units] for the inputs, a recurrent kernel
 * [units, gates · units] for the state, a bias, and dropout for both.
 */
export abstract class StandardCell<O extends SimpleRNNCellOptions> extends RecurrentCell {
  protected readonly activation: ActivationFn;
  #kernel!: Weight;
  #recurrentKernel!: Weight;
  #bias: Weight | undefined;

  constructor(
    where: string,
    readonly options: O,
    protected readonly gates: number,
    ownKeys: readonly string[] = [],
  ) {
    checkOptions(where, options, [...layerOptionKeys, ...simpleCellKeys, ...ownKeys]);
    super(options);
    positiveInteger(where, 'units', options.units);
    if (options.useBias !== undefined) boolean(where, 'useBias', options.useBias);
    this.activation = resolveActivation(where, options.activation ?? 'tanh');
    checkWeightOptions(where, options, ['kernel', 'recurrent', 'bias']);
    for (const key of ['dropout', 'recurrentDropout'] as const) {
      if (options[key] !== undefined) numberIn(where, key, options[key], { min: 0, max: 1 });
    }
  }

  get stateShapes(): readonly Shape[] {
    return [[this.options.units]];
  }

  protected get units(): number {
    return this.options.units;
  }

  protected get biasShape(): Shape {
    return [this.gates * this.units];
  }

  protected get biasInitializer(): InitializerName | InitializerFn {
    return this.options.biasInitializer ?? 'zeros';
  }

  override build(inputs: readonly TensorType[]): void {
    const { options, units, gates } = this;
    this.#kernel = this.addWeight({
      name: 'kernel',
      shape: [this.#features(inputs[0] as TensorType), gates * units],
      ...weightTreatment(options, 'kernel'),
    });
    this.#recurrentKernel = this.addWeight({
      name: 'recurrentKernel',
      shape: [units, gates * units],
      ...weightTreatment(options, 'recurrent', 'orthogonal'),
    });
    if (options.useBias === false) return;
    this.#bias = this.addWeight({
      name: 'bias',
      shape: this.biasShape,
      ...weightTreatment(options, 'bias'),
      initializer: this.biasInitializer,
    });
  }

  /** One step: [x, ...states] -> [output, ...states]. */
  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [x, ...states] = inputs as readonly [Tensor, ...Tensor[]];
    const batch = x.shape[0] as number;
    if (states.length !== this.stateShapes.length) {
      throw this.error(`takes an input and ${this.stateShapes.length} states, got ${inputs.length} inputs`);
    }
    for (const state of states) {
      if (state.rank === 2 && state.shape[0] === batch && state.shape[1] === this.units) continue;
      throw this.error(`states must have shape [${batch}, ${this.units}], got ${formatType(state)}`);
    }
    const { project, step } = this.begin(context, batch);
    const projected = project(expandDims(x, 0)).map((t) => reshape(t, t.shape.slice(1)));
    const next = step(projected, states);
    return [next.output, ...next.states];
  }

  override begin(context: CallContext, batch: number): CellRun {
    const { dropout: inputRate = 0, recurrentDropout: stateRate = 0 } = this.options;
    const kernel = context.read(this.#kernel);
    const bias = this.#bias && context.read(this.#bias);
    const mask = (size: number, rate: number): Tensor | undefined =>
      context.training && rate > 0 ? dropout(ones([batch, size]), rate) : undefined;
    const inputMask = mask(kernel.shape[0] as number, inputRate);
    const stateMask = mask(this.units, stateRate);
    const inputBias = bias && this.inputBias(bias);
    const step = this.makeStep(
      {
        recurrentKernel: context.read(this.#recurrentKernel),
        bias,
        dropped: (h) => (stateMask === undefined ? h : multiply(h, stateMask)),
      },
      batch,
    );
    return {
      project: (x) => {
        if (x.shape[x.rank - 1] !== kernel.shape[0] || x.rank !== 3) {
          throw this.error(`expected ${kernel.shape[0]} features per step, got shape [${x.shape.slice(1).join(', ')}]`);
        }
        // one tall product, which takes the bias along
        const rows = reshape(inputMask === undefined ? x : multiply(x, inputMask), [-1, kernel.shape[0] as number]);
        const product = matmul(rows, kernel);
        const projected = inputBias === undefined ? product : add(product, inputBias);
        return [reshape(projected, [...x.shape.slice(0, 2), this.gates * this.units])];
      },
      step: ([projected], states) => step(projected as Tensor, states),
    };
  }

  /** The part of the bias that is added to the product with the inputs. */
  protected inputBias(bias: Tensor): Tensor {
    return bias;
  }

  /** The function of one step; what is the same in all of them is computed here. */
  protected abstract makeStep(
    weights: CellWeights,
    batch: number,
  ): (projected: Tensor, states: readonly Tensor[]) => CellStep;

  override getConfig(): Record<string, unknown> {
    return { ...(this.options as object) };
  }

  #features({ shape }: TensorType): number {
    if (shape.length === 2) return shape[1] as number;
    throw this.error(`expected input of shape [batch, features] per time step, got shape [${shape.join(', ')}]`);
  }
}
