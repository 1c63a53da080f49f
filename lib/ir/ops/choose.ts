import {
  asTensor,
  checkList,
  checkOperands,
  checkTensor,
  checkTensors,
  checkWhole,
  type Operand,
  opError,
} from '../build.js';
import { formatType, sameShape, type Tensor } from '../graph.js';
import { ravel } from './arrange.js';
import { equal, greater, less, logicalAnd, where } from './elementwise.js';
import { gatherAlongAxis } from './gather.js';
import { oneHot } from './indexing.js';
import { isFinite as isFiniteNumber } from './math.js';
import { any, max, sum } from './reduce.js';
import { expandDims, squeeze } from './shape.js';

/**
 * For each element, the choice of the first condition that holds, and `otherwise` where none does. All broadcast together.
 *
 * @param conditions bool
 * @param choices as many as conditions
 * @param otherwise default: 0
 * @throws Error when there is not one choice for each of one or more conditions, or a condition is not bool
 *
 * @example
 * ops.select([ops.less(x, 0), ops.greater(x, 1)], [0, 1], x); // x limited to [0, 1]
 */
export function select(conditions: readonly Tensor[], choices: readonly Operand[], otherwise: Operand = 0): Tensor {
  checkTensors('select', 'conditions', conditions);
  checkList('select', 'choices must be a list of tensors and numbers', choices);
  if (conditions.length === 0 || conditions.length !== choices.length) {
    throw opError('select', `expected one choice for each condition, got ${choices.length} for ${conditions.length}`);
  }
  conditions.forEach((c, i) => {
    checkTensor('select', `conditions[${i}]`, c, 'bool');
  });
  const named = (name: string, list: readonly Operand[]) => list.map((o, i) => [`${name}[${i}]`, o] as const);
  const all = [...named('conditions', conditions), ...named('choices', choices), ['otherwise', otherwise] as const];
  checkOperands('select', Object.fromEntries(all));
  return conditions.reduceRight<Operand>((rest, c, i) => where(c, choices[i] as Operand, rest), otherwise) as Tensor;
}

/**
 * Whether each element of `x` is one of `elements`, as bool. Compares each with each.
 *
 * @example
 * ops.isIn(tensor([1, 2, 3]), tensor([3, 1])); // true, false, true
 */
export const isIn = (x: Operand, elements: Operand): Tensor => {
  const t = asTensor('isIn', 'x', x);
  const list = ravel(asTensor('isIn', 'elements', elements));
  return any(equal(expandDims(t, -1), list), -1);
};

/**
 * 1 at each position that an index along the last axis names, 0 elsewhere: [..., n] -> [..., depth]. Positions out of
 * range count nowhere.
 *
 * @throws Error when `indices` is not int32 or has rank 0
 *
 * @example
 * ops.multiHot(tensor(Int32Array.of(0, 2, 2)), 4); // 1, 0, 1, 0
 */
export function multiHot(indices: Tensor, depth: number): Tensor {
  checkTensor('multiHot', 'indices', indices, 'int32');
  checkWhole('multiHot', 'depth', depth, 0);
  if (indices.rank === 0) throw opError('multiHot', `expected rank 1 or more, got ${formatType(indices)}`);
  return max(oneHot(indices, depth), -2);
}

/**
 * Whether the score of the target is among the k largest of its row, as bool: fewer than k scores are larger. Of equal
 * scores at the border all are in; a score that is not finite is not.
 *
 * @param targets int32 [...]
 * @param predictions [..., classes]
 * @throws Error when the shapes do not fit, `targets` is not int32 or k is not a whole number >= 1
 *
 * @example
 * ops.inTopK(tensor(Int32Array.of(2)), tensor([[0.1, 0.6, 0.3]]), 2); // true
 */
export function inTopK(targets: Tensor, predictions: Tensor, k: number): Tensor {
  checkTensor('inTopK', 'targets', targets, 'int32');
  checkTensor('inTopK', 'predictions', predictions);
  checkWhole('inTopK', 'k', k, 1);
  if (predictions.rank === 0 || !sameShape(targets.shape, predictions.shape.slice(0, -1))) {
    throw opError(
      'inTopK',
      `targets ${formatType(targets)} must have the shape of predictions ${formatType(predictions)} but its last axis`,
    );
  }
  const score = gatherAlongAxis(predictions, expandDims(targets, -1), -1);
  const larger = sum(greater(predictions, score), -1);
  return logicalAnd(less(larger, k), isFiniteNumber(squeeze(score, -1)));
}
