import type { Adapter, Tensors } from '../../adapter';
import { layers, ops, type Tensor } from '../../api';
import { losses } from '../losses';
import { runLayer } from '../normalizations';

interface Kind {
  readonly make: (options: layers.GRUOptions) => layers.Layer;
  /** Which of ONNX's gates stands at each place of the library's kernels. */
  readonly gates: readonly number[];
}

const kinds = {
  RNN: { make: layers.simpleRNN, gates: [0] },
  // both z, r, h
  GRU: { make: layers.gru, gates: [0, 1, 2] },
  // i, o, f, c there; i, f, c, o here
  LSTM: { make: layers.lstm, gates: [0, 2, 3, 1] },
} satisfies Record<string, Kind>;

/** Part i along axis 0. */
const part = (x: Tensor, i: number): Tensor => ops.squeeze(ops.sliceAxis(x, 0, i, i + 1), 0);

/** [directions, gates * units, ...] -> one direction's [gates * units, ...] in the library's order. */
function reordered(x: Tensor, gates: readonly number[]): Tensor {
  const parts = ops.split(x, gates.length, 0);
  return ops.concatenate(
    gates.map((g) => parts[g]),
    0,
  );
}

/** One direction: the sequence [B, T, H] in the order of the input, and the last states [B, H]. */
function direction({ make, gates }: Kind, x: Tensor, w: Tensors, units: number, backwards: boolean): Tensor[] {
  const useBias = w.B !== undefined;
  // reset before the product: both biases of the candidate are outside of it, and only their sum counts
  const options = { units, useBias, goBackwards: backwards, returnSequences: true, returnState: true };
  const layer = make === layers.gru ? layers.gru({ ...options, resetAfter: false }) : make(options);
  const weights: Record<string, Tensor> = {
    kernel: ops.transpose(reordered(w.W, gates)),
    recurrentKernel: ops.transpose(reordered(w.R, gates)),
  };
  if (useBias) {
    const [input, recurrent] = ops.split(w.B, 2, 0);
    weights.bias = reordered(ops.add(input, recurrent), gates);
  }
  const [sequence, ...states] = runLayer(layer, [x], weights).outputs;
  return [backwards ? ops.flip(sequence, 1) : sequence, ...states];
}

const recurrent = (kind: Kind): Adapter => ({
  only: { linear_before_reset: [0], input_forget: [0], activations: [['Tanh', 'Tanh']] },
  traced: (inputs, { hidden_size: units, direction: way, layout }) => {
    const { X, ...weights } = inputs;
    // layout 1 has the batch first, as here
    const x = layout === 1 ? X : ops.transpose(X, [1, 0, 2]);
    const ways = way === 'bidirectional' ? [false, true] : [way === 'reverse'];
    const results = ways.map((backwards, i) => {
      const own = Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, part(w, i)]));
      return direction(kind, x, own, units, backwards);
    });
    const [Y, ...states] = results[0].map((_, i) =>
      ops.stack(
        results.map((r) => r[i]),
        i === 0 ? 2 : 1,
      ),
    );
    const [Y_h, Y_c] = states.map((t) => (layout === 1 ? t : ops.transpose(t, [1, 0, 2])));
    return { Y: layout === 1 ? Y : ops.transpose(Y, [1, 2, 0, 3]), Y_h, ...(Y_c && { Y_c }) };
  },
});

/** [B, T, heads * D] -> [B, heads, T, D]; what has four axes is so already. */
function headsOf(x: Tensor, heads: number): Tensor {
  if (x.rank === 4) return x;
  const [batch, time] = x.shape;
  return ops.transpose(ops.reshape(x, [batch, time, heads, -1]), [0, 2, 1, 3]);
}

/** Layers over time, attention, and the loss of a classifier. */
export const sequences: Record<string, Adapter> = {
  ...Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, recurrent(kind)])),
  Attention: {
    only: { qk_matmul_output_mode: [0], softcap: [0] },
    traced: ({ Q, K, V, attn_mask: mask }, { is_causal, scale, q_num_heads, kv_num_heads }) => {
      const query = headsOf(Q, q_num_heads);
      // groups of queries share keys and values
      const [key, value] = [K, V].map((t) => {
        const own = headsOf(t, kv_num_heads);
        return ops.repeat(own, query.shape[1] / own.shape[1], 1);
      });
      const y = ops.scaledDotProductAttention(query, key, value, { mask, scale, causal: is_causal === 1 });
      return Q.rank === 4 ? y : ops.reshape(ops.transpose(y, [0, 2, 1, 3]), [Q.shape[0], Q.shape[1], -1]);
    },
  },
  SoftmaxCrossEntropyLoss: {
    traced: ({ scores, labels, weights }, { reduction, ignore_index }, shape, described) => {
      const attrs = { from_logits: true, reduction, ignore_class: ignore_index };
      return (losses.sparse_categorical_crossentropy as Extract<Adapter, { traced: unknown }>).traced(
        { pred: scores, ids: labels, ...(weights && { weight: weights }) },
        attrs,
        shape,
        { ...described, axes: { pred: 'NC' } },
      );
    },
  },
};
