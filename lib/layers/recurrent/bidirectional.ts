import type { Tensor, TensorType } from '../../ir/graph.js';
import { add, multiply } from '../../ir/ops/elementwise.js';
import { concatenate, flip } from '../../ir/ops/shape.js';
import { argumentError, checkOptions } from '../arguments.js';
import { type CallContext, Layer, type LayerOptions, layerOptionKeys } from '../layer.js';
import { maskOf, withMask } from '../mask.js';
import { Recurrent } from './rnn.js';

const merges = {
  concat: (a: Tensor, b: Tensor): Tensor => concatenate([a, b], -1),
  sum: add,
  mul: multiply,
  ave: (a: Tensor, b: Tensor): Tensor => multiply(add(a, b), 0.5),
} as const;

export interface BidirectionalOptions extends LayerOptions {
  /** The forward layer; the backward one is like it, with weights of its own. */
  readonly layer: Recurrent;
  /** Another layer for the way back: with the opposite `goBackwards`, and the same results. */
  readonly backwardLayer?: Recurrent;
  /** How the two outputs become one; null returns both. Default: 'concat'. */
  readonly mergeMode?: keyof typeof merges | null;
}

const where = 'layers.bidirectional';

class Bidirectional extends Layer {
  readonly kind = 'bidirectional';
  readonly #forward: Recurrent;
  readonly #backward: Recurrent;

  constructor(readonly options: BidirectionalOptions) {
    checkOptions(where, options, [...layerOptionKeys, 'layer', 'backwardLayer', 'mergeMode']);
    const { layer, backwardLayer, mergeMode = 'concat' } = options;
    if (!(layer instanceof Recurrent)) {
      throw argumentError(where, 'layer', 'a recurrent layer (layers.lstm, gru, simpleRNN or rnn)', layer);
    }
    if (mergeMode !== null && !Object.hasOwn(merges, mergeMode)) {
      throw argumentError(where, 'mergeMode', `one of 'concat', 'sum', 'mul', 'ave', null`, mergeMode);
    }
    super({ inputShape: layer.inputShape, inputDType: layer.inputDType, ...options });
    this.#forward = this.own(layer, 'forward');
    this.#backward = this.own(checkBackward(layer, backwardLayer ?? layer.reversed()), 'backward');
  }

  override build(inputs: readonly TensorType[]): void {
    const [forward, backward] = this.#split(inputs);
    this.#forward.ensureBuilt(forward);
    this.#backward.ensureBuilt(backward);
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    const [forwardInputs, backwardInputs] = this.#split(inputs);
    const [forward, ...forwardStates] = this.#forward.trace(forwardInputs, context) as [Tensor, ...Tensor[]];
    const [last, ...backwardStates] = this.#backward.trace(backwardInputs, context) as [Tensor, ...Tensor[]];
    const { mergeMode = 'concat', layer } = this.options;
    const mask = maskOf(forward);
    const masked = (t: Tensor): Tensor => (mask === undefined ? t : withMask(t, mask));
    // both sequences in the order of the input
    const backward = layer.options.returnSequences ? masked(flip(last, 1)) : last;
    const merged = mergeMode === null ? [forward, backward] : [masked(merges[mergeMode](forward, backward))];
    return [...merged, ...forwardStates, ...backwardStates];
  }

  override getConfig(): Record<string, unknown> {
    return { ...this.options };
  }

  /** The sequence and its mask go to both; of the initial states, half to each. */
  #split<T extends TensorType>(inputs: readonly T[]): [T[], T[]] {
    const shared = inputs[1]?.dtype === 'bool' ? 2 : 1;
    const states = inputs.slice(shared);
    const half = this.#forward.stateCount;
    if (states.length !== 0 && states.length !== 2 * half) {
      throw this.error(`takes a sequence and, if any, ${2 * half} initial states, got ${states.length} states`);
    }
    const common = inputs.slice(0, shared);
    return [
      [...common, ...states.slice(0, half)],
      [...common, ...states.slice(half)],
    ];
  }
}

function checkBackward(layer: Recurrent, backward: unknown): Recurrent {
  if (backward === undefined) {
    throw new Error(`${where}: backwardLayer must be given for layers.rnn, whose cell cannot be copied`);
  }
  if (!(backward instanceof Recurrent)) throw argumentError(where, 'backwardLayer', 'a recurrent layer', backward);
  const { goBackwards = false, returnSequences = false, returnState = false } = layer.options;
  const other = backward.options;
  if ((other.goBackwards ?? false) === goBackwards) {
    throw new Error(`${where}: backwardLayer must have goBackwards: ${!goBackwards}, the opposite of layer`);
  }
  if ((other.returnSequences ?? false) !== returnSequences || (other.returnState ?? false) !== returnState) {
    throw new Error(`${where}: layer and backwardLayer must agree in returnSequences and returnState`);
  }
  return backward;
}

/**
 * A recurrent layer in both directions over time. The results of the two are merged:
 *
 * - inputs: as the layer's; initial states for the forward, then for the backward layer
 * - outputs: 'concat' [..., 2 units]; 'sum', 'mul', 'ave' [..., units]; null: both. With `returnState` followed by the
 *   states of the forward, then of the backward layer
 * - weights: 'forward/...' and 'backward/...'
 *
 * @throws Error when an argument is not valid, or the two layers do not fit together
 *
 * @example
 * layers.bidirectional({ layer: layers.lstm({ units: 32, returnSequences: true }), inputShape: [50, 16] });
 *
 * Source: Schuster and Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal Processing 1997.
 */
export const bidirectional = (options: BidirectionalOptions): Layer => new Bidirectional(options);
