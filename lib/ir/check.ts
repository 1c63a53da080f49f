/** Checks of arguments, which plain JavaScript may pass anything as, and what the errors say. */
import { arrayTypes, type DType, type Shape, sizeOf, Tensor } from './graph.js';
import { opError } from './scope.js';
import { show } from './show.js';

/** @throws Error when an argument is no list */
export function checkList(op: string, what: string, value: unknown): void {
  if (!Array.isArray(value)) throw opError(op, `${what}, got ${value === null ? 'null' : typeof value}`);
}

/** @throws Error when an argument is no tensor, or one of another dtype */
export function checkTensor(op: string, argument: string, value: unknown, dtype?: DType): asserts value is Tensor {
  if (value instanceof Tensor && (dtype === undefined || value.dtype === dtype)) return;
  throw opError(op, `${argument} must be ${dtype ?? 'a tensor'}, got ${show(value)}`);
}

/** @throws Error when an argument is no list of tensors, or not all of them may be numbers and are */
export function checkTensors(op: string, argument: string, value: unknown, orNumbers = false): void {
  checkList(op, `${argument} must be a list of tensors`, value);
  (value as readonly unknown[]).forEach((t, i) => {
    if (!orNumbers || typeof t !== 'number') checkTensor(op, `${argument}[${i}]`, t);
  });
}

/** @throws Error when an argument is neither a tensor nor a number */
export function checkOperand(op: string, argument: string, value: unknown): { readonly shape: Shape } {
  if (value instanceof Tensor) return value;
  if (typeof value === 'number') return { shape: [] };
  throw opError(op, `${argument} must be a tensor or a number, got ${show(value)}`);
}

/** @throws Error when an argument is neither a tensor nor a number, or they do not broadcast together */
export function checkOperands(op: string, operands: Readonly<Record<string, unknown>>): void {
  const shapes = Object.entries(operands).map(([argument, value]) => checkOperand(op, argument, value).shape);
  broadcastShapes(op, ...shapes);
}

/** @throws Error when an argument is neither a number nor a tensor that is one */
export function checkScalar(op: string, argument: string, value: unknown): void {
  if (sizeOf(checkOperand(op, argument, value).shape) === 1) return;
  throw opError(op, `${argument} must be a single number, got ${show(value)}`);
}

/** @throws Error when an argument is no number */
export function checkNumber(op: string, argument: string, value: unknown): void {
  if (typeof value !== 'number') throw opError(op, `${argument} must be a number, got ${show(value)}`);
}

/** @throws Error when an argument is no whole number, or below `least` */
export function checkWhole(op: string, argument: string, value: unknown, least = Number.NEGATIVE_INFINITY): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  const range = least === Number.NEGATIVE_INFINITY ? '' : ` >= ${least}`;
  throw opError(op, `${argument} must be a whole number${range}, got ${show(value)}`);
}

/** @throws Error when an argument is no function */
export function checkFunction(op: string, argument: string, value: unknown): void {
  if (typeof value !== 'function') throw opError(op, `${argument} must be a function, got ${show(value)}`);
}

/** @throws Error when the options are no object; undefined stands for none */
export function checkOptions(op: string, options: unknown): void {
  const isRecord = typeof options === 'object' && options !== null && !Array.isArray(options);
  if (options !== undefined && (!isRecord || options instanceof Tensor)) {
    throw opError(op, `the options must be an object, got ${show(options)}`);
  }
}

/** @throws Error when there is no such dtype */
export function checkDType(op: string, dtype: unknown): void {
  if (typeof dtype === 'string' && Object.hasOwn(arrayTypes, dtype)) return;
  throw opError(op, `dtype must be one of ${Object.keys(arrayTypes).join(', ')}, got ${show(dtype)}`);
}

export function checkShape(op: string, shape: Shape): void {
  checkList(op, 'a shape must be a list of sizes', shape);
  if (shape.length > 8) throw opError(op, `at most 8 dimensions are supported, got shape ${show(shape)}`);
  for (const n of shape) {
    if (!Number.isSafeInteger(n) || n < 0) {
      throw opError(op, `a shape holds whole numbers that are not negative, got ${show(shape)}`);
    }
  }
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
    if (typeof axis !== 'number') throw opError(op, `axis must be a whole number, got ${show(axis)}`);
    throw opError(op, `axis ${axis} is out of range for a tensor of rank ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** NumPy's rule: aligned at the end, each pair of dimensions equal or one of them 1. */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
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
