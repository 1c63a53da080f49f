import type { Tensor } from '../ir/graph.js';
import { exp } from '../ir/ops/elementwise.js';
import * as nn from '../ir/ops/nn.js';
import { named } from './arguments.js';
import { keepNarrow } from './hand-over.js';

/** A function that is applied to a layer's result; softmax kinds work along the last axis, all others elementwise. */
export type ActivationFn = (x: Tensor) => Tensor;

/** Activations that have a name. The functions themselves are in `ops`. */
const table = {
  linear: (x: Tensor): Tensor => x,
  relu: (x: Tensor): Tensor => nn.relu(x),
  relu6: (x: Tensor): Tensor => nn.relu6(x),
  leakyRelu: (x: Tensor): Tensor => nn.leakyRelu(x),
  elu: (x: Tensor): Tensor => nn.elu(x),
  selu: (x: Tensor): Tensor => nn.selu(x),
  gelu: (x: Tensor): Tensor => nn.gelu(x),
  silu: (x: Tensor): Tensor => nn.silu(x),
  swish: (x: Tensor): Tensor => nn.silu(x),
  mish: (x: Tensor): Tensor => nn.mish(x),
  sigmoid: (x: Tensor): Tensor => nn.sigmoid(x),
  hardSigmoid: (x: Tensor): Tensor => nn.hardSigmoid(x),
  hardSilu: (x: Tensor): Tensor => nn.hardSilu(x),
  logSigmoid: (x: Tensor): Tensor => nn.logSigmoid(x),
  tanh: (x: Tensor): Tensor => nn.tanh(x),
  softplus: (x: Tensor): Tensor => nn.softplus(x),
  softsign: (x: Tensor): Tensor => nn.softsign(x),
  exponential: (x: Tensor): Tensor => exp(x),
  softmax: (x: Tensor): Tensor => nn.softmax(x),
  logSoftmax: (x: Tensor): Tensor => nn.logSoftmax(x),
} as const satisfies Record<string, ActivationFn>;

/** Names that an `activation` option accepts. */
export type ActivationName = keyof typeof table;
/** All of them. */
export const activationNames = Object.keys(table) as readonly ActivationName[];
export type Activation = ActivationName | ActivationFn;

/** Those whose derivative may see a rounded argument. Softmax kinds stand in front of losses, which look at their argument. */
const isElementwise = (name: ActivationName): boolean => !['linear', 'softmax', 'logSoftmax'].includes(name);

/** @throws Error listing the valid names */
export function resolveActivation(where: string, activation: Activation, name = 'activation'): ActivationFn {
  if (typeof activation === 'function') return activation;
  const apply = named<ActivationFn>(where, name, activation, table);
  return isElementwise(activation) ? (x) => apply(keepNarrow(x)) : apply;
}
