import { printPlan } from '../../lib/compile/print.js';
import { encoding, opTable, tableHash } from '../../lib/ir/optable.js';
import { addon } from './native.js';
import { addConstant, counterPlan, PlanWords, passThroughPlan, sumsPlan } from './plan-words.js';

const shape = [2, 3];
const identity = [1, 1, 0, 1, 0, 0];

/** Views of one space after another, so that a case reads as shapes. */
function withViews(build: (plan: PlanWords, view: (shape: number[], extra?: object) => number) => void): Uint32Array {
  const plan = new PlanWords(64, 16);
  let base = 0;
  build(plan, (shape, extra = {}) => plan.view({ shape, base: base++, ...extra }));
  return plan.words();
}

test('the addon was built from this operation table', () => {
  expect(addon.tableHash).toBe(tableHash());
});

test('prints a plan', () => {
  const plan = new PlanWords(3, 2, new Array(16).fill(0));
  const x = plan.view({ shape: [4, 3] });
  const w = plan.view({ space: 'state', shape: [3, 2], strides: [1, 3], offset: 1 });
  const y = plan.view({ shape: [4, 2], base: 1 });
  plan.feed(x, { shape: [4, 3] });
  plan.instruction('matmul', [x, w], [y], [0, 0, ...identity]);
  plan.instruction('map', [y], [y], [1, ...addConstant(1)]);
  plan.fetch(y, { shape: [4, 2] });
  expect(addon.printPlan(plan.words())).toBe(
    `plan arena=192 state=128 constants=64
feed 0 float32[4, 3]
fetch 0 float32[4, 2]
0 feed 0 -> arena+0 float32[4, 3]
1 matmul 0 0 (arena+0 float32[4, 3], state+0 float32[3, 2] offset 1 strides [1, 3]) -> arena+64 float32[4, 2]
2 map 1 (arena+64 float32[4, 2]) -> arena+64 float32[4, 2] { r1 = 0x3f800000; r2 = add.f r0 r1; return r2 }
3 fetch 0 (arena+64 float32[4, 2])
`,
  );
});

test('prints a loop', () => {
  const text = addon.printPlan(sumsPlan());
  expect(printPlan(sumsPlan())).toBe(text);
  expect(text).toBe(
    `plan arena=64 state=64 constants=0
0 copy (state+0 float32[4]) -> arena+0 float32[4]
1 loop 2 2
1.0 map 1 (arena+0 float32[4], state+0 float32[4] offset 4 strides [1] slide 4) -> arena+0 float32[4] { r2 = add.f r0 r1; return r2 }
1.1 copy (arena+0 float32[4]) -> state+0 float32[4] offset 4 strides [1] slide 4
`,
  );
});

describe('refuses', () => {
  const header = (index: number, value: number): Uint32Array => counterPlan().map((w, i) => (i === index ? value : w));
  const program = (words: number[], dtype?: 'int32' | 'bool') =>
    withViews((plan, view) => {
      plan.instruction('map', [view(shape), view(shape)], [view(shape, dtype && { dtype })], [1, ...words]);
    });
  const { add, not, castInt } = opTable;
  /** A loop that adds up rows; its view slides as told. */
  const loop = (steps: number, slide: [number, number], count?: number) =>
    withViews((plan, view) => {
      const row = view([4], { slide });
      const target = view([4]);
      plan.loop(steps, () => plan.instruction('copy', [row], [target]));
      if (count !== undefined) plan.instruction('loop', [], [], [steps, count]);
    });
  const nested = (depth: number, steps: number) =>
    withViews((plan) => {
      const wrap = (left: number): unknown => left > 0 && plan.loop(steps, () => wrap(left - 1));
      wrap(depth);
    });

  test.each<[string, Uint32Array, RegExp]>([
    ['no words', new Uint32Array(), /words end before magic/],
    ['another magic', header(0, 1), /magic: expected/],
    ['another version', header(1, 2), /version: expected 1, got 2/],
    ['another table', header(2, 0), /hash of the operation table/],
    ['a wrong length', header(3, 9), /number of words/],
    ['constants out of step', header(6, 3), /multiple of 16/],
    ['more views than words', header(7, 0xffffffff), /too few words/],
    ['more instructions than words', header(8, 0xffffffff), /too few words/],
    ['reserved words', header(12, 1), /reserved word/],
    ['a view behind its space', withViews((_, view) => view([1], { base: 64 })), /reaches bytes 4096 to 4099 of 4096/],
    ['a view before its space', withViews((_, view) => view([2], { strides: [-1] })), /reaches bytes -4/],
    ['a stride out of the space', withViews((_, view) => view([9, 2], { strides: [1000, 1] })), /reaches bytes/],
    ['overflowing strides', withViews((_, v) => v([0xffffffff, 4], { strides: [0x7fffffff, 1] })), /reaches too far/],
    ['overflowing shapes', withViews((_, view) => view([0xffffffff, 0xffffffff])), /too many elements/],
    ['empty axes', withViews((_, view) => view([0])), /axis 0 has size 0/],
    ['a ninth axis', withViews((_, view) => view(new Array(9).fill(1))), /rank 9/],
    ['an unknown view', withViews((plan) => plan.instruction('copy', [7], [7])), /there is no view 7/],
    [
      'a write to constants',
      ((plan) => {
        plan.instruction('copy', [plan.view({ shape: [1] })], [plan.view({ space: 'constant', shape: [1] })]);
        return plan.words();
      })(new PlanWords(1, 0, new Array(16).fill(0))),
      /constants cannot be written/,
    ],
    [
      'a register read before it is written',
      program([2, 1, 0, 4, 1, 2, add.code, 2, 0 | (3 << 8), 0, 0]),
      /register 3/,
    ],
    ['a register out of range', program([2, 1, 0, 3, 0, 7]), /no register 7/],
    ['too many registers', program([2, 1, 0, 251, 0, 0]), /250/],
    ['a write to an input', program([2, 1, 0, 3, 1, 0, add.code, 0, 0 | (1 << 8), 0, 0]), /expected a temporary/],
    ['an unknown operation', program([2, 1, 0, 3, 1, 2, 255, 2, 0, 0, 0]), /no scalar operation/],
    ['lanes that do not fit', program([2, 1, 0, 3, 1, 2, not.code | 256, 2, 0, 0, 0]), /not does not work/],
    ['operands of another lane', program([2, 1, 0, 3, 1, 2, add.code | 256, 2, 0, 0, 0]), /wants int32/],
    ['a result of another lane', program([2, 1, 0, 3, 1, 2, castInt.code, 2, 0, 0, 0]), /holds int32 but is stored/],
    ['division by zero in iota', program([2, 1, 0, 3, 1, 2, opTable.iota.code | 256, 2, 0, 0, 0], 'int32'), /iota/],
    [
      'a matmul of other inner sizes',
      withViews((plan, v) => plan.instruction('matmul', [v([2, 3]), v([4, 5])], [v([2, 5])], [0, 0, ...identity])),
      /b: expected float32\[3, 5\], got float32\[4, 5\]/,
    ],
    [
      'a matmul of other batches',
      withViews((plan, v) =>
        plan.instruction('matmul', [v([2, 2, 3]), v([1, 3, 5])], [v([2, 2, 5])], [0, 0, ...identity]),
      ),
      /b: expected/,
    ],
    [
      'a matmul of an unknown precision',
      withViews((plan, v) => plan.instruction('matmul', [v([2, 3]), v([3, 5])], [v([2, 5])], [0, 3, ...identity])),
      /precision: expected less than 3, got 3/,
    ],
    ...(
      [
        ['of other inner sizes', [2, 3], [4, 5], 'int8', /b: expected int8\[3, 5\], got int8\[4, 5\]/],
        ['with a float32 matrix', [2, 3], [3, 5], 'float32', /b: expected int8\[3, 5\], got float32\[3, 5\]/],
        ['of batches', [1, 2, 3], [3, 5], 'int8', /a: expected rank 2, got float32\[1, 2, 3\]/],
        ['that is too deep', [1, 131_073], [131_073, 1], 'int8', /a: expected rows of at most 131072/],
      ] as const
    ).map(([name, a, b, dtype, message]): [string, Uint32Array, RegExp] => {
      const still = { strides: [0, 0, 0].slice(0, a.length) };
      const build = (plan: PlanWords, v: (shape: number[], extra?: object) => number) => {
        const views = [v([...a], still), v([...b], { dtype, strides: [0, 0] })];
        plan.instruction('matmulInt8', views, [v([a.at(-2) as number, b[1]])], [0, ...identity]);
      };
      return [`an int8 product ${name}`, withViews(build), message];
    }),
    [
      'an int8 result of a program',
      withViews((plan, v) => plan.instruction('map', [v(shape)], [v(shape, { dtype: 'int8' })], [1, 1, 1, 0, 1, 0, 0])),
      /output 0 of the program is stored as int8/,
    ],
    [
      'sums of int8',
      withViews((plan, v) =>
        plan.instruction('cumsum', [v([4], { dtype: 'int8' })], [v([4], { dtype: 'int8' })], [0, 0]),
      ),
      /input: expected numbers, got int8\[4\]/,
    ],
    [
      'a reduction to the wrong axes',
      withViews((plan, v) => plan.instruction('reduce', [v([2, 3])], [v([3])], [0, 2, ...identity])),
      /output: expected float32\[2\], got float32\[3\]/,
    ],
    [
      'labels of another dtype',
      withViews((plan, v) => plan.instruction('softmaxCrossEntropy', [v([2, 3]), v([2])], [v([2])])),
      /labels: expected int32\[2\], got float32\[2\]/,
    ],
    [
      'a gather of another shape',
      withViews((plan, v) => plan.instruction('gather', [v([5, 3]), v([2], { dtype: 'int32' })], [v([2, 4])])),
      /output: expected float32\[2, 3\]/,
    ],
    [
      'a strided output of map',
      withViews((plan, v) => plan.instruction('map', [v([2])], [v([2], { strides: [2] })], [1, ...addConstant(1)])),
      /output 0: expected a contiguous view/,
    ],
    [
      'slices of one array as outputs of map that overlap',
      withViews((plan, v) => {
        const slice = (offset: number) => v([2, 3], { base: 32, offset, strides: [5, 1] });
        plan.instruction('map', [v([2, 3]), v([2, 3])], [slice(0), slice(2)], [2, ...addConstant(1)]);
      }),
      /output 0 overlaps output 1/,
    ],
    [
      'an output that half overlaps an input',
      withViews((plan, v) => {
        plan.instruction('map', [v([8], { base: 0 })], [v([8], { base: 0, offset: 4 })], [1, ...addConstant(1)]);
      }),
      /output 0 overlaps input 0/,
    ],
    ['a slot that nothing fetches', counterPlan().map((w, i) => (i === 10 ? 1 : w)), /./],
    [
      'words at the end',
      Uint32Array.from([...counterPlan(), 0]).map((w, i, all) => (i === 3 ? all.length : w)),
      /left over/,
    ],
    ['a loop of no steps', loop(0, [2, 4]), /0 steps: expected 1 to/],
    ['a view that slides out of its space', loop(200, [200, 64]), /reaches bytes 0 to/],
    ['a view that slides before its space', loop(2, [2, -4]), /reaches bytes -16/],
    ['a view that slides too far', loop(2, [0x7fffffff, 0x7fffffff]), /slides too far|reaches bytes/],
    ['a view that slides in no steps', loop(2, [0, 4]), /0 steps/],
    ['a view of another loop', loop(2, [3, 4]), /slides in 3 steps, the loop around it has 2/],
    [
      'a sliding view outside a loop',
      withViews((plan, view) => {
        const x = view([4], { slide: [2, 4] });
        plan.instruction('copy', [x], [view([4])]);
      }),
      /slides in 2 steps/,
    ],
    [
      'a kernel that cannot slide',
      withViews((plan, view) => {
        const x = view([1, 4], { slide: [2, 4] });
        plan.loop(2, () => plan.instruction('softmax', [x], [view([1, 4])], [0]));
      }),
      /operands of this instruction cannot slide/,
    ],
    [
      'views that meet in some step',
      withViews((plan, view) => {
        const x = view([4], { base: 0, slide: [4, 4] });
        plan.loop(4, () => plan.instruction('map', [x], [view([4], { base: 0, offset: 12 })], [1, ...addConstant(1)]));
      }),
      /output 0 overlaps input 0/,
    ],
    [
      'a fetch in a loop',
      withViews((plan, view) => plan.loop(2, () => plan.fetch(view([4]), { shape: [4] }))),
      /not allowed in a loop/,
    ],
    [
      'operands of a loop',
      withViews((plan, view) => plan.instruction('loop', [view([1])], [], [1, 0])),
      /expected 0 inputs/,
    ],
    ['more instructions in a loop than words', loop(2, [2, 4], 9), /too few words|words end/],
    ['too many steps in all', nested(3, 2 ** 20), /steps: expected 1 to 2147483647 in all/],
    ['loops too deep', nested(9, 1), /at most 8 levels/],
  ])('%s', (_, words, message) => {
    expect(() => addon.printPlan(words)).toThrow(message);
  });

  test('what is no Uint32Array', () => {
    expect(() => addon.printPlan([1, 2] as never)).toThrow('words: expected a Uint32Array, got an array');
    expect(() => addon.printPlan(new Int32Array(3) as never)).toThrow('got Int32Array of length 3');
  });
});

test('survives any words', () => {
  let random = 12345;
  const below = (n: number) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * n);
  };
  const seeds = [counterPlan(), passThroughPlan(3, 5), passThroughPlan(1, 1, 'bool'), sumsPlan()];
  const values = [0, 1, 2, 255, 256, 65536, 0x7fffffff, 0x80000000, 0xffffffff];
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const words = Uint32Array.from(seeds[below(seeds.length)] as Uint32Array);
    for (let k = below(3); k >= 0; k--) {
      const at = 4 + below(words.length - 4);
      words[at] = below(2) === 0 ? (values[below(values.length)] as number) : below(encoding.maxRegisters);
    }
    try {
      expect(addon.printPlan(words)).toMatch(/^plan /);
      accepted++;
    } catch (error) {
      expect((error as Error).message).toMatch(/^plan, word \d+/);
    }
  }
  expect(accepted).toBeGreaterThan(0);
});
