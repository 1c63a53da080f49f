import { resolveInitializer } from '../../initializers/resolve.js';
import type { Shape, Tensor } from '../../ir/graph.js';
import { add, multiply } from '../../ir/ops/elementwise.js';
import { matmul } from '../../ir/ops/linalg.js';
import { split } from '../../ir/ops/shape.js';
import { type ActivationFn, resolveActivation } from '../activations.js';
import { boolean } from '../arguments.js';
import type { InitializerFn } from '../layer.js';
import type { CellStep, RecurrentCell } from './cell.js';
import { type CellWeights, type GatedCellOptions, StandardCell } from './standard-cell.js';

export interface LSTMCellOptions extends GatedCellOptions {
  /** Starts the bias of the forget gate at 1: at first, nothing is forgotten (Jozefowicz et al., 2015). Default: true. */
  readonly unitForgetBias?: boolean;
}

const where = 'layers.lstmCell';

class LSTMCell extends StandardCell<LSTMCellOptions> {
  readonly kind = 'lstmCell';
  readonly #gate: ActivationFn;

  constructor(options: LSTMCellOptions) {
    super(where, options, 4, ['recurrentActivation', 'unitForgetBias']);
    this.#gate = resolveActivation(where, options.recurrentActivation ?? 'sigmoid', 'recurrentActivation');
    if (options.unitForgetBias !== undefined) boolean(where, 'unitForgetBias', options.unitForgetBias);
  }

  override get stateShapes(): readonly Shape[] {
    return [[this.units], [this.units]];
  }

  protected override get biasInitializer(): InitializerFn {
    const initial = resolveInitializer(where, 'biasInitializer', super.biasInitializer);
    return this.options.unitForgetBias === false ? initial : rememberingBias(initial, this.units);
  }

  protected override makeStep({ recurrentKernel, dropped }: CellWeights) {
    return (projected: Tensor, [h, c]: readonly Tensor[]): CellStep =>
      lstmStep(add(matmul(dropped(h as Tensor), recurrentKernel), projected), c as Tensor, this.#gate, this.activation);
  }
}

/** The bias of the gates i, f, g, o, of `units` each, with 1 for the forget gate. */
export const rememberingBias =
  (initial: InitializerFn, units: number): InitializerFn =>
  (shape, random) =>
    initial(shape, random).fill(1, units, 2 * units);

/** From the sums that enter the gates i, f, g, o, side by side along the last axis, and the state c. */
export function lstmStep(sums: Tensor, c: Tensor, gate: ActivationFn, activation: ActivationFn): CellStep {
  const [i, f, candidate, o] = split(sums, 4) as [Tensor, Tensor, Tensor, Tensor];
  const next = add(multiply(gate(f), c), multiply(gate(i), activation(candidate)));
  const output = multiply(gate(o), activation(next));
  return { output, states: [output, next] };
}

/**
 * The step of a long short-term memory. With the gates in Keras's order:
 *
 *     i, f, g, o = split(x W + h U + b)
 *     c' = σ(f) c + σ(i) tanh(g)
 *     h' = σ(o) tanh(c')
 *
 * - inputs: x [batch, features], h and c [batch, units]; outputs: h', h', c'
 * - weights: kernel W [features, 4 units], recurrentKernel U [units, 4 units], bias b [4 units]
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.rnn({ cell: layers.lstmCell({ units: 64 }), returnSequences: true });
 *
 * Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997; Gers et al., 2000 (forget gate).
 */
export const lstmCell = (options: LSTMCellOptions): RecurrentCell => new LSTMCell(options);
