import { isScalar, type OpName, opInfo, opTable } from '../../lib/ir/optable';
import { erf, evaluateScalar } from '../../lib/ir/scalar';

const f = (op: string, ...args: number[]) => evaluateScalar(op as never, 'f', args);
const i = (op: string, ...args: number[]) => evaluateScalar(op as never, 'i', args);

describe('evaluateScalar', () => {
  it('knows every scalar operation that does not depend on the position', () => {
    for (const op of Object.keys(opTable) as OpName[]) {
      if (!isScalar(op)) continue;
      const lanes = opInfo(op).lanes === 'i' ? 'i' : 'f';
      const evaluate = () => evaluateScalar(op, lanes, [0.5, 0.25, 0.125]);
      if (opInfo(op).positional) expect(evaluate).toThrow('depends on the position');
      else expect(evaluate()).not.toBeNaN();
    }
  });

  it.each<[string, number[], number]>([
    ['round', [0.5], 0],
    ['round', [1.5], 2],
    ['round', [2.5], 2],
    ['round', [-0.5], -0],
    ['round', [-1.5], -2],
    ['round', [-2.5], -2],
    ['mod', [-7, 3], 2],
    ['mod', [7, -3], -2],
    ['mod', [-5.5, 2], 0.5],
    ['min', [1, Number.NaN], Number.NaN],
    ['max', [Number.NaN, 1], Number.NaN],
    ['pow', [1, Number.NaN], 1],
    ['pow', [-1, Infinity], 1],
    ['pow', [0, 0], 1],
    ['pow', [-8, 1 / 3], Number.NaN],
    ['sigmoid', [-1000], 0],
    ['sigmoid', [1000], 1],
    ['castInt', [-1.9], -1],
    ['castInt', [-0.9], 0],
    ['castInt', [3e9], 2147483647],
    ['castInt', [-3e9], -2147483648],
    ['castInt', [Number.NaN], 0],
    ['castBool', [Number.NaN], 1],
    ['castBool', [-0], 0],
    ['eq', [Number.NaN, Number.NaN], 0],
    ['ne', [Number.NaN, Number.NaN], 1],
    ['select', [1, 5, 6], 5],
    ['select', [0, 5, 6], 6],
    ['fma', [2, 3, 4], 10],
    ['sign', [-2.5], -1],
  ])('%s %j is %p', (op, args, expected) => expect(f(op, ...args)).toBe(expected));

  it('wraps int32 as the hardware does', () => {
    expect(i('add', 2147483647, 1)).toBe(-2147483648);
    expect(i('sub', -2147483648, 1)).toBe(2147483647);
    expect(i('mul', 65536, 65536)).toBe(0);
    expect(i('mul', 123456789, 987654321)).toBe(Number(BigInt.asIntN(32, 123456789n * 987654321n)));
    expect([i('neg', -2147483648), i('abs', -2147483648)]).toEqual([-2147483648, -2147483648]);
    expect([i('mod', -7, 3), i('mod', 7, -3), i('mod', -2147483648, -1), i('mod', 5, 0)].map((v) => v + 0)).toEqual([
      2, -2, 0, 0,
    ]);
  });

  it('works on bits, and shifts by any number', () => {
    expect([i('bitAnd', -4, 6), i('bitOr', -8, 3), i('bitXor', -1, 5)]).toEqual([4, -5, -6]);
    expect([0, 1, 31, 32, 33, -1].map((by) => i('shiftLeft', 3, by))).toEqual([3, 6, -2147483648, 0, 0, 0]);
    expect([0, 1, 31, 32, 33, -1].map((by) => i('shiftRight', -6, by))).toEqual([-6, -3, -1, -1, -1, -1]);
    expect([30, 31, 32, -1].map((by) => i('shiftRight', 2147483647, by))).toEqual([1, 0, 0, 0]);
  });
});

describe('erf', () => {
  // Abramowitz and Stegun, table 7.1, and scipy.special.erf
  it.each([
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
  ])('of %p', (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(3e-16 + 3e-16 * expected);
    expect(erf(-x)).toBe(-erf(x));
  });

  it('of the borders', () => {
    expect([erf(0), erf(Infinity), erf(-Infinity), erf(1e-300)]).toEqual([0, 1, -1, (2 / Math.sqrt(Math.PI)) * 1e-300]);
    expect(erf(Number.NaN)).toBeNaN();
  });
});
