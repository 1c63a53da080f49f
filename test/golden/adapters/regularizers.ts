import type { Adapter, Loaded } from '../adapter';
import { regularizers as library, ops, optimizers, tensor } from '../api';
import { Stepper } from '../stepper';

/** Clipping is an option of the optimizers: from 0, one step of size 1 goes to minus the clipped gradient. */
const clipping = (options: (attrs: Loaded['attrs']) => optimizers.OptimizerOptions): Adapter => ({
  computed: ({ attrs, inputs = {}, outputs = {}, values }) => {
    const names = Object.keys(inputs);
    const gradients = names.map((name) => tensor(values(name), [...inputs[name].shape]));
    const descent = optimizers.sgd({ learningRate: 1, ...options(attrs) });
    const stepper = new Stepper(descent, gradients.map(ops.zerosLike));
    stepper.apply(gradients);
    const clipped = Object.fromEntries(names.map((name, i) => [name, ops.negative(stepper.params[i]).data]));
    if (!('global_norm' in outputs)) return clipped;
    const squares = gradients.map((g) => ops.sum(ops.square(g))).reduce((a, b) => ops.add(a, b));
    return { ...clipped, global_norm: ops.sqrt(squares).data };
  },
});

export const regularizers: Record<string, Adapter> = {
  l1: { traced: ({ w }, { l1 }) => library.l1(l1)(w) },
  l2: { traced: ({ w }, { l2 }) => library.l2(l2)(w) },
  l1_l2: { traced: ({ w }, { l1, l2 }) => library.l1l2({ l1, l2 })(w) },
  clip_by_value: clipping(({ clip }) => ({ clipvalue: clip })),
  clip_by_norm_each: clipping(({ max_norm }) => ({ clipnorm: max_norm })),
  clip_by_global_norm: clipping(({ max_norm, eps }) => ({ globalClipnorm: max_norm, clipEpsilon: eps })),
  clip_by_global_norm_torch: clipping(({ max_norm, eps }) => ({ globalClipnorm: max_norm, clipEpsilon: eps })),
};
