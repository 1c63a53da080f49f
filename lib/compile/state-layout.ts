import { bytesPerElement, formatType, sizeOf, type Variable } from '../ir/graph.js';
import { encoding } from '../ir/optable.js';

/** Arrays of fewer elements are packed tightly: counters and metric sums that are added in a row lie in a row. */
const packedBelow = 16;

/** Where each variable lives in the state memory of a session. Plans of one session share one layout. */
export class StateLayout {
  readonly #offsets = new Map<Variable, number>();
  #end = 0;

  /** Gives the variable a place, if it has none yet. Returns its byte offset. */
  add(variable: Variable): number {
    const known = this.#offsets.get(variable);
    if (known !== undefined) return known;
    const size = sizeOf(variable.shape);
    const alignment = size < packedBelow ? 4 : encoding.unit;
    const offset = Math.ceil(this.#end / alignment) * alignment;
    this.#offsets.set(variable, offset);
    this.#end = offset + size * bytesPerElement(variable.dtype);
    return offset;
  }

  /** @throws Error when the variable was never added */
  offsetOf(variable: Variable): number {
    const offset = this.#offsets.get(variable);
    if (offset === undefined)
      throw new Error(`variable ${variable.name} ${formatType(variable)} is not part of this state`);
    return offset;
  }

  has(variable: Variable): boolean {
    return this.#offsets.has(variable);
  }

  /** Bytes of the state, a multiple of the plan's address unit. */
  get bytes(): number {
    return Math.ceil(this.#end / encoding.unit) * encoding.unit;
  }
}
