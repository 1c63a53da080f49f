/** Recurrent layers and what belongs to sequences. */
export { type BidirectionalOptions, bidirectional } from './bidirectional.js';
export { type CellRun, type CellStep, RecurrentCell } from './cell.js';
export { type ConvLstmOptions, convLstm1d, convLstm2d, convLstm3d } from './conv-lstm.js';
export { type GRUCellOptions, gruCell } from './gru-cell.js';
export { type GRUOptions, gru, type LSTMOptions, lstm, type SimpleRNNOptions, simpleRNN } from './layers.js';
export { type LSTMCellOptions, lstmCell } from './lstm-cell.js';
export { type MaskingOptions, masking } from './masking.js';
export { Recurrent, type RecurrentOptions, type RNNOptions, rnn } from './rnn.js';
export { simpleRNNCell } from './simple-rnn-cell.js';
export { type StackedRNNCellsOptions, stackedRNNCells } from './stacked-cells.js';
export type { GatedCellOptions, SimpleRNNCellOptions } from './standard-cell.js';
export { type TimeDistributedOptions, timeDistributed } from './time-distributed.js';
