import { StateLayout } from '../compile/index.js';
import { arrayTypes, type HostData, sizeOf, type Variable } from '../ir/graph.js';
import type { NativeSession } from '../runtime/addon.js';
import { chooseDevice } from '../runtime/devices.js';
import { loadAddon } from '../runtime/native.js';

/** The variables of a model in native memory, and the session that owns it. All variables are known beforehand. */
export class State {
  readonly layout = new StateLayout();
  readonly session: NativeSession;
  /** Its name. */
  readonly device: string;
  readonly #variables: ReadonlySet<Variable>;

  /** @param device by its name; see `chooseDevice` when there is none */
  constructor(variables: Iterable<Variable>, device?: string) {
    this.device = chooseDevice('device', device);
    this.#variables = new Set(variables);
    for (const variable of this.#variables) this.layout.add(variable);
    this.session = new (loadAddon().Session)(this.layout.bytes, this.device);
  }

  has(variable: Variable): boolean {
    return this.#variables.has(variable);
  }

  /** A copy of a variable's values. Between two steps, also while training. */
  read(variable: Variable): HostData {
    const values = new arrayTypes[variable.dtype](sizeOf(variable.shape));
    this.session.readState(this.layout.offsetOf(variable), values);
    return values;
  }

  /** All variables at one moment between two steps: views on one copy of the state. */
  snapshot(): (variable: Variable) => HostData {
    const copy = new Uint8Array(this.layout.bytes);
    this.session.readState(0, copy);
    return (variable) =>
      new arrayTypes[variable.dtype](copy.buffer, this.layout.offsetOf(variable), sizeOf(variable.shape));
  }

  write(variable: Variable, values: HostData): void {
    this.session.writeState(this.layout.offsetOf(variable), values);
  }

  dispose(): void {
    this.session.dispose();
  }
}

/** A state variable; its identity is what counts. */
export const newVariable = (name: string, shape: readonly number[], dtype: Variable['dtype']): Variable => ({
  name,
  shape,
  dtype,
});
