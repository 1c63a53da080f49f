import type { Tensor } from '../ir/graph.js';
import { add, multiply, subtract } from '../ir/ops/elementwise.js';
import { type Schedule, traceSchedule } from '../schedules/schedule.js';
import { accumulated } from './accumulation.js';
import { averaged, finalizeAverages } from './averaging.js';
import { clipped } from './clipping.js';
import { matches, settingsOf } from './groups.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
import { checkCommonOptions, checkLearningRate, type OptimizerOptions } from './options.js';
import { type Move, tracedOnce } from './traced-once.js';

/** How one parameter moves: from the parameter (and its weight decay, which is done already) to its new value. */
export type Rule = (parameter: Parameter, weightDecay: number) => Tensor;

/** What a parameter moves by, as its group has it. */
interface Settings {
  readonly multiplier: number;
  readonly weightDecay: number;
}

/**
 * What all optimizers have in common: the learning rate, accumulation, clipping, groups of parameters, weight decay and
 * averages. A kind of optimizer only says how one parameter moves, in `rule`.
 */
export abstract class GradientDescent implements Optimizer {
  abstract readonly name: string;
  protected readonly where: string;
  /** The rule takes care of decoupled weight decay itself. */
  protected readonly decaysItself: boolean = false;
  /** The rule is not the same for all parameters. */
  protected readonly tellsApart: boolean = false;
  #learningRate: number | Schedule;

  constructor(
    where: string,
    protected readonly common: OptimizerOptions,
    defaultLearningRate: number,
  ) {
    this.where = where;
    this.#learningRate = checkLearningRate(where, common.learningRate ?? defaultLearningRate);
    checkCommonOptions(where, common);
  }

  get learningRate(): number | Schedule {
    return this.#learningRate;
  }

  /** @throws Error when the learning rate is a schedule: steps that are compiled already would not see the new one */
  set learningRate(value: number | Schedule) {
    if (typeof this.#learningRate === 'function' || typeof value === 'function') {
      throw new Error(
        `${this.where}: learningRate can be assigned where it is a number, to a number; schedules are fixed`,
      );
    }
    this.#learningRate = checkLearningRate(this.where, value);
  }

  get lossScale(): number {
    return this.common.lossScaleFactor ?? 1;
  }

  update(scaledParameters: readonly Parameter[], stepContext: UpdateContext): void {
    const { gradientAccumulationSteps = 1 } = this.common;
    const unscaled = this.#unscaled(scaledParameters);
    const { parameters, context } = accumulated(unscaled, stepContext, gradientAccumulationSteps);
    const schedule = this.#learningRate;
    const learningRate =
      typeof schedule === 'number'
        ? context.learningRate
        : traceSchedule(this.where, schedule, subtract(context.step, 1));
    const moves = new Map<string, Move>(); // by the settings of a group of parameters
    for (const parameter of clipped(parameters, this.common)) {
      const settings = this.#settingsOf(parameter);
      const group = `${settings.multiplier} ${settings.weightDecay}`;
      const move = moves.get(group) ?? this.#moveOf(settings, { ...context, learningRate });
      moves.set(group, move);
      context.write(parameter.variable, move(parameter));
    }
  }

  finalize(parameters: readonly Omit<Parameter, 'gradient'>[], context: UpdateContext): void {
    finalizeAverages(parameters, this.common, context);
  }

  getConfig(): Record<string, unknown> {
    return { ...this.common, learningRate: this.#learningRate };
  }

  /** Traces what is the same for all parameters, and returns the function that gives a parameter's new value. */
  protected abstract rule(context: UpdateContext): Rule;

  /** How the parameters of a group move. What they share is traced once. */
  #moveOf({ multiplier, weightDecay }: Settings, context: UpdateContext): Move {
    const trace = (own: UpdateContext): Move => {
      const rate = multiplier === 1 ? own.learningRate : multiply(own.learningRate, multiplier);
      const rule = this.rule({ ...own, learningRate: rate });
      return (parameter) => {
        const next = rule(this.#decayed(parameter, weightDecay, rate), weightDecay);
        return averaged(parameter.variable, next, this.common, own);
      };
    };
    return this.tellsApart ? trace(context) : tracedOnce(context, trace);
  }

  #unscaled(parameters: readonly Parameter[]): readonly Parameter[] {
    if (this.lossScale === 1) return parameters;
    return parameters.map((p) => ({ ...p, gradient: multiply(p.gradient, 1 / this.lossScale) }));
  }

  #settingsOf({ variable }: Parameter): Settings {
    const { weightDecay = 0, excludeFromWeightDecay = [], parameterGroups } = this.common;
    const group = settingsOf(this.where, parameterGroups, variable);
    const excluded = excludeFromWeightDecay.some((pattern) => matches(pattern, variable.name));
    return {
      multiplier: group.learningRateMultiplier ?? 1,
      weightDecay: excluded ? 0 : (group.weightDecay ?? weightDecay),
    };
  }

  #decayed(parameter: Parameter, weightDecay: number, rate: Tensor): Parameter {
    if (weightDecay === 0) return parameter;
    const { value, gradient } = parameter;
    if (this.common.weightDecayMode === 'l2') {
      return { ...parameter, gradient: add(gradient, multiply(value, weightDecay)) };
    }
    if (this.decaysItself) return parameter;
    // not value * (1 - decay): the rounding of 1 - decay would be the same in every step and add up
    return { ...parameter, value: subtract(value, multiply(value, multiply(rate, weightDecay))) };
  }
}
