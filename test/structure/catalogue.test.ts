// Everything in `ops` is in the one case list (test/helpers/cases): checked against float64 on every CPU target, and its
// gradient against differences. What is not is named here, with the reason.
import { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { printGraph } from '../../lib/ir/print';
import { activationNames, resolveActivation } from '../../lib/layers/activations';
import * as losses from '../../lib/losses/index';
import { cases } from '../helpers/cases';
import { fed } from '../helpers/evaluate';
import { placeholders } from '../helpers/gradcheck';
import { Random } from '../helpers/random';

/** Their results are bool or whole numbers, or made from such. */
const withoutGradient = [
  ...['equal', 'notEqual', 'less', 'lessEqual', 'greaterEqual', 'isClose', 'isIn', 'isNaN', 'isFinite', 'isInf'],
  ...['isPosInf', 'isNegInf', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'bitwiseNot', 'leftShift', 'rightShift'],
  ...['logicalAnd', 'logicalOr', 'logicalXor', 'logicalNot', 'any', 'all', 'countNonzero', 'inTopK'],
  ...['argmax', 'argmin', 'argsort', 'searchSorted', 'digitize', 'histogram', 'multiHot'],
];

/** Approximations whose gradient is that of the true function: compared with it in test/ir. */
const gradientOfTrueFunction = ['erfinv'];

/**
 * Compared with float64 in test/losses: the bounds on errors, from which the list takes its tolerances, are infinite where
 * -1e30 stands for the logarithm of 0.
 */
const lossesWithoutBounds = ['ctc'];

interface Call {
  readonly name: string;
  readonly args: unknown;
  readonly result: unknown;
}
const mockCalls: Call[] = [];

// Cases call operations through the index, which nothing in lib/ does: so these are the calls of the cases themselves.
jest.mock('../../lib/ir/ops/index', () => {
  const recorded = (namespace: object, path: string): object =>
    Object.fromEntries(
      Object.entries(namespace).map(([name, value]) => {
        if (typeof value !== 'function') return [name, recorded(value, `${path}${name}.`)];
        const call = (...args: unknown[]): unknown => {
          const result: unknown = value(...args);
          mockCalls.push({ name: path + name, args, result });
          return result;
        };
        return [name, call];
      }),
    );
  return { __esModule: true, ...recorded(jest.requireActual('../../lib/ir/ops/index'), '') };
});

const namesIn = (namespace: object, path = ''): string[] =>
  Object.entries(namespace).flatMap(([name, value]) =>
    typeof value === 'function' ? [path + name] : namesIn(value, `${path}${name}.`),
  );
const names = namesIn(ops);

const hasFloat = (value: unknown): boolean =>
  value instanceof Tensor
    ? value.dtype === 'float32'
    : typeof value === 'object' && value !== null && Object.values(value).some(hasFloat);

const covered = new Set<string>();
const withGradient = new Set<string>();
const fromFloatToFloat = new Set<string>();

beforeAll(() => {
  for (const { build, differentiable, large } of cases) {
    for (let seed = 1; seed <= (large ? 1 : 8); seed++) {
      mockCalls.length = 0;
      const { inputs, run } = build(new Random(seed));
      run(...placeholders(inputs));
      for (const { name, args, result } of mockCalls) {
        covered.add(name);
        if (differentiable) withGradient.add(name);
        if (hasFloat(args) && hasFloat(result)) fromFloatToFloat.add(name);
      }
    }
  }
});

test('every operation has a case', () => {
  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name) => !covered.has(name))).toEqual([]);
});

test('every operation has its gradient checked', () => {
  const expected = names.filter((name) => !withGradient.has(name));
  expect(expected.sort()).toEqual([...withoutGradient, ...gradientOfTrueFunction].sort());
});

test('what is said to have no gradient gives no float32 for a float32', () => {
  expect(withoutGradient.filter((name) => fromFloatToFloat.has(name))).toEqual([]);
});

test('every activation is an operation', () => {
  const other: Readonly<Record<string, string>> = { linear: '', swish: 'silu', exponential: 'exp' };
  const x = fed(0, [3, 4]);
  const text = (y: Tensor): string => printGraph({ inputs: [x], outputs: [y], writes: [] });
  for (const name of activationNames) {
    const op = ops[(other[name] ?? name) as 'relu'] ?? ((t: Tensor) => t);
    expect(text(resolveActivation('test', name)(x))).toBe(text(op(x)));
  }
});

test('every loss has a case', () => {
  const tested = new Set(cases.filter((c) => c.family === 'loss').map((c) => c.name.split(' ')[0]));
  const known = Object.entries(losses).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
  expect(known.length).toBeGreaterThan(20);
  expect(known.filter((name) => !tested.has(name))).toEqual(lossesWithoutBounds);
});
