import { StateLayout } from '../compile/index.js';
import { hostArray } from '../ir/build.js';
import { arrayTypes, type HostData, numbersOf, sizeOf, type Variable } from '../ir/graph.js';
import type { NativeSession } from '../runtime/addon.js';
import { chooseDevice } from '../runtime/devices.js';
import { loadAddon } from '../runtime/native.js';
import type { Storage } from './storage.js';

/** The variables of a model in native memory, and the session that owns it. All variables are known beforehand. */
export class State {
  readonly layout = new StateLayout();
  readonly session: NativeSession;
  /** Its name. */
  readonly device: string;
  readonly #variables: ReadonlySet<Variable>;

  /** @param device by its name; see `chooseDevice` when there is none */
  constructor(
    variables: Iterable<Variable>,
    private readonly storage: Storage,
    device?: string,
  ) {
    this.device = chooseDevice('device', device);
    this.#variables = new Set(variables);
    for (const variable of this.#variables) this.layout.add(storage.of(variable));
    this.session = new (loadAddon().Session)(this.layout.bytes, this.device);
  }

  has(variable: Variable): boolean {
    return this.#variables.has(variable);
  }

  /** A copy of a variable's values. Between two steps, also while training. */
  read(variable: Variable): HostData {
    const stored = this.storage.of(variable);
    const values = new arrayTypes[stored.dtype](sizeOf(stored.shape));
    this.session.readState(this.layout.offsetOf(stored), values);
    return stored === variable ? values : numbersOf(stored.dtype, values);
  }

  /** All variables at one moment between two steps, as they are kept: views on one copy of the state. */
  snapshot(): (variable: Variable) => HostData {
    const copy = new Uint8Array(this.layout.bytes);
    this.session.readState(0, copy);
    return (variable) => {
      const { dtype, shape } = this.storage.of(variable);
      return new arrayTypes[dtype](copy.buffer, this.layout.offsetOf(this.storage.of(variable)), sizeOf(shape));
    };
  }

  write(variable: Variable, values: HostData): void {
    const stored = this.storage.of(variable);
    this.session.writeState(
      this.layout.offsetOf(stored),
      stored === variable ? values : hostArray(stored.dtype, values),
    );
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
