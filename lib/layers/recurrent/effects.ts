import type { Tensor, Variable } from '../../ir/graph.js';
import { sum } from '../../ir/ops/reduce.js';
import { reshape, sliceAxis } from '../../ir/ops/shape.js';
import type { CallContext } from '../layer.js';

/**
 * Penalties and writes of a cell's steps. A tensor of a loop's body means nothing outside, so they leave it as outputs:
 * penalties of all steps are added up, and what the last step writes counts.
 */
export class StepEffects {
  #penalties: Tensor[] = [];
  #writes = new Map<Variable, Tensor>();
  #isInside = false;
  /** For the cell. */
  readonly context: CallContext;

  constructor(readonly outer: CallContext) {
    this.context = {
      training: outer.training,
      read: outer.read,
      write: (variable, value) => {
        if (this.#isInside) this.#writes.set(variable, value);
        else outer.write(variable, value);
      },
      addLoss: (penalty) => {
        if (this.#isInside) this.#penalties.push(penalty);
        else outer.addLoss(penalty);
      },
    };
  }

  /** Traces one step. */
  during<T>(step: () => T): T {
    [this.#penalties, this.#writes, this.#isInside] = [[], new Map(), true];
    try {
      return step();
    } finally {
      this.#isInside = false;
    }
  }

  /** Of the step that was traced. */
  get outputs(): readonly Tensor[] {
    return [...this.#penalties, ...this.#writes.values()];
  }

  /** Hands on what the outputs were in all steps: [time, ...] each. */
  settle(collected: readonly Tensor[]): void {
    const count = this.#penalties.length;
    for (const penalties of collected.slice(0, count)) this.outer.addLoss(sum(penalties));
    for (const [i, variable] of [...this.#writes.keys()].entries()) {
      const values = collected[count + i] as Tensor;
      this.outer.write(variable, reshape(sliceAxis(values, 0, -1), variable.shape));
    }
  }
}
