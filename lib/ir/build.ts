import { roundToBfloat16 } from './bfloat16.js';
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

/** What operations accept: tensors and plain numbers (which take the dtype of what they meet). */
export type Operand = Tensor | number;

let current = '';

/** Runs `body` with `name` as the origin of the nodes it makes: error messages say it. */
export const withScope = <T>(name: string, body: () => T): T =>
  inScope(current === '' ? name : `${current}/${name}`, body);

/** Runs `body` as what made a node of this scope: its nodes have the same origin, wherever they are made. */
export function inScope<T>(scope: string, body: () => T): T {
  const outer = current;
  current = scope;
  try {
    return body();
  } finally {
    current = outer;
  }
}

export const currentScope = (): string => current;

/** An error about an operation's arguments, naming the layer it happened in. */
export function opError(op: string, message: string): Error {
  const scope = currentScope();
  return new Error(scope === '' ? `${op}: ${message}` : `${op} in ${scope}: ${message}`);
}

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
  if (Type === undefined) {
    throw new Error(`dtype must be one of ${Object.keys(arrayTypes).join(', ')}, got ${String(dtype)}`);
  }
  if (typeof values === 'number') return new Type(values);
  return dtype === 'bfloat16' ? roundToBfloat16(values) : Type.from(values);
}

/** @throws Error when an argument that plain JavaScript passes is no list */
export function checkList(op: string, what: string, value: unknown): void {
  if (!Array.isArray(value)) throw opError(op, `${what}, got ${value === null ? 'null' : typeof value}`);
}

export function checkShape(op: string, shape: Shape): void {
  checkList(op, 'a shape must be a list of sizes', shape);
  if (shape.length > 8) throw opError(op, `at most 8 dimensions are supported, got shape [${shape.join(', ')}]`);
  for (const n of shape) {
    if (!Number.isSafeInteger(n) || n < 0) {
      throw opError(op, `a shape holds whole numbers that are not negative, got [${shape.join(', ')}]`);
    }
  }
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
  const finalShape = shape ?? found;
  checkShape('tensor', finalShape);
  if (sizeOf(finalShape) !== data.length) {
    throw opError('tensor', `shape [${finalShape.join(', ')}] holds ${sizeOf(finalShape)} values, got ${data.length}`);
  }
  return make('constant', [], { data: hostArray(type, data) }, [...finalShape], type);
}

/** A rank-0 constant. */
export const scalar = (value: number, dtype: DType = 'float32'): Tensor =>
  make('constant', [], { data: hostArray(dtype, [value]) }, [], dtype);

/** The value of a rank-0 constant behind any number of broadcasts and reshapes, or undefined. */
export function constantValue(t: Tensor): number | undefined {
  let v = t;
  while (v.node.op === 'broadcast' || (v.node.op === 'reshape' && v.size === 1)) v = v.node.inputs[0] as Tensor;
  return v.node.is('constant') && v.size === 1 ? numbersOf(v.dtype, v.known as HostData)[0] : undefined;
}

export function asTensor(op: string, argument: string, value: Operand, dtype: DType = 'float32'): Tensor {
  if (value instanceof Tensor) return value;
  if (typeof value === 'number') return scalar(value, dtype);
  throw opError(op, `${argument} must be a tensor or a number, got ${value === null ? 'null' : typeof value}`);
}

/** Axes counted from the end when negative, sorted, each once. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const given = typeof axes === 'number' ? [axes] : axes;
  checkList(op, 'axes must be a number or a list of numbers', given);
  const list = given.map((a) => normalizeAxis(op, a, rank));
  if (new Set(list).size !== list.length) throw opError(op, `axis given twice in [${list.join(', ')}]`);
  return list.sort((a, b) => a - b);
}

export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw opError(op, `axis ${axis} is out of range for a tensor of rank ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** NumPy's rule: aligned at the end, each pair of dimensions equal or one of them 1. */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let size = 1;
    for (const shape of shapes) {
      const n = shape[i - rank + shape.length] ?? 1;
      if (n === 1 || n === size) continue;
      if (size !== 1) {
        throw opError(op, `shapes ${shapes.map((s) => `[${s.join(', ')}]`).join(' and ')} do not broadcast together`);
      }
      size = n;
    }
    return size;
  });
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
