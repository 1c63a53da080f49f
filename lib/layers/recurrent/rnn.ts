import { formatType, type Shape, sameShape, type Tensor, type TensorType } from '../../ir/graph.js';
import { where as select } from '../../ir/ops/elementwise.js';
import { scan } from '../../ir/ops/loop.js';
import { zeros } from '../../ir/ops/random.js';
import { flip, reshape, transpose } from '../../ir/ops/shape.js';
import { withExactHandOver } from '../../ir/precision.js';
import { argumentError, boolean, checkOptions, positiveInteger } from '../arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys, type Weight } from '../layer.js';
import { stepMaskOf, withMask } from '../mask.js';
import { overPrefix } from '../prefix.js';
import { probeContext } from '../symbolic.js';
import { RecurrentCell } from './cell.js';
import { StepEffects } from './effects.js';
import { stackedRNNCells } from './stacked-cells.js';

/** What all recurrent layers can do. */
export interface RecurrentOptions extends LayerOptions {
  /** Returns the outputs of all time steps, [batch, time, ...], and not only that of the last. Default: false. */
  readonly returnSequences?: boolean;
  /** Returns the last states, each [batch, ...], after the output. Default: false. */
  readonly returnState?: boolean;
  /**
   * Goes from the last time step to the first; a returned sequence is in the order of the work, and its mask with it. Keras
   * leaves the mask in the order of the input. Default: false.
   */
  readonly goBackwards?: boolean;
  /**
   * A batch starts with the states that the one before it ended with, in training, evaluation and prediction alike: sample
   * i goes on where sample i was. So batches should follow each other in time: `fit` needs `shuffle: false`.
   * `model.resetStates` sets the states to 0, as should be done before other sequences begin. Default: false.
   */
  readonly stateful?: boolean;
  /** With `returnSequences`, steps that a mask leaves out are 0 instead of the output before them. Default: false. */
  readonly zeroOutputForMask?: boolean;
  /** Number of samples in every batch; needed with `stateful`. */
  readonly batchSize?: number;
}

const flags = ['returnSequences', 'returnState', 'goBackwards', 'stateful', 'zeroOutputForMask'] as const;

export const recurrentKeys = [...flags, 'batchSize'] as const;

export interface RNNOptions extends RecurrentOptions {
  /** What happens in one time step; a list is stacked. */
  readonly cell: RecurrentCell | readonly RecurrentCell[];
}

/** A layer over time. Each kind of recurrent layer makes one, with a cell from its own options. */
export class Recurrent extends Layer {
  readonly #cell: RecurrentCell;
  readonly #again: ((options: RecurrentOptions) => Recurrent) | undefined;
  #states: readonly Weight[] = [];

  /**
   * @param again makes a layer of the same kind with a cell of its own, for a second direction
   */
  constructor(
    readonly kind: string,
    readonly options: RecurrentOptions,
    cell: RecurrentCell,
    again?: (options: RecurrentOptions) => Recurrent,
  ) {
    const where = `layers.${kind}`;
    super(options);
    for (const key of flags) {
      if (options[key] !== undefined) boolean(where, key, options[key]);
    }
    if (options.batchSize !== undefined) positiveInteger(where, 'batchSize', options.batchSize);
    if (options.stateful && options.batchSize === undefined) {
      throw new Error(`${where}: stateful needs batchSize, the number of samples in every batch`);
    }
    this.#cell = this.own(cell);
    this.#again = again;
  }

  get stateCount(): number {
    return this.#cell.stateShapes.length;
  }

  override get stateWeights(): readonly Weight[] {
    return this.#states;
  }

  /** A layer with the same options and new weights that goes the other way. Undefined for a cell of the user. */
  reversed(): Recurrent | undefined {
    const { name: _, ...options } = this.options;
    return this.#again?.({ ...options, goBackwards: !this.options.goBackwards });
  }

  override build(inputs: readonly TensorType[]): void {
    const [x] = inputs as readonly [TensorType];
    this.#checkSequence(x);
    this.#cell.ensureBuilt([{ shape: [x.shape[0] as number, ...x.shape.slice(2)], dtype: x.dtype }]);
    const { stateful = false, batchSize = 0 } = this.options;
    if (!stateful) return;
    this.#states = this.#cell.stateShapes.map((shape, i) =>
      this.addWeight({ name: `state_${i}`, shape: [batchSize, ...shape], initializer: 'zeros', trainable: false }),
    );
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const { returnSequences = false, returnState = false, goBackwards = false, stateful = false } = this.options;
    const { x, mask, initial } = this.#arguments(inputs);
    const batch = x.shape[0] as number;
    const directed = (t: Tensor): Tensor => (goBackwards ? flip(t, 1) : t);
    const effects = new StepEffects(context);
    const run = this.#cell.begin(effects.context, batch);
    const projected = run.project(timeMajor(directed(x)));
    const blank = zeros([batch, ...this.#cell.outputShape]);

    const { carry, output } = scan(
      ([previous, ...states]: readonly Tensor[], elements: readonly Tensor[]) => {
        // from step to step nothing is rounded: a state takes many small changes
        const step = () => run.step(elements.slice(0, projected.length), states);
        const next = effects.during(() => withExactHandOver(step));
        // a step that does not count repeats the output before it and leaves the states alone
        const keep = elements[projected.length];
        const masked = (now: Tensor, before: Tensor): Tensor => (keep === undefined ? now : choose(keep, now, before));
        const y = masked(next.output, previous as Tensor);
        const carried = [y, ...next.states.map((state, i) => masked(state, states[i] as Tensor))];
        return { carry: carried, output: [...effects.outputs, ...(returnSequences ? [y] : [])] };
      },
      [blank, ...(initial ?? this.#startStates(batch, context))],
      [...projected, ...(mask === undefined ? [] : [timeMajor(directed(mask))])],
    );
    const [last, ...states] = carry as [Tensor, ...Tensor[]];
    if (stateful) for (const [i, weight] of this.#states.entries()) context.write(weight, states[i] as Tensor);
    const effectCount = effects.outputs.length;
    effects.settle(output.slice(0, effectCount));
    const sequence = output[effectCount];
    const result = sequence === undefined ? last : this.#masked(timeMajor(sequence), mask && directed(mask));
    return [result, ...(returnState ? states : [])];
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  /** The outputs of all steps, with their mask. */
  #masked(sequence: Tensor, mask: Tensor | undefined): Tensor {
    if (mask === undefined) return sequence;
    const { zeroOutputForMask = false } = this.options;
    return withMask(zeroOutputForMask ? select(overPrefix(mask, sequence.shape), sequence, 0) : sequence, mask);
  }

  #checkSequence(x: TensorType): void {
    if (x.shape.length >= 3 && (x.shape[1] as number) >= 1) return;
    throw this.error(
      `expected input of shape [batch, time, ...features] with at least one time step, got [${x.shape.join(', ')}]`,
    );
  }

  /** The sequence, its mask (an input, or one that travelled with the sequence), the initial states. */
  #arguments(inputs: readonly Tensor[]): { x: Tensor; mask: Tensor | undefined; initial: Tensor[] | undefined } {
    const [x, ...others] = inputs as readonly [Tensor, ...Tensor[]];
    this.#checkSequence(x);
    const [batch, steps] = x.shape as [number, number];
    const given = others[0]?.dtype === 'bool' ? others.shift() : undefined;
    if (given !== undefined && !sameShape(given.shape, [batch, steps])) {
      throw this.error(`the mask must be bool[${batch}, ${steps}], got ${formatType(given)}`);
    }
    const { stateShapes } = this.#cell;
    if (others.length > 0 && others.length !== stateShapes.length) {
      throw this.error(
        `takes a sequence, then (if any) a bool mask and ${stateShapes.length} initial states; ` +
          `got ${others.length} inputs after the sequence${given === undefined ? '' : ' and the mask'}`,
      );
    }
    others.forEach((state, i) => {
      const expected = [batch, ...(stateShapes[i] as Shape)];
      if (!sameShape(state.shape, expected) || state.dtype !== 'float32') {
        throw this.error(`initial state ${i} must be float32[${expected.join(', ')}], got ${formatType(state)}`);
      }
    });
    return { x, mask: given ?? stepMaskOf(x), initial: others.length > 0 ? others : undefined };
  }

  #startStates(batch: number, context: CallContext): readonly Tensor[] {
    // shapes are inferred with a batch size that no real batch has
    if (!this.options.stateful || context === probeContext) {
      return this.#cell.stateShapes.map((shape) => zeros([batch, ...shape]));
    }
    if (batch !== this.options.batchSize) {
      throw this.error(
        `is stateful with batchSize ${this.options.batchSize}, got a batch of ${batch} samples: use batches of that ` +
          `size only, and a number of samples that it divides`,
      );
    }
    return this.#states.map((weight) => context.read(weight));
  }
}

/** Swaps batch and time. */
const timeMajor = (t: Tensor): Tensor => transpose(t, [1, 0, ...t.shape.slice(2).map((_, i) => i + 2)]);

/** Per sample: `keep` [batch] decides over [batch, ...]. */
const choose = (keep: Tensor, now: Tensor, before: Tensor): Tensor =>
  select(reshape(keep, [keep.size, ...now.shape.slice(1).map(() => 1)]), now, before);

/** The options that are the layer's; the others are the cell's. */
export function splitOptions<O extends RecurrentOptions>(options: O): { layer: RecurrentOptions; cell: object } {
  const isLayer = (key: string): boolean =>
    [...layerOptionKeys, ...recurrentKeys].some((known: string) => known === key);
  const entries = Object.entries(options);
  return {
    layer: Object.fromEntries(entries.filter(([key]) => isLayer(key))),
    cell: Object.fromEntries(entries.filter(([key]) => !isLayer(key))),
  };
}

/**
 * A recurrent layer from any cell: for each time step, output and states = cell(input, states).
 *
 * - inputs: a sequence [batch, time, ...]; then, if wanted, a bool mask [batch, time]; then, if wanted, the initial states,
 *   each [batch, ...] (default: zeros)
 * - outputs: [batch, ...], or with `returnSequences` [batch, time, ...]; with `returnState` followed by the last states
 * - weights: the cell's
 *
 * Time steps that a mask leaves out (see `masking`) repeat the output before them and do not change the states. The cell is
 * traced once, for all steps; penalties that it adds to the loss are added up over them.
 *
 * @throws Error when an argument is not valid; when applied, if the input has no time axis, or mask or states do not fit
 *
 * @example
 * layers.rnn({ cell: layers.lstmCell({ units: 32 }), returnSequences: true, inputShape: [20, 8] });
 */
export function rnn(options: RNNOptions): Recurrent {
  const where = 'layers.rnn';
  checkOptions(where, options, [...layerOptionKeys, ...recurrentKeys, 'cell']);
  const cells: unknown = options.cell;
  if (Array.isArray(cells)) return new Recurrent('rnn', options, stackedRNNCells({ cells }));
  if (!(cells instanceof RecurrentCell)) {
    throw argumentError(where, 'cell', 'a recurrent cell (layers.lstmCell, ...) or a list of them', cells);
  }
  return new Recurrent('rnn', options, cells);
}
