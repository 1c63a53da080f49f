import { compile } from '../../lib/compile/index';
import { StateLayout } from '../../lib/compile/state-layout';
import { make } from '../../lib/ir/build';
import {
  arrayTypes,
  type DType,
  type Graph,
  Node,
  type Shape,
  sizeOf,
  type Tensor,
  type Variable,
} from '../../lib/ir/graph';
import { interpret } from '../../lib/ir/reference';
import { loadAddon } from '../../lib/runtime/native';

export const variable = (name: string, shape: Shape, dtype: DType = 'float32'): Variable => ({ name, shape, dtype });
export const read = (v: Variable): Tensor => make('variable', [], { variable: v }, v.shape, v.dtype);
export const write = (v: Variable, value: Tensor): Node => new Node('write', [value], { variable: v }, [], '');

/** Small whole numbers: what is added and multiplied a few times stays exact in float32. */
function initial(v: Variable, salt: number) {
  const values = Array.from({ length: sizeOf(v.shape) }, (_, i) => i * 7 + salt * 3);
  return arrayTypes[v.dtype].from(values.map((n) => (v.dtype === 'bool' ? n % 2 : (n % 9) - 4)));
}

/** Runs a few steps natively, fused and not, and expects exactly the outputs and state of the definition after each. */
export function expectSteps(
  variables: readonly Variable[],
  outputs: readonly Tensor[],
  writes: readonly Node[],
  steps = 3,
): void {
  const graph: Graph = { inputs: [], outputs, writes };
  const layout = new StateLayout();
  for (const v of variables) layout.add(v);
  for (const fuse of [true, false]) {
    const session = new (loadAddon().Session)(layout.bytes);
    const plan = session.addPlan(compile(graph, layout, { fuse }).words);
    let state = new Map<Variable, ArrayLike<number>>();
    variables.forEach((v, i) => {
      state.set(v, initial(v, i));
      session.writeState(layout.offsetOf(v), initial(v, i));
    });
    for (let step = 0; step < steps; step++) {
      const expected = interpret(graph, { variables: state });
      const results = outputs.map((t) => new arrayTypes[t.dtype](t.size));
      session.runSync(plan, [], results);
      state = new Map([...state, ...expected.writes]);
      const got = new Map(
        variables.map((v) => {
          const values = new arrayTypes[v.dtype](sizeOf(v.shape));
          session.readState(layout.offsetOf(v), values);
          return [v.name, [...values]];
        }),
      );
      expect({ step, fuse, outputs: results.map((r) => [...r]), state: got }).toEqual({
        step,
        fuse,
        outputs: expected.outputs.map((r) => [...r]),
        state: new Map(variables.map((v) => [v.name, [...Array.from(state.get(v) as ArrayLike<number>)]])),
      });
    }
    session.dispose();
  }
}
