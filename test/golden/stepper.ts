import { jit, ops, type optimizers, type Tensor, tensor } from './api';

type Optimizer = optimizers.Optimizer;
type Variable = optimizers.Parameter['variable'];

type Run = (p: Tensor[], g: Tensor[], s: Tensor[], rate: Tensor, step: Tensor) => { params: Tensor[]; slots: Tensor[] };

/** An optimizer as a pure compiled function: feeds it gradients and keeps its state outside. */
export class Stepper {
  readonly #slots: { variable: Variable; value: Tensor }[] = [];
  readonly #variables: Variable[];
  readonly #run: Run;
  #step = 0;

  constructor(
    readonly optimizer: Optimizer,
    public params: Tensor[],
  ) {
    this.#variables = params.map(({ shape, dtype }, i) => ({ name: `p${i}`, shape, dtype }));
    // a first trace finds out which slots there are
    this.#trace(params, params, () => tensor(0), tensor(0.1), tensor(1, [], 'int32'));
    this.#run = this.#compile();
  }

  /** What the optimizer keeps for a parameter under a name. */
  slot(name: string, parameter: number): Tensor {
    const found = this.#slots.find(({ variable }) => variable.name === `p${parameter}/${name}`);
    if (found === undefined) throw new Error(`no slot ${name} of parameter ${parameter}`);
    return found.value;
  }

  apply(gradients: Tensor[]): void {
    const state = this.#slots.map((slot) => slot.value);
    const { learningRate } = this.optimizer;
    const rate = tensor(typeof learningRate === 'number' ? learningRate : 0);
    const { params, slots } = this.#run(this.params, gradients, state, rate, tensor(++this.#step, [], 'int32'));
    this.params = params;
    this.#slots.forEach((slot, i) => {
      slot.value = slots[i];
    });
  }

  #compile(): Run {
    return jit((p: Tensor[], g: Tensor[], s: Tensor[], rate: Tensor, step: Tensor) =>
      this.#trace(p, g, (variable) => s[this.#slots.findIndex((slot) => slot.variable === variable)], rate, step),
    );
  }

  #trace(
    params: Tensor[],
    gradients: Tensor[],
    slotValue: (v: Variable) => Tensor,
    learningRate: Tensor,
    step: Tensor,
  ) {
    const written = new Map<Variable, Tensor>();
    const known = new Map<Variable, Tensor>(this.#variables.map((variable, i) => [variable, params[i]]));
    const slot = (name: string, of: Variable | undefined, initial = 0, shape = of?.shape ?? []): Variable => {
      const full = `${of?.name ?? 'all'}/${name}`;
      const found = this.#slots.find(({ variable }) => variable.name === full);
      if (found !== undefined) return found.variable;
      const variable: Variable = { name: full, shape, dtype: 'float32' };
      this.#slots.push({ variable, value: ops.full(shape, initial) });
      return variable;
    };
    this.optimizer.update(
      this.#variables.map((variable, i) => ({ variable, value: params[i], gradient: gradients[i] })),
      {
        learningRate,
        step,
        slot,
        read: (variable) => known.get(variable) ?? ops.broadcastTo(slotValue(variable), variable.shape),
        write: (variable, value) => {
          written.set(variable, value);
        },
      },
    );
    const valueOf = (variable: Variable, old: Tensor): Tensor => written.get(variable) ?? old;
    return {
      params: this.#variables.map((variable, i) => valueOf(variable, params[i])),
      slots: this.#slots.map(({ variable, value }) => valueOf(variable, value)),
    };
  }
}
