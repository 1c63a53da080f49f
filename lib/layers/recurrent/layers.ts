import { checkOptions } from '../arguments.js';
import { layerOptionKeys } from '../layer.js';
import type { RecurrentCell } from './cell.js';
import { type GRUCellOptions, gruCell } from './gru-cell.js';
import { type LSTMCellOptions, lstmCell } from './lstm-cell.js';
import { Recurrent, type RecurrentOptions, recurrentKeys, splitOptions } from './rnn.js';
import { simpleRNNCell } from './simple-rnn-cell.js';
import { type SimpleRNNCellOptions, simpleCellKeys } from './standard-cell.js';

export interface SimpleRNNOptions extends SimpleRNNCellOptions, RecurrentOptions {}
export interface LSTMOptions extends LSTMCellOptions, RecurrentOptions {}
export interface GRUOptions extends GRUCellOptions, RecurrentOptions {}

/** A recurrent layer that makes its own cell. */
export function withCell<C extends object, O extends C & RecurrentOptions>(
  kind: string,
  cell: (options: C) => RecurrentCell,
  options: O,
  cellKeys: readonly string[],
): Recurrent {
  checkOptions(`layers.${kind}`, options, [...layerOptionKeys, ...recurrentKeys, ...cellKeys]);
  const again = (changed: RecurrentOptions): Recurrent => withCell(kind, cell, changed as O, cellKeys);
  return new Recurrent(kind, options, cell(splitOptions(options).cell as C), again);
}

/**
 * A fully connected recurrent layer: hₜ = tanh(xₜ W + hₜ₋₁ U + b). Inputs, outputs, masks and states: see `rnn`; weights
 * and formula: see `simpleRNNCell`.
 *
 * - input: float32 [batch, time, features]
 * - output: float32 [batch, units], the last one, or [batch, time, units] with `returnSequences`
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * layers.simpleRNN({ units: 32, inputShape: [28, 28] });
 *
 * Source: Elman, "Finding structure in time", Cognitive Science 1990.
 */
export const simpleRNN = (options: SimpleRNNOptions): Recurrent =>
  withCell('simpleRNN', simpleRNNCell, options, simpleCellKeys);

/**
 * A long short-term memory layer. Inputs, outputs, masks and states (h, c): see `rnn`; weights and formula: see
 * `lstmCell`.
 *
 * - input: float32 [batch, time, features]
 * - output: float32 [batch, units], the last one, or [batch, time, units] with `returnSequences`
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * sequential([
 *   layers.lstm({ units: 64, returnSequences: true, inputShape: [28, 28] }),
 *   layers.lstm({ units: 64, dropout: 0.1 }),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ]);
 *
 * Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997.
 */
export const lstm = (options: LSTMOptions): Recurrent =>
  withCell('lstm', lstmCell, options, [...simpleCellKeys, 'recurrentActivation', 'unitForgetBias']);

/**
 * A gated recurrent unit layer. Inputs, outputs, masks and states: see `rnn`; weights and formula: see `gruCell`.
 *
 * - input: float32 [batch, time, features]
 * - output: float32 [batch, units], the last one, or [batch, time, units] with `returnSequences`
 *
 * @throws Error when an argument is not valid; when applied, if the shapes do not fit
 *
 * @example
 * const [y, state] = layers.gru({ units: 16, returnState: true }).applyMany(input({ shape: [20, 4] }));
 *
 * Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation", EMNLP 2014.
 */
export const gru = (options: GRUOptions): Recurrent =>
  withCell('gru', gruCell, options, [...simpleCellKeys, 'recurrentActivation', 'resetAfter']);
