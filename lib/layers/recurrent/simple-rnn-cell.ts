import type { Tensor } from '../../ir/graph.js';
import { add } from '../../ir/ops/elementwise.js';
import { matmul } from '../../ir/ops/linalg.js';
import type { CellStep, RecurrentCell } from './cell.js';
import { type CellWeights, type SimpleRNNCellOptions, StandardCell } from './standard-cell.js';

class SimpleRNNCell extends StandardCell<SimpleRNNCellOptions> {
  readonly kind = 'simpleRNNCell';

  constructor(options: SimpleRNNCellOptions) {
    super('layers.simpleRNNCell', options, 1);
  }

  protected override makeStep({ recurrentKernel, dropped }: CellWeights) {
    return (projected: Tensor, states: readonly Tensor[]): CellStep => {
      const [h] = states as readonly [Tensor];
      const output = this.activation(add(matmul(dropped(h), recurrentKernel), projected));
      return { output, states: [output] };
    };
  }
}

/**
 * The step of a fully connected recurrent layer: h' = activation(x W + h U + b), which is output and state.
 *
 * - inputs: x [batch, features], h [batch, units]; outputs: h', h'
 * - weights: kernel W [features, units], recurrentKernel U [units, units], bias b [units]
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.rnn({ cell: layers.simpleRNNCell({ units: 32, activation: 'relu' }) });
 *
 * Source: Elman, "Finding structure in time", Cognitive Science 1990.
 */
export const simpleRNNCell = (options: SimpleRNNCellOptions): RecurrentCell => new SimpleRNNCell(options);
