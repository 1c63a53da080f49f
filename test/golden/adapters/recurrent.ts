import type { Adapter, Tensors } from '../adapter';
import { layers, losses, ops, type Tensor } from '../api';
import { camel } from '../names';
import type { Attributes } from '../set';
import { type Loss, trajectory } from '../trajectory';
import { runLayer } from './normalizations';

type Kind = 'simpleRNN' | 'lstm' | 'gru';

const makers = {
  simpleRNN: layers.simpleRNN,
  lstm: layers.lstm,
  gru: (options: layers.GRUOptions) => layers.gru(options),
};

const activationOf = (name: string) => camel(name) as layers.Activation;

const optionsOf = ({ units, activation, use_bias, recurrent_activation, reset_after, go_backwards }: Attributes) => ({
  units,
  activation: activation && activationOf(activation),
  useBias: use_bias,
  goBackwards: go_backwards,
  ...(recurrent_activation === undefined ? {} : { recurrentActivation: activationOf(recurrent_activation) }),
  ...(reset_after === undefined ? {} : { resetAfter: reset_after }),
});

/** All outputs and the last states. The set keeps a sequence that was read backwards in the order of the input. */
const recurrent = (kind: Kind): Adapter => ({
  traced: ({ x, kernel, recurrent_kernel, bias, mask, h0, c0 }, attrs) => {
    const { return_sequences: returnSequences = true } = attrs;
    const layer = makers[kind]({ ...optionsOf(attrs), returnSequences, returnState: true });
    const inputs = [x, mask, h0, c0].filter((t) => t !== undefined);
    const weights: Tensors = { kernel, recurrentKernel: recurrent_kernel, bias };
    const [sequence, h, c] = runLayer(layer, inputs, weights).outputs;
    return {
      sequence: attrs.go_backwards && returnSequences ? ops.flip(sequence, 1) : sequence,
      h_final: h,
      ...(c === undefined ? {} : { c_final: c }),
    };
  },
});

const crossentropy = losses.binaryCrossentropy({ fromLogits: true });

/** The last state of a recurrent layer , and a dense layer with one output. */
const classifier =
  (kind: Kind): Loss =>
  ({ k, r, b, w, c }, { x, y }) => {
    const weights: Tensors = { kernel: k, recurrentKernel: r, bias: b };
    const last: Tensor = runLayer(makers[kind]({ units: w.shape[0] }), [x], weights).y;
    const logits = ops.add(ops.matmul(last, w), c);
    return { loss: ops.mean(crossentropy(ops.expandDims(y, -1), logits)) };
  };

export const recurrents: Record<string, Adapter> = {
  simple_rnn: recurrent('simpleRNN'),
  lstm: recurrent('lstm'),
  gru: recurrent('gru'),
  'train/lstm': trajectory(classifier('lstm'), {
    layers: ['lstm(3->16, Keras gates) last state -> dense(1), BCE with logits'],
  }),
  'train/gru': trajectory(classifier('gru'), {
    layers: ['gru(3->16, Keras gates) last state -> dense(1), BCE with logits'],
  }),
};
