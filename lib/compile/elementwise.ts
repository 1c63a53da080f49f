import { constantValue, make } from '../ir/build.js';
import { type DType, type Node, sameShape, type Tensor, topological } from '../ir/graph.js';
import { isScalar, opInfo } from '../ir/optable.js';
import type { Program } from '../ir/program.js';
import { isElementwise, maxSteps, programOf } from './region.js';
import { rebuild, usesOf } from './rewrite.js';
import { simplify } from './simplify.js';

/** A function that computes each element of its results from the same element of its arguments, whatever their shape. */
export interface ElementwiseFunction {
  readonly program: Program;
  /** What the program reads: numbers of arguments, and scalars that are the same for all elements. */
  readonly operands: readonly (number | Tensor)[];
  /** What the program gives. */
  readonly dtypes: readonly DType[];
  /** Of each result of the function: which of those it is. */
  readonly results: readonly number[];
}

/**
 * The function by which some tensors were made of others, all of one shape of rank 1 or more.
 *
 * @param before id of the newest node that was there before: scalars up to it are not made of these inputs
 * @returns undefined when it is not elementwise, as its results depend on the shape, on positions or on other arrays, or is more
 * than one program
 */
export function elementwiseFunction(
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  before: number,
): ElementwiseFunction | undefined {
  const { shape } = inputs[0] as Tensor;
  const stands = new Map<Tensor, Tensor>();
  const origins = new Map<Tensor, number | Tensor>();
  const standIn = (t: Tensor, origin: number | Tensor): void => {
    const made = make('input', [], { slot: origins.size }, t.shape, t.dtype);
    origins.set(made, origin);
    stands.set(t, made);
  };
  inputs.forEach(standIn);

  const isShared = ({ node }: Tensor): boolean =>
    node.id <= before || ((isScalar(node.op) || node.op === 'constant') && node.inputs.every(isShared));
  const between = new Set<Node>();
  const leadsBack = (t: Tensor): boolean => {
    const { node } = t;
    if (stands.has(t) || between.has(node)) return true;
    if (t.rank === 0) {
      if (constantValue(t) === undefined) standIn(t, t);
      else stands.set(t, t);
      return isShared(t);
    }
    const isBroadcast = node.op === 'broadcast' && node.inputs[0]?.rank === 0;
    const isOperation = isScalar(node.op) && opInfo(node.op).positional !== true;
    if (!(isBroadcast || isOperation) || !sameShape(t.shape, shape)) return false;
    between.add(node);
    return node.inputs.every(leadsBack);
  };
  if (!outputs.every(leadsBack)) return undefined;
  const standFor = (t: Tensor): Tensor => stands.get(t) as Tensor;
  for (const node of [...between].sort((a, b) => a.id - b.id)) {
    stands.set(node.outputs[0] as Tensor, rebuild(node, node.inputs.map(standFor)).outputs[0] as Tensor);
  }

  const graph = simplify({ inputs: [...origins.keys()], outputs: outputs.map(standFor), writes: [] });
  const nodes = topological(graph).filter(isElementwise);
  const region = programOf(nodes, usesOf(graph));
  const originOf = (t: Tensor): number | Tensor | undefined =>
    origins.get(t.node.op === 'broadcast' ? (t.node.inputs[0] as Tensor) : t);
  const operands = region.inputs.map(originOf);
  const results = graph.outputs.map((t) => region.outputs.indexOf(t));
  const { steps } = region.program;
  const isWhole = nodes.every((node) => sameShape((node.outputs[0] as Tensor).shape, shape)) && !results.includes(-1);
  if (!isWhole || steps.length > maxSteps || !operands.every((origin) => origin !== undefined)) return undefined;
  return { program: region.program, operands, dtypes: region.outputs.map((t) => t.dtype), results };
}
