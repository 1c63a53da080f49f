import { bytesPerElement, sameShape, type Tensor } from '../ir/graph.js';
import { isScalar } from '../ir/optable.js';
import { minRow } from './joins.js';

/**
 * Results of a loop that are collected side by side, as one: those that have the rows of an element and together its
 * columns. As a whole they can lie where the sequence of that element was, which a step reads before it makes them: the gates
 * of a recurrent network take the place of the sums that enter them (see `overInput`).
 *
 * @param candidates numbers of results
 * @returns numbers of those that become one, from left to right
 */
export function findJoined(
  candidates: readonly number[],
  results: readonly Tensor[],
  elements: readonly Tensor[],
): number[][] {
  const left = new Set(candidates.filter((i) => isScalar((results[i] as Tensor).node.op)));
  const groups: number[][] = [];
  for (const element of elements) {
    const lead = element.shape.slice(0, -1);
    const columns = element.shape.at(-1) ?? 0;
    // an element as wide as a result needs no joining
    const fits = [...left].filter((i) => {
      const { shape, dtype } = results[i] as Tensor;
      const own = shape.at(-1) ?? 0;
      const isPart = sameShape(shape.slice(0, -1), lead) && own >= minRow && own < columns;
      return isPart && dtype === element.dtype && bytesPerElement(dtype) === 4;
    });
    const group: number[] = [];
    let sum = 0;
    for (const i of fits) {
      const own = (results[i] as Tensor).shape.at(-1) as number;
      if (sum + own > columns) continue;
      group.push(i);
      sum += own;
    }
    if (sum !== columns || lead.length === 0) continue;
    groups.push(group);
    for (const i of group) left.delete(i);
  }
  return groups;
}
