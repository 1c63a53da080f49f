import { checkNumber, checkOptions, checkScalar, checkTensors, checkWhole, opError, show } from '../build.js';
import { formatType, type Tensor } from '../graph.js';
import { add, multiply, power } from './elementwise.js';
import { full, iota } from './random.js';
import { broadcastTo, concatenate, reshape } from './shape.js';

function checkSpace(op: string, start: unknown, stop: unknown, count: unknown, options: unknown): void {
  checkNumber(op, 'start', start);
  checkNumber(op, 'stop', stop);
  checkWhole(op, 'count', count, 0);
  checkOptions(op, options);
}

/**
 * `count` numbers at equal distances from `start` to `stop`, which is the last one unless `endpoint` is false.
 *
 * @throws Error when `count` is not a whole number or is negative
 *
 * @example
 * ops.linspace(0, 1, 5); // 0, 0.25, 0.5, 0.75, 1
 */
export function linspace(
  start: number,
  stop: number,
  count = 50,
  options: { readonly endpoint?: boolean } = {},
): Tensor {
  checkSpace('linspace', start, stop, count, options);
  const endpoint = options.endpoint ?? true;
  const step = (stop - start) / Math.max(1, endpoint ? count - 1 : count);
  const some = (n: number): Tensor => add(multiply(iota([n], 0, 'float32'), step), start);
  // the end itself, whatever the rounding of the steps
  return endpoint && count > 1 ? concatenate([some(count - 1), full([1], stop)]) : some(count);
}

/**
 * Coordinates of a grid from those along each axis: of n vectors, n tensors of rank n.
 *
 * @param indexing 'xy' (default): the first vector varies along axis 1, the second along axis 0, as in images;
 *     'ij': vector i varies along axis i
 * @throws Error when an argument is not of rank 1
 *
 * @example
 * const [x, y] = ops.meshgrid([ops.linspace(0, 1, 3), ops.linspace(0, 1, 2)]); // two tensors [2, 3]
 */
export function meshgrid(vectors: readonly Tensor[], indexing: 'xy' | 'ij' = 'xy'): Tensor[] {
  if (indexing !== 'xy' && indexing !== 'ij') {
    throw opError('meshgrid', `indexing must be 'xy' or 'ij', got ${show(indexing)}`);
  }
  checkTensors('meshgrid', 'vectors', vectors);
  vectors.forEach((v, i) => {
    if (v.rank !== 1) throw opError('meshgrid', `vectors[${i}] must have rank 1, got ${formatType(v)}`);
  });
  const axisOf = (i: number): number => (indexing === 'xy' && i < 2 && vectors.length > 1 ? 1 - i : i);
  const shape: number[] = [];
  vectors.forEach((v, i) => {
    shape[axisOf(i)] = v.size;
  });
  return vectors.map((v, i) => {
    const column = shape.map((n, axis) => (axis === axisOf(i) ? n : 1));
    return broadcastTo(reshape(v, column), shape);
  });
}

export interface LogspaceOptions {
  /** Whether `stop` is the last exponent. Default: true. */
  readonly endpoint?: boolean;
  /** Default: 10. */
  readonly base?: number;
}

/**
 * `count` powers of a base whose exponents go from `start` to `stop` at equal distances, as in `linspace`.
 *
 * @throws Error when `count` is not a whole number or is negative
 *
 * @example
 * ops.logspace(0, 2, 3); // 1, 10, 100
 */
export function logspace(start: number, stop: number, count = 50, options: LogspaceOptions = {}): Tensor {
  checkSpace('logspace', start, stop, count, options);
  const { base = 10 } = options;
  checkScalar('logspace', 'base', base);
  return power(base, linspace(start, stop, count, options));
}
