import { broadcastTo } from '../../ir/build.js';
import type { Shape, Tensor } from '../../ir/graph.js';
import { add, multiply, subtract } from '../../ir/ops/elementwise.js';
import { matmul } from '../../ir/ops/linalg.js';
import { zeros } from '../../ir/ops/random.js';
import { concatenate, reshape, sliceAxis, split } from '../../ir/ops/shape.js';
import { type ActivationFn, resolveActivation } from '../activations.js';
import { boolean } from '../arguments.js';
import type { CellStep, RecurrentCell } from './cell.js';
import { type CellWeights, type GatedCellOptions, StandardCell } from './standard-cell.js';

export interface GRUCellOptions extends GatedCellOptions {
  /** Whether the reset gate is applied after the product with the recurrent kernel (as cuDNN and PyTorch do). Default: true. */
  readonly resetAfter?: boolean;
}

const where = 'layers.gruCell';
type Gates = readonly [Tensor, Tensor, Tensor];

class GRUCell extends StandardCell<GRUCellOptions> {
  readonly kind = 'gruCell';
  readonly #gate: ActivationFn;
  readonly #resetAfter: boolean;

  constructor(options: GRUCellOptions) {
    super(where, options, 3, ['recurrentActivation', 'resetAfter']);
    this.#gate = resolveActivation(where, options.recurrentActivation ?? 'sigmoid', 'recurrentActivation');
    this.#resetAfter = boolean(where, 'resetAfter', options.resetAfter ?? true);
  }

  protected override get biasShape(): Shape {
    return this.#resetAfter ? [2, 3 * this.units] : [3 * this.units];
  }

  /** What the gates add for the state is added with what they add for the inputs; the candidate's is reset, too. */
  protected override inputBias(bias: Tensor): Tensor {
    if (!this.#resetAfter) return bias;
    const ofGates = sliceAxis(row(bias, 1), 0, 0, 2 * this.units);
    return add(row(bias, 0), concatenate([ofGates, zeros([this.units])], 0));
  }

  protected override makeStep(weights: CellWeights, batch: number) {
    return this.#resetAfter ? this.#stepResetAfter(weights, batch) : this.#stepResetBefore(weights);
  }

  #stepResetAfter({ recurrentKernel, bias, dropped }: CellWeights, batch: number) {
    // repeated once, so that the gradients of all steps are summed over the batch once
    const candidateBias = bias && broadcastTo(sliceAxis(row(bias, 1), 0, 2 * this.units), [batch, this.units]);
    return (projected: Tensor, states: readonly Tensor[]): CellStep => {
      const [h] = states as readonly [Tensor];
      const [xz, xr, xh] = split(projected, 3) as unknown as Gates;
      const [hz, hr, hh] = split(matmul(dropped(h), recurrentKernel), 3) as unknown as Gates;
      const reset = this.#gate(add(xr, hr));
      const past = candidateBias === undefined ? hh : add(hh, candidateBias);
      return this.#mix(h, this.#gate(add(xz, hz)), this.activation(add(xh, multiply(reset, past))));
    };
  }

  #stepResetBefore({ recurrentKernel, dropped }: CellWeights) {
    const gateKernel = sliceAxis(recurrentKernel, 1, 0, 2 * this.units);
    const candidateKernel = sliceAxis(recurrentKernel, 1, 2 * this.units);
    return (projected: Tensor, states: readonly Tensor[]): CellStep => {
      const [h] = states as readonly [Tensor];
      const state = dropped(h);
      const [xz, xr, xh] = split(projected, 3) as unknown as Gates;
      const [hz, hr] = split(matmul(state, gateKernel), 2) as [Tensor, Tensor];
      const reset = this.#gate(add(xr, hr));
      const candidate = this.activation(add(matmul(multiply(reset, state), candidateKernel), xh));
      return this.#mix(h, this.#gate(add(xz, hz)), candidate);
    };
  }

  #mix(h: Tensor, update: Tensor, candidate: Tensor): CellStep {
    const output = add(multiply(update, h), multiply(subtract(1, update), candidate));
    return { output, states: [output] };
  }
}

const row = (bias: Tensor, i: number): Tensor => reshape(sliceAxis(bias, 0, i, i + 1), [bias.shape[1] as number]);

/**
 * The step of a gated recurrent unit. With the gates in Keras's order:
 *
 *     z = σ(x Wz + h Uz + bz)
 *     r = σ(x Wr + h Ur + br)
 *     g = tanh(x Wh + b + r (h Uh + b'))    with resetAfter, else  tanh(x Wh + (r h) Uh + b)
 *     h' = z h + (1 - z) g
 *
 * - inputs: x [batch, features], h [batch, units]; outputs: h', h'
 * - weights: kernel W [features, 3 units], recurrentKernel U [units, 3 units]; bias [2, 3 units] with resetAfter (for the
 *   inputs and for the state), else [3 units]
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.rnn({ cell: layers.gruCell({ units: 64, recurrentDropout: 0.1 }) });
 *
 * Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
 */
export const gruCell = (options: GRUCellOptions): RecurrentCell => new GRUCell(options);
