/** Operations on the bits of whole numbers: int32 in two's complement. */
import { asTensor, broadcastShapes, broadcastTo, make, type Operand, opError, show } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import type { ScalarOp } from '../optable.js';

const binary =
  (op: ScalarOp, name: string) =>
  (a: Operand, b: Operand): Tensor => {
    const [x, y] = [whole(name, 'a', a), whole(name, 'b', b)];
    const shape = broadcastShapes(name, x.shape, y.shape);
    return make(op, [broadcastTo(x, shape), broadcastTo(y, shape)], {}, shape, 'int32');
  };

function whole(op: string, name: string, value: Operand): Tensor {
  if (typeof value === 'number' && value !== (value | 0)) {
    throw opError(op, `${name} must be int32 or a whole number in 32 bits, got ${show(value)}`);
  }
  const t = asTensor(op, name, value, 'int32');
  if (t.dtype !== 'int32') throw opError(op, `${name} must be int32 or a whole number, got ${formatType(t)}`);
  return t;
}

/**
 * 1 where both bits are 1. int32; the two broadcast together.
 *
 * @throws Error when a or b is not int32
 */
export const bitwiseAnd = binary('bitAnd', 'bitwiseAnd');
/**
 * 1 where at least one bit is 1. int32; the two broadcast together.
 *
 * @throws Error when a or b is not int32
 */
export const bitwiseOr = binary('bitOr', 'bitwiseOr');
/**
 * 1 where exactly one bit is 1. int32; the two broadcast together.
 *
 * @throws Error when a or b is not int32
 */
export const bitwiseXor = binary('bitXor', 'bitwiseXor');
/**
 * 1 where the bit is 0: -x - 1. int32.
 *
 * @throws Error when x is not int32
 */
export const bitwiseNot = (x: Operand): Tensor => bitwiseXor(whole('bitwiseNot', 'x', x), -1);
/**
 * a * 2^b, with the bits that leave the number lost; 0 when it is shifted by 32 bits or more, or by a negative number.
 * int32; the two broadcast together.
 *
 * @throws Error when a or b is not int32
 *
 * @example
 * ops.leftShift(tensor(Int32Array.of(1, 3, -1)), 2); // 4, 12, -4
 */
export const leftShift = binary('shiftLeft', 'leftShift');
/**
 * floor(a / 2^b): bits that enter are the sign. Shifted by 32 bits or more, or by a negative number, all bits are the sign,
 * which is 0 or -1. int32; the two broadcast together.
 *
 * @throws Error when a or b is not int32
 *
 * @example
 * ops.rightShift(tensor(Int32Array.of(12, -5)), 2); // 3, -2
 */
export const rightShift = binary('shiftRight', 'rightShift');
