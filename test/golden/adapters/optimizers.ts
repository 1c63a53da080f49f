import { type Adapter, type Loaded, type Numbers, unsupported } from '../adapter';
import { optimizers as library, tensor } from '../api';
import { Stepper } from '../stepper';

type Attrs = Loaded['attrs'];
type Rule = ReturnType<typeof library.sgd>;
/** The rule for each update; the same object as long as nothing but the learning rate changes. */
type Make = (attrs: Attrs, convention: string) => (step: number) => Rule;

const fixed =
  (make: (attrs: Attrs) => Rule): Make =>
  (attrs) => {
    const rule = make(attrs);
    return (step) => {
      if (step === 11 && attrs.lr_after_step_10 !== undefined) rule.learningRate = attrs.lr_after_step_10;
      return rule;
    };
  };

function optimizer(make: Make, conventions: readonly string[] = ['keras', 'torch']): Adapter {
  return {
    computed: (golden) => {
      const { attrs, tags } = golden;
      const convention = tags.find((tag) => tag === 'keras' || tag === 'torch') ?? 'keras';
      if (!conventions.includes(convention)) return unsupported(`the convention of ${convention}`);
      const entries = golden.inputs ?? {};
      const names = Object.keys(entries).filter((name) => name.startsWith('p'));
      const shapes = names.map((name) => [...entries[name].shape]);
      const gradients = names.map((name) => Array.from(golden.values(name.replace('p', 'g'))));
      const initial = names.map((name, i) => tensor(golden.values(name), shapes[i]));
      const stepper = new Stepper(make(attrs, convention), initial);
      const outputs: Record<string, Numbers> = {};
      for (let step = 1; step <= attrs.steps; step++) {
        stepper.apply(
          shapes.map((shape, i) => {
            const size = shape.reduce((a, b) => a * b, 1);
            return tensor(gradients[i].slice((step - 1) * size, step * size), shape);
          }),
        );
        stepper.params.forEach((p, i) => {
          outputs[`${names[i]}@${step}`] = p.data;
        });
      }
      return outputs;
    },
  };
}

const sgd = fixed(({ lr, momentum, nesterov, weight_decay, weight_decay_l2, clipvalue }) =>
  library.sgd({
    learningRate: lr,
    momentum,
    nesterov,
    // for plain gradient descent the decoupled decay and an L2 gradient are the same
    weightDecay: weight_decay ?? weight_decay_l2,
    clipvalue,
  }),
);
const rmsprop = fixed(({ lr, rho, eps, momentum, centered }) =>
  library.rmsprop({ learningRate: lr, rho, epsilon: eps, momentum, centered }),
);

/**
 * PyTorch adds epsilon after the bias correction of the mean square, Keras before it. In step t the one is the other with
 * epsilon * sqrt(1 - beta2^t), so that PyTorch's trajectories can be followed exactly.
 */
export function adam(make: typeof library.adam | typeof library.adamw): Make {
  return ({ lr, betas = [0.9, 0.999], eps, amsgrad, clipnorm, global_clipnorm, weight_decay }, convention) => {
    const at = (epsilon: number): Rule =>
      make({
        learningRate: lr,
        beta1: betas[0],
        beta2: betas[1],
        epsilon,
        amsgrad,
        clipnorm,
        globalClipnorm: global_clipnorm,
        weightDecay: weight_decay,
      });
    const rule = at(eps);
    return convention === 'keras' ? () => rule : (step) => at(eps * Math.sqrt(1 - betas[1] ** step));
  };
}

/** With a constant learning rate, the momentum of PyTorch and Keras is the same up to a factor. */
export const optimizers: Record<string, Adapter> = {
  'optimizer/sgd': optimizer(sgd),
  'optimizer/sgd_wd': optimizer(sgd),
  'optimizer/sgd_clipvalue': optimizer(sgd),
  'optimizer/momentum': optimizer(sgd),
  'optimizer/nesterov': optimizer(sgd),
  'optimizer/momentum_lrdrop': optimizer(sgd, ['keras']),
  // epsilon outside of the root cannot be said with one inside
  'optimizer/rmsprop': optimizer(rmsprop, ['keras']),
  'optimizer/rmsprop_momentum': optimizer(rmsprop, ['keras']),
  'optimizer/rmsprop_centered': optimizer(rmsprop, ['keras']),
  'optimizer/adam': optimizer(adam(library.adam)),
  'optimizer/amsgrad': optimizer(adam(library.adam)),
  'optimizer/adam_clipnorm': optimizer(adam(library.adam)),
  'optimizer/adam_global_clipnorm': optimizer(adam(library.adam)),
  'optimizer/adamw': optimizer(adam(library.adamw)),
};
