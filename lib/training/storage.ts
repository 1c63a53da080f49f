import type { Variable } from '../ir/graph.js';
import { averageSlot } from '../optimizers/averaging.js';
import { newVariable } from './state.js';
import type { Topology } from './topology.js';
import type { OptimizerSlots } from './trace.js';

/**
 * How variables are kept: layers and optimizers know float32 ones, of which some are bfloat16 in memory. What reads one gets
 * float32 numbers, what writes one has them rounded.
 */
export class Storage {
  readonly #narrow = new Map<Variable, Variable>();

  constructor(narrow: Iterable<Variable> = []) {
    for (const variable of narrow) {
      this.#narrow.set(variable, newVariable(variable.name, variable.shape, 'bfloat16'));
    }
  }

  /** What is in memory for a variable: itself, or a bfloat16 one. */
  of(variable: Variable): Variable {
    return this.#narrow.get(variable) ?? variable;
  }
}

/** All variables as they are. */
export const plainStorage = new Storage();

/**
 * That of `precision: 'bfloat16'`: weights that are trained or were meant to be, and what the optimizer keeps for each of them.
 * Statistics and moving averages stay float32: they take steps of 1/100 and less towards new values, which bfloat16 numbers
 * would not take.
 */
export function narrowStorage(topology: Topology, slots: OptimizerSlots): Storage {
  const weights = topology.weights.filter((w) => w.trainable);
  const kept = [...slots.all()].filter(({ of, name }) => of !== undefined && name !== averageSlot);
  return new Storage([...weights, ...kept.map(({ variable }) => variable)]);
}
