import { type Adapter, type Loaded, type Numbers, unsupported } from '../adapter';
import { optimizers as library, tensor } from '../api';
import { Stepper } from '../stepper';

type Attrs = Loaded['attrs'];
type Convention = library.Convention;
type Rule = ReturnType<typeof library.sgd>;
type Make = (attrs: Attrs, convention: Convention, options: library.OptimizerOptions) => Rule;

/** What all optimizers take; absent attributes leave the library's defaults. */
const common = (attrs: Attrs): library.OptimizerOptions => ({
  learningRate: attrs.lr,
  weightDecay: attrs.weight_decay ?? attrs.weight_decay_l2,
  weightDecayMode: attrs.weight_decay_l2 === undefined ? 'decoupled' : 'l2',
  clipnorm: attrs.clipnorm,
  clipvalue: attrs.clipvalue,
  globalClipnorm: attrs.global_clipnorm,
  useEma: attrs.use_ema,
  emaMomentum: attrs.ema_momentum,
});

const moments = ({ betas, eps }: Attrs) => ({ beta1: betas?.[0], beta2: betas?.[1], epsilon: eps });

/** The part of an operation's name before the first underscore, which says what its attributes say too. */
const families: Readonly<Record<string, Make>> = {
  sgd: ({ momentum, nesterov, dampening }, convention, options) =>
    library.sgd({ momentum, nesterov, dampening, convention, ...options }),
  rmsprop: ({ rho, alpha, eps, momentum, centered }, convention, options) =>
    library.rmsprop({ rho: rho ?? alpha, epsilon: eps, momentum, centered, convention, ...options }),
  adagrad: ({ eps, initial_accumulator }, convention, options) =>
    library.adagrad({ epsilon: eps, initialAccumulatorValue: initial_accumulator, convention, ...options }),
  adadelta: ({ eps, rho }, _, options) => library.adadelta({ epsilon: eps, rho, ...options }),
  adam: (attrs, convention, options) =>
    library.adam({ ...moments(attrs), amsgrad: attrs.amsgrad, convention, ...options }),
  adamw: (attrs, convention, options) =>
    library.adamw({ ...moments(attrs), amsgrad: attrs.amsgrad, convention, ...options }),
  nadam: (attrs, _, options) => library.nadam({ ...moments(attrs), momentumDecay: attrs.momentum_decay, ...options }),
  adamax: (attrs, convention, options) => library.adamax({ ...moments(attrs), convention, ...options }),
  radam: (attrs, _, options) => library.radam({ ...moments(attrs), ...options }),
  lion: ({ betas }, _, options) => library.lion({ beta1: betas?.[0], beta2: betas?.[1], ...options }),
  lamb: (attrs, _, options) => library.lamb({ ...moments(attrs), ...options }),
};
const names: Readonly<Record<string, string>> = { momentum: 'sgd', nesterov: 'sgd', amsgrad: 'adam' };

/** @throws Unsupported for another rule */
export function ruleOf(
  name: string,
  attrs: Attrs,
  convention: Convention,
  options: library.OptimizerOptions = {},
): Rule {
  const [family] = name.split('_');
  const make = families[names[family] ?? family] ?? unsupported('no such operation');
  return make(attrs, convention, { ...common(attrs), ...options });
}

/** The attribute that sets another learning rate after so many steps. */
const laterRate = (attrs: Attrs, step: number): number | undefined => attrs[`lr_after_step_${step - 1}`];

export const optimizers: Record<string, Adapter> = {
  'optimizer/*': {
    computed: ({ op, attrs, tags, inputs: entries = {}, values }) => {
      const rule = ruleOf(op, attrs, tags.includes('torch') ? 'torch' : 'keras');
      const parameters = Object.keys(entries).filter((name) => name.startsWith('p'));
      const shapes = parameters.map((name) => [...entries[name].shape]);
      const gradients = parameters.map((name) => Array.from(values(name.replace('p', 'g'))));
      const initial = parameters.map((name, i) => tensor(values(name), shapes[i]));
      const stepper = new Stepper(rule, initial);
      const outputs: Record<string, Numbers> = {};
      for (let step = 1; step <= attrs.steps; step++) {
        rule.learningRate = laterRate(attrs, step) ?? rule.learningRate;
        stepper.apply(
          shapes.map((shape, i) => {
            const size = shape.reduce((a, b) => a * b, 1);
            return tensor(gradients[i].slice((step - 1) * size, step * size), shape);
          }),
        );
        stepper.params.forEach((p, i) => {
          outputs[`${parameters[i]}@${step}`] = p.data;
        });
      }
      return outputs;
    },
  },
};
