import type { Adapter, Loaded, Scope } from '../adapter';
import { callbacks, jit, schedules as library, optimizers, tensor } from '../api';

type Attrs = Loaded['attrs'];

/** Rates of the steps 0, 1, 2, ... */
const schedule = (make: (attrs: Attrs) => library.Schedule, scope: Scope = {}): Adapter => ({
  ...scope,
  computed: ({ attrs, outputs }) => {
    const rate = jit(make(attrs));
    const n = outputs?.lr.shape[0] ?? 0;
    return { lr: Array.from({ length: n }, (_, i) => rate(tensor(i, [], 'int32')).item()) };
  },
});

const decay = ({ initial, decay_steps, decay_rate, staircase }: Attrs) => ({
  initialLearningRate: initial,
  decaySteps: decay_steps,
  decayRate: decay_rate,
  staircase,
});

const cyclic = (mode: 'triangular' | 'triangular2' | 'exp_range'): Adapter =>
  schedule(
    ({ base_lr, max_lr, step_size_up, step_size_down, gamma }) =>
      library.cyclic({
        ...{ baseLearningRate: base_lr, maxLearningRate: max_lr, gamma },
        ...{ stepSizeUp: step_size_up, stepSizeDown: step_size_down },
        mode: mode === 'exp_range' ? 'exponential' : mode,
      }),
    { implied: ['initial'] },
  );

/** The callback, driven by the metric of each epoch. PyTorch waits one epoch more, and cools down one more. */
const plateau: Adapter = {
  only: { threshold_mode: ['rel', 'abs'] },
  computed: ({ attrs, values }) => {
    const optimizer = optimizers.sgd({ learningRate: attrs.initial });
    const callback = callbacks.reduceLROnPlateau({
      monitor: 'loss',
      factor: attrs.factor,
      patience: attrs.patience + 1,
      cooldown: attrs.cooldown + 1,
      minDelta: attrs.threshold,
      minDeltaMode: attrs.threshold_mode === 'abs' ? 'absolute' : 'relative',
      mode: attrs.mode ?? 'min',
      minLearningRate: attrs.min_lr,
    });
    type Context = Parameters<NonNullable<typeof callback.onTrainBegin>>[0];
    const context = { model: { optimizer } } as unknown as Context;
    callback.onTrainBegin?.(context);
    const after = Array.from(values('metric'), (loss, epoch) => {
      callback.onEpochEnd?.(epoch, { loss }, context);
      return optimizer.learningRate as number;
    });
    return { lr_after: after };
  },
};

export const schedules: Record<string, Adapter> = {
  exponential_decay: schedule((attrs) => library.exponentialDecay(decay(attrs))),
  inverse_time_decay: schedule((attrs) => library.inverseTimeDecay(decay(attrs))),
  piecewise_constant: schedule(({ boundaries, values }) => library.piecewiseConstant({ boundaries, values })),
  polynomial_decay: schedule(({ initial, decay_steps, end, power, cycle }) =>
    library.polynomialDecay({
      initialLearningRate: initial,
      decaySteps: decay_steps,
      endLearningRate: end,
      power,
      cycle,
    }),
  ),
  polynomial_lr: schedule(({ initial, total_iters, power }) =>
    library.polynomialDecay({ initialLearningRate: initial, decaySteps: total_iters, endLearningRate: 0, power }),
  ),
  cosine_decay: schedule(({ initial, decay_steps, alpha }) =>
    library.cosineDecay({ initialLearningRate: initial, decaySteps: decay_steps, alpha }),
  ),
  cosine_decay_warmup: schedule(({ initial, decay_steps, alpha, warmup_target, warmup_steps }) =>
    library.cosineDecay({
      initialLearningRate: initial,
      decaySteps: decay_steps,
      alpha,
      warmupTarget: warmup_target,
      warmupSteps: warmup_steps,
    }),
  ),
  cosine_restarts: schedule(({ initial, first_decay_steps, t_mul, m_mul, alpha }) =>
    library.cosineDecayRestarts({
      initialLearningRate: initial,
      firstDecaySteps: first_decay_steps,
      tMul: t_mul,
      mMul: m_mul,
      alpha,
    }),
  ),
  cosine_warm_restarts: schedule(({ initial, T_0, T_mult, eta_min }) =>
    library.cosineDecayRestarts({
      initialLearningRate: initial,
      firstDecaySteps: T_0,
      tMul: T_mult,
      alpha: eta_min / initial,
    }),
  ),
  cosine_annealing: schedule(({ initial, T_max, eta_min }) =>
    library.cosineAnnealing({ initialLearningRate: initial, halfPeriod: T_max, minLearningRate: eta_min }),
  ),
  step_lr: schedule(({ initial, step_size, gamma }) =>
    library.stepDecay({ initialLearningRate: initial, stepSize: step_size, gamma }),
  ),
  multi_step_lr: schedule(({ initial, milestones, gamma }) =>
    library.multiStepDecay({ initialLearningRate: initial, milestones, gamma }),
  ),
  exponential_lr: schedule(({ initial, gamma }) =>
    library.exponentialDecay({ initialLearningRate: initial, decaySteps: 1, decayRate: gamma }),
  ),
  linear_lr: schedule(({ initial, start_factor, end_factor, total_iters }) =>
    library.linear({
      initialLearningRate: initial,
      startFactor: start_factor,
      endFactor: end_factor,
      totalSteps: total_iters,
    }),
  ),
  one_cycle: schedule(
    ({ max_lr, total_steps, pct_start, div_factor, final_div_factor, anneal }) =>
      library.oneCycle({
        maxLearningRate: max_lr,
        totalSteps: total_steps,
        pctStart: pct_start,
        divFactor: div_factor,
        finalDivFactor: final_div_factor,
        annealStrategy: anneal,
      }),
    { implied: ['initial'] },
  ),
  ...Object.fromEntries(
    (['triangular', 'triangular2', 'exp_range'] as const).map((name) => [`cyclic_${name}`, cyclic(name)]),
  ),
  reduce_on_plateau: plateau,
};
