import type { Tensor } from '../ir/graph.js';
import { add, multiply, subtract } from '../ir/ops/elementwise.js';
import { type Schedule, traceSchedule } from '../schedules/schedule.js';
import { accumulated } from './accumulation.js';
import { averaged, finalizeAverages } from './averaging.js';
import { clipped } from './clipping.js';
import { matches, settingsOf } from './groups.js';
import type { Optimizer, Parameter, UpdateContext } from './optimizer.js';
import { checkCommonOptions, checkLearningRate, type OptimizerOptions } from './options.js';

/** How one parameter moves: from the parameter (and its weight decay, which is done already) to its new value. */
export type Rule = (parameter: Parameter, weightDecay: number) => Tensor;

/**
 * What all optimizers have in common: the learning rate, accumulation, clipping, groups of parameters, weight decay and
 * averages. A kind of optimizer only says how one parameter moves, in `rule`.
 */
export abstract class GradientDescent implements Optimizer {
  abstract readonly name: string;
  protected readonly where: string;
  /** The rule takes care of decoupled weight decay itself. */
  protected readonly decaysItself: boolean = false;
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
    // what all parameters of a group share is traced once
    const rules = new Map<number, { readonly rate: Tensor; readonly rule: Rule }>();
    const ruleFor = (multiplier: number) => {
      let known = rules.get(multiplier);
      if (known === undefined) {
        const rate = multiplier === 1 ? learningRate : multiply(learningRate, multiplier);
        known = { rate, rule: this.rule({ ...context, learningRate: rate }) };
        rules.set(multiplier, known);
      }
      return known;
    };
    for (const parameter of clipped(parameters, this.common)) {
      const { variable } = parameter;
      const { multiplier, weightDecay } = this.#settingsOf(parameter);
      const { rate, rule } = ruleFor(multiplier);
      const next = rule(this.#decayed(parameter, weightDecay, rate), weightDecay);
      context.write(variable, averaged(variable, next, this.common, context));
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

  #unscaled(parameters: readonly Parameter[]): readonly Parameter[] {
    if (this.lossScale === 1) return parameters;
    return parameters.map((p) => ({ ...p, gradient: multiply(p.gradient, 1 / this.lossScale) }));
  }

  #settingsOf({ variable }: Parameter) {
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
