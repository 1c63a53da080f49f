import { roundToBfloat16 } from './bfloat16.js';
import { broadcastShapes, checkDType, checkNumber, checkOperand, checkShape } from './check.js';
import {
  type AttributesOf,
  arrayTypes,
  type DType,
  formatType,
  type HostData,
  type NestedArray,
  Node,
  numbersOf,
  type Shape,
  sameShape,
  sizeOf,
  Tensor,
} from './graph.js';
import type { OpName } from './optable.js';
import { currentScope, opError } from './scope.js';

export * from './check.js';
export * from './scope.js';
export * from './show.js';

/** What operations accept: tensors and plain numbers (which take the dtype of what they meet). */
export type Operand = Tensor | number;

/** Makes a node with one output. The caller has checked the arguments. */
export function make<O extends OpName>(
  op: O,
  inputs: readonly Tensor[],
  attrs: AttributesOf<O>,
  shape: Shape,
  dtype: DType,
): Tensor {
  return new Node(op, inputs, attrs, [{ shape, dtype }], currentScope()).outputs[0] as Tensor;
}

/** Numbers in an array of the type that holds values of a dtype. */
export function hostArray(dtype: DType, values: ArrayLike<number> | number): HostData {
  const Type = arrayTypes[dtype];
  if (typeof values === 'number') return new Type(values);
  return dtype === 'bfloat16' ? roundToBfloat16(values) : Type.from(values);
}

/** Of nested arrays: one that holds itself has no end. */
export const deepest = 32;

/**
 * A tensor with known values.
 *
 * @param values a number, nested arrays, or a typed array (copied) with `shape`
 * @param shape needed for flat data of rank other than 1
 * @param dtype default: int32 for an Int32Array, bool for booleans, else float32
 * @throws Error when the values are ragged or do not fill the shape
 *
 * @example
 * tensor([[1, 2], [3, 4]]);
 * tensor(new Float32Array(784), [1, 784]);
 */
export function tensor(
  values: ArrayLike<number> | NestedArray | boolean[] | boolean,
  shape?: Shape,
  dtype?: DType,
): Tensor {
  const flat: number[] = [];
  let found: number[] = [];
  let data: ArrayLike<number>;
  let isBool = false;
  if (ArrayBuffer.isView(values)) {
    if (values instanceof DataView || values instanceof BigInt64Array || values instanceof BigUint64Array) {
      throw opError('tensor', `expected numbers, got a ${values.constructor.name}`);
    }
    if ((values.buffer as { detached?: boolean }).detached === true) {
      throw opError('tensor', 'the buffer of the values is detached (it has been transferred)');
    }
    data = values as unknown as ArrayLike<number>;
    found = [data.length];
  } else {
    const visit = (v: unknown, depth: number): void => {
      if (Array.isArray(v)) {
        if (found.length === depth) found.push(v.length);
        if (found[depth] !== v.length) {
          throw opError('tensor', `ragged array: expected ${found[depth]} elements at depth ${depth}, got ${v.length}`);
        }
        for (const e of v) visit(e, depth + 1);
      } else if (typeof v === 'number' || typeof v === 'boolean') {
        if (depth !== found.length)
          throw opError('tensor', `ragged array: a number stands at depth ${depth} of ${found.length}`);
        isBool ||= typeof v === 'boolean';
        flat.push(Number(v));
      } else {
        throw opError('tensor', `expected numbers, got ${v === null ? 'null' : typeof v}`);
      }
    };
    const probe = (v: unknown): void => {
      if (Array.isArray(v)) {
        found.push(v.length);
        if (found.length > deepest) throw opError('tensor', `arrays are nested more than ${deepest} deep`);
        if (v.length > 0) probe(v[0]);
      }
    };
    probe(values);
    visit(values, 0);
    data = flat;
  }
  const type = dtype ?? (values instanceof Int32Array ? 'int32' : isBool ? 'bool' : 'float32');
  checkDType('tensor', type);
  const finalShape = shape ?? found;
  checkShape('tensor', finalShape);
  if (sizeOf(finalShape) !== data.length) {
    throw opError('tensor', `shape [${finalShape.join(', ')}] holds ${sizeOf(finalShape)} values, got ${data.length}`);
  }
  return make('constant', [], { data: hostArray(type, data) }, [...finalShape], type);
}

/** A rank-0 constant. */
export function scalar(value: number, dtype: DType = 'float32'): Tensor {
  checkNumber('scalar', 'value', value);
  checkDType('scalar', dtype);
  return make('constant', [], { data: hostArray(dtype, [value]) }, [], dtype);
}

/** The value of a rank-0 constant behind any number of broadcasts and reshapes, or undefined. */
export function constantValue(t: Tensor): number | undefined {
  let v = t;
  while (v.node.op === 'broadcast' || (v.node.op === 'reshape' && v.size === 1)) v = v.node.inputs[0] as Tensor;
  return v.node.is('constant') && v.size === 1 ? numbersOf(v.dtype, v.known as HostData)[0] : undefined;
}

export function asTensor(op: string, argument: string, value: Operand, dtype: DType = 'float32'): Tensor {
  checkOperand(op, argument, value);
  return value instanceof Tensor ? value : scalar(value, dtype);
}

/** The same values repeated along new or size-1 axes; the tensor itself when the shape is already right. */
export function broadcastTo(x: Operand, shape: Shape): Tensor {
  const t = asTensor('broadcastTo', 'x', x);
  checkShape('broadcastTo', shape);
  if (sameShape(t.shape, shape)) return t;
  if (t.rank > shape.length || !sameShape(broadcastShapes('broadcastTo', t.shape, shape), shape)) {
    throw opError('broadcastTo', `cannot broadcast ${formatType(t)} to [${shape.join(', ')}]`);
  }
  return make('broadcast', [t], {}, [...shape], t.dtype);
}
