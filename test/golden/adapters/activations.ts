import type { Adapter } from '../adapter';
import { ops, type Tensor } from '../api';
import type { Attributes } from '../set';

const activation = (f: (x: Tensor, attrs: Attributes) => Tensor, only?: Adapter['only']): Adapter => ({
  traced: ({ x }, attrs) => f(x, attrs),
  only,
});

export const activations: Record<string, Adapter> = {
  relu: activation(ops.relu),
  relu6: activation(ops.relu6),
  leaky_relu: activation((x, { negative_slope }) => ops.leakyRelu(x, negative_slope)),
  leaky_relu_torch: activation((x, { negative_slope }) => ops.leakyRelu(x, negative_slope)),
  elu: activation((x, { alpha }) => ops.elu(x, alpha)),
  elu_a: activation((x, { alpha }) => ops.elu(x, alpha)),
  selu: activation(ops.selu),
  celu: activation((x, { alpha }) => ops.celu(x, alpha)),
  gelu: activation((x, { approximate = false }) => ops.gelu(x, approximate)),
  gelu_tanh: activation((x, { approximate = true }) => ops.gelu(x, approximate)),
  silu: activation(ops.silu),
  mish: activation(ops.mish),
  sigmoid: activation(ops.sigmoid),
  log_sigmoid: activation(ops.logSigmoid),
  hard_sigmoid: activation(ops.hardSigmoid, {
    form: ['relu6(x+3)/6 (Keras 3, PyTorch, ONNX alpha=1/6)'],
  }),
  hard_sigmoid_keras2: activation((x) => ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0, 1), {
    form: ['clip(0.2x+0.5) (Keras 2, ONNX default)'],
  }),
  hard_silu: activation(ops.hardSilu),
  tanh: activation(ops.tanh),
  hard_tanh: activation(ops.hardTanh),
  softplus: activation(ops.softplus),
  softsign: activation(ops.softsign),
  exponential: activation(ops.exp),
  tanh_shrink: activation(ops.tanhShrink),
  soft_shrink: activation((x, { threshold }) => ops.softShrink(x, threshold)),
  hard_shrink: activation((x, { threshold }) => ops.hardShrink(x, threshold)),
  squareplus: activation((x, { b }) => ops.squareplus(x, b)),
  threshold: activation((x, { threshold, value }) => ops.threshold(x, threshold, value)),
  linear: activation((x) => x),
  softmax: activation((x, { axis }) => ops.softmax(x, axis)),
  log_softmax: activation((x, { axis }) => ops.logSoftmax(x, axis)),
  prelu: { traced: ({ x, alpha }) => ops.prelu(x, alpha), only: { shared_axes: ['all but the last'] } },
  glu: activation((x, { axis }) => ops.glu(x, axis)),
};
