import type { Adapter, Loaded, Numbers } from '../adapter';
import { optimizers as library, tensor } from '../api';
import { Stepper } from '../stepper';

type Attrs = Loaded['attrs'];
type Convention = library.Convention;
type Rule = ReturnType<typeof library.sgd>;
type Make = (attrs: Attrs, convention: Convention) => Rule;

function optimizer(make: Make): Adapter {
  return {
    computed: (golden) => {
      const { attrs, tags } = golden;
      const rule = make(attrs, tags.includes('torch') ? 'torch' : 'keras');
      const entries = golden.inputs ?? {};
      const names = Object.keys(entries).filter((name) => name.startsWith('p'));
      const shapes = names.map((name) => [...entries[name].shape]);
      const gradients = names.map((name) => Array.from(golden.values(name.replace('p', 'g'))));
      const initial = names.map((name, i) => tensor(golden.values(name), shapes[i]));
      const stepper = new Stepper(rule, initial);
      const outputs: Record<string, Numbers> = {};
      for (let step = 1; step <= attrs.steps; step++) {
        if (step === 11 && attrs.lr_after_step_10 !== undefined) rule.learningRate = attrs.lr_after_step_10;
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

/** What all optimizers take; absent attributes leave the library's defaults. */
const common = ({
  lr,
  weight_decay,
  weight_decay_l2,
  clipnorm,
  clipvalue,
  global_clipnorm,
  clip_epsilon,
  use_ema,
  ema_momentum,
}: Attrs) => ({
  learningRate: lr,
  weightDecay: weight_decay ?? weight_decay_l2,
  weightDecayMode: weight_decay_l2 === undefined ? ('decoupled' as const) : ('l2' as const),
  clipnorm,
  clipvalue,
  globalClipnorm: global_clipnorm,
  clipEpsilon: clip_epsilon,
  useEma: use_ema,
  emaMomentum: ema_momentum,
});

const moments = ({ betas, eps, ...rest }: Attrs) => ({
  ...common(rest),
  beta1: betas?.[0],
  beta2: betas?.[1],
  epsilon: eps,
});

const sgd: Make = ({ momentum, nesterov, dampening, ...rest }, convention) =>
  library.sgd({ ...common(rest), momentum, nesterov, dampening, convention });

const rmsprop: Make = ({ rho, alpha, eps, momentum, centered, ...rest }, convention) =>
  library.rmsprop({ ...common(rest), rho: rho ?? alpha, epsilon: eps, momentum, centered, convention });

const adam: Make = (attrs, convention) => library.adam({ ...moments(attrs), amsgrad: attrs.amsgrad, convention });

const adamw: Make = (attrs, convention) => library.adamw({ ...moments(attrs), convention });

const lion: Make = (attrs) => library.lion({ ...common(attrs), beta1: attrs.betas[0], beta2: attrs.betas[1] });

/** By the names that the groups `optimizer` and `train` use. */
export const rules: Record<string, Make> = { sgd, momentum: sgd, rmsprop, adam, adamw };

export const optimizers: Record<string, Adapter> = {
  'optimizer/sgd': optimizer(sgd),
  'optimizer/sgd_wd': optimizer(sgd),
  'optimizer/sgd_clipvalue': optimizer(sgd),
  'optimizer/momentum': optimizer(sgd),
  'optimizer/nesterov': optimizer(sgd),
  'optimizer/momentum_lrdrop': optimizer(sgd),
  'optimizer/momentum_dampening': optimizer(sgd),
  'optimizer/rmsprop': optimizer(rmsprop),
  'optimizer/rmsprop_momentum': optimizer(rmsprop),
  'optimizer/rmsprop_centered': optimizer(rmsprop),
  'optimizer/adagrad': optimizer(({ eps, initial_accumulator, ...rest }, convention) =>
    library.adagrad({ ...common(rest), epsilon: eps, initialAccumulatorValue: initial_accumulator, convention }),
  ),
  'optimizer/adadelta': optimizer(({ eps, rho, ...rest }) => library.adadelta({ ...common(rest), epsilon: eps, rho })),
  'optimizer/adam': optimizer(adam),
  'optimizer/adam_l2': optimizer(adam),
  'optimizer/adam_ema': optimizer(adam),
  'optimizer/amsgrad': optimizer(adam),
  'optimizer/adam_clipnorm': optimizer(adam),
  'optimizer/adam_global_clipnorm': optimizer(adam),
  'optimizer/adamw': optimizer(adamw),
  'optimizer/nadam': optimizer((attrs) => library.nadam({ ...moments(attrs), momentumDecay: attrs.momentum_decay })),
  'optimizer/adamax': optimizer((attrs, convention) => library.adamax({ ...moments(attrs), convention })),
  'optimizer/radam': optimizer((attrs) => library.radam(moments(attrs))),
  'optimizer/lion': optimizer(lion),
  'optimizer/lion_wd': optimizer(lion),
};
