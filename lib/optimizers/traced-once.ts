import { type ElementwiseFunction, elementwiseFunction } from '../compile/elementwise.js';
import { broadcastTo, currentScope, scalar } from '../ir/build.js';
import { Node, type Shape, type Tensor, type Variable } from '../ir/graph.js';
import type { Parameter, UpdateContext } from './optimizer.js';

/** Gives the new value of a parameter, and writes what it keeps in slots. */
export type Move = (parameter: Parameter) => Tensor;

/** What a move did to one parameter. */
interface Recording {
  readonly of: Variable;
  /** Id of the newest node that was there before. */
  readonly before: number;
  readonly slots: Map<Variable, { readonly name: string; readonly initial: number | undefined }>;
  readonly reads: { readonly variable: Variable; readonly value: Tensor }[];
  readonly writes: { readonly variable: Variable; readonly value: Tensor }[];
}

/**
 * Traces a move that computes element by element for one parameter, and gives the others its program: a model may have a
 * hundred parameters, and what thirty operations of each take to trace, to simplify and to fuse is half of the time to the
 * first step. Moves that do more than that are traced for each parameter.
 *
 * @param trace traces what is the same for all parameters; the move must be the same for all of them as well
 */
export function tracedOnce(context: UpdateContext, trace: (context: UpdateContext) => Move): Move {
  let recording: Recording | undefined;
  const move = trace({
    ...context,
    slot: (name, of, initial, shape) => {
      const slot = context.slot(name, of, initial, shape);
      if (of === recording?.of && shape === undefined) recording?.slots.set(slot, { name, initial });
      return slot;
    },
    read: (variable) => {
      const value = context.read(variable);
      recording?.reads.push({ variable, value });
      return value;
    },
    write: (variable, value) => {
      if (recording === undefined) context.write(variable, value);
      else recording.writes.push({ variable, value });
    },
  });

  let learned: Move | undefined;
  return (parameter) => {
    if (parameter.value.size === 0) return move(parameter); // all of it is simplified away
    if (learned !== undefined) return learned(parameter);
    // a scalar does not show what is the same for all elements
    if (parameter.value.rank === 0) return move(parameter);
    const before = scalar(0).node.id; // ids grow as nodes are made
    recording = { of: parameter.variable, before, slots: new Map(), reads: [], writes: [] };
    const { writes } = recording;
    const next = move(parameter);
    const known = learn(context, parameter, next, recording);
    recording = undefined;
    learned = known ?? move;
    if (known !== undefined) return known(parameter);
    for (const { variable, value } of writes) context.write(variable, value);
    return next;
  };
}

/** The move that did this, for any parameter; undefined when it is not elementwise. */
function learn(
  context: UpdateContext,
  { value, gradient }: Parameter,
  next: Tensor,
  { before, slots, reads, writes }: Recording,
): Move | undefined {
  const own = reads.filter(({ variable }) => slots.has(variable));
  if (!writes.every(({ variable }) => slots.has(variable))) return undefined;
  const inputs = [value, gradient, ...own.map((read) => read.value)];
  const move = elementwiseFunction(inputs, [next, ...writes.map((write) => write.value)], before);
  if (move === undefined) return undefined;
  const nodeOf = appliedTo(move);
  return (parameter) => {
    const slotOf = ({ variable }: { readonly variable: Variable }): Variable => {
      const { name, initial } = slots.get(variable) as { name: string; initial: number | undefined };
      return context.slot(name, parameter.variable, initial);
    };
    const { outputs } = nodeOf([parameter.value, parameter.gradient, ...own.map((read) => context.read(slotOf(read)))]);
    const [result, ...kept] = move.results.map((i) => outputs[i] as Tensor);
    writes.forEach((write, i) => {
      context.write(slotOf(write), kept[i] as Tensor);
    });
    return result as Tensor;
  };
}

/** The node that applies a function to tensors of one shape. What is the same for all elements is broadcast once per shape. */
function appliedTo({ program, operands, dtypes }: ElementwiseFunction): (inputs: readonly Tensor[]) => Node {
  const shared = new Map<string, Tensor[]>();
  const sharedIn = (shape: Shape): Tensor[] => {
    const key = shape.join();
    const known = shared.get(key) ?? operands.flatMap((t) => (typeof t === 'number' ? [] : [broadcastTo(t, shape)]));
    shared.set(key, known);
    return known;
  };
  return (inputs) => {
    const { shape } = inputs[0] as Tensor;
    const scalars = sharedIn(shape).values();
    const read = operands.map((t) => (typeof t === 'number' ? inputs[t] : scalars.next().value) as Tensor);
    const types = dtypes.map((dtype) => ({ shape, dtype }));
    return new Node('map', read, { program, segments: 1 }, types, currentScope());
  };
}
