// Bad arguments of every kind in every place of every public operation: what is thrown is an error that names the operation.
import { tensor } from '../../lib/ir/build';
import { Tensor } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { evaluate } from '../../lib/transforms/index';
import { opCalls } from '../helpers/op-calls';

type Op = (...args: readonly unknown[]) => unknown;
const { image, ...others } = ops;
const all = new Map<string, Op>([
  ...Object.entries(others as unknown as Record<string, Op>),
  ...Object.entries(image as unknown as Record<string, Op>).map(([name, f]): [string, Op] => [`image.${name}`, f]),
]);
const calls = opCalls();

const bad: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 7],
  ['a fraction', -0.5],
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['a string', 'valid'],
  ['true', true],
  ['a list', [1, 2]],
  ['an empty list', []],
  ['a list of null', [null]],
  ['a list of lists', [['a']]],
  ['an object', {}],
  ['a function', () => 1],
  ['a float scalar', ops.scalar(2)],
  ['a float of rank 5', ops.ones([1, 2, 1, 2, 1])],
  ['an int32 vector', tensor(Int32Array.of(1, 2))],
  ['a bool matrix', ops.greater(tensor([[1, 0]]), 0)],
  ['an empty tensor', ops.zeros([0])],
  ['a symbol', Symbol('s')],
  ['a bigint', 3n],
  ['an object without prototype', Object.create(null)],
  ['a list of such', [Symbol('s'), Object.create(null)]],
];

/** The tensors in what an operation returns. */
const tensorsIn = (value: unknown): Tensor[] =>
  value instanceof Tensor
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(tensorsIn)
      : [];

interface Call {
  readonly name: string;
  readonly what: string;
  readonly args: readonly unknown[];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);

/** With every argument and every option replaced by every bad value, and with the last arguments left out. */
function misuses(name: string, args: readonly unknown[]): Call[] {
  const missing = args.map((_, n): Call => ({ name, what: `only ${n} arguments`, args: args.slice(0, n) }));
  const replaced = args.flatMap((_, i) =>
    bad.map(([what, value]): Call => ({ name, what: `argument ${i} ${what}`, args: args.with(i, value) })),
  );
  const options = args.flatMap((arg, i) =>
    Object.keys(isRecord(arg) ? arg : {}).flatMap((key) =>
      bad.map(
        ([what, value]): Call => ({
          name,
          what: `${key} ${what}`,
          args: args.with(i, { ...(arg as object), [key]: value }),
        }),
      ),
    ),
  );
  return [...missing, ...replaced, ...options];
}

/** What is wrong with an error, if anything. Errors of the engine are of another realm under jest. */
function complaint(name: string, error: unknown): string | undefined {
  if (Object.prototype.toString.call(error) !== '[object Error]') return 'not an Error';
  if ((error as Error).name !== 'Error') return (error as Error).name;
  return (error as Error).message.startsWith(`${name}: `) ? undefined : 'does not begin with the name';
}

test('there is a right call of every operation', () => {
  expect([...calls.keys()].sort()).toEqual([...all.keys()].sort());
  const results = [...calls].flatMap(([name, args]) => tensorsIn((all.get(name) as Op)(...args)));
  expect(() => evaluate(results)).not.toThrow();
});

/** Only known when the step runs, in native code that does not know what the indices are for. */
const outOfRange = /an index is out of range/;

test('what is thrown for a bad argument begins with the name of the operation', () => {
  const problems: string[] = [];
  const made: [Call, Tensor[]][] = [];
  for (const [name, args] of calls) {
    for (const call of misuses(name, args)) {
      try {
        made.push([call, tensorsIn((all.get(name) as Op)(...call.args))]);
      } catch (error) {
        const wrong = complaint(name, error);
        if (wrong !== undefined) problems.push(`${name}, ${call.what}: ${wrong}: ${(error as Error).message}`);
      }
    }
  }
  // what the operation takes has to be a graph that can be compiled and run
  for (const [call, results] of made) {
    try {
      evaluate(results);
    } catch (error) {
      if (!outOfRange.test(String(error))) problems.push(`${call.name}, ${call.what}: evaluation: ${error}`);
    }
  }
  expect(problems).toEqual([]);
});
