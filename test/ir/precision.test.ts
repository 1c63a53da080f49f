// Products of operands rounded to bfloat16: the rounding itself, and which products have it. What kernels compute is in the
// case list.
import { gradients } from '../../lib/compile/autodiff';
import { toBfloat16 } from '../../lib/ir/bfloat16';
import { type Attributes, type Tensor, topological } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { type Precision, withPrecision, withProductPrecision } from '../../lib/ir/precision';
import { sumProducts } from '../../lib/ir/products';
import { interpret } from '../../lib/ir/reference';
import { jit } from '../../lib/transforms/index';
import { fed } from '../helpers/evaluate';
import { Random } from '../helpers/random';

const bf16 = <T>(body: () => T): T => withProductPrecision('bfloat16', body);
const productOps = ['matmul', 'conv', 'convInputGrad', 'convKernelGrad'];
/** Operation and precision of every product that tensors need. */
const productsOf = (...outputs: Tensor[]): string[] =>
  topological({ inputs: [], outputs, writes: [] })
    .filter((node) => productOps.includes(node.op))
    .map((node) => `${node.op} ${(node.attrs as Attributes['matmul']).precision ?? 'float32'}`);

test('rounds to the nearest, and a tie to the even one', () => {
  const tie = 2 ** -8; // half of the spacing above 1
  expect(toBfloat16(1 + tie)).toBe(1);
  expect(toBfloat16(1 + tie + 2 ** -23)).toBe(1 + 2 * tie);
  expect(toBfloat16(1 + 3 * tie)).toBe(1 + 4 * tie);
  expect(toBfloat16(-1 - tie)).toBe(-1);
  expect(toBfloat16(3.14159)).toBe(3.140625);
  for (const exact of [0, -0, 1, -255, 256, 2 ** -126, 2 ** 127])
    expect(Object.is(toBfloat16(exact), exact)).toBe(true);
});

test('keeps what is not finite, and overflows to infinity', () => {
  expect(toBfloat16(Number.NaN)).toBeNaN();
  expect(toBfloat16(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  expect(toBfloat16(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
  const largest = (2 - 2 ** -7) * 2 ** 127;
  expect(toBfloat16(largest)).toBe(largest);
  expect(toBfloat16(3.4e38)).toBe(Number.POSITIVE_INFINITY);
});

test('takes subnormal numbers for zeros of their sign', () => {
  expect(Object.is(toBfloat16(1.1754942e-38), 0)).toBe(true);
  expect(Object.is(toBfloat16(-1e-40), -0)).toBe(true);
});

test('the precision is that of where a product is made, and of its gradients to any order', () => {
  const [a, b] = [fed(0, [3, 4]), fed(1, [4, 5])];
  const product = bf16(() => ops.matmul(a, b));
  const [da] = gradients(ops.sum(ops.square(product)), [a, b]);
  const twice = gradients(ops.sum(ops.square(da)), [a, b]);
  expect(new Set(productsOf(product, da, ...twice))).toEqual(new Set(['matmul bfloat16']));
  const plain = ops.matmul(a, b);
  expect(new Set(productsOf(plain, ...bf16(() => gradients(ops.sum(plain), [a, b]))))).toEqual(
    new Set(['matmul float32']),
  );
});

test('convolutions and their gradients have it, depthwise ones do not', () => {
  const [x, kernel, depthwise] = [fed(0, [1, 5, 5, 4]), fed(1, [3, 3, 4, 2]), fed(2, [3, 3, 4, 1])];
  const y = bf16(() => ops.conv(x, kernel));
  expect(productsOf(y, ...gradients(ops.sum(ops.square(y)), [x, kernel])).sort()).toEqual([
    'conv bfloat16',
    'convInputGrad bfloat16',
    'convKernelGrad bfloat16',
  ]);
  const wide = bf16(() => ops.convTranspose(y, kernel));
  expect(productsOf(wide)).toContain('convInputGrad bfloat16');
  expect(productsOf(bf16(() => ops.depthwiseConv(x, depthwise)))).toEqual(['conv float32']);
});

test('the body of a scan and its gradient have it', () => {
  const [w, h0, x] = [fed(0, [4, 4]), fed(1, [2, 4]), fed(2, [3, 2, 4])];
  const { carry } = bf16(() => {
    const step = (h: Tensor, now: Tensor) => ({ carry: ops.tanh(ops.add(ops.matmul(h, w), now)), output: h });
    return ops.scan(step, h0, x);
  });
  const [dw] = gradients(ops.sum(carry), [w]);
  expect(productsOf(dw)).toContain('matmul bfloat16');
  expect(productsOf(dw)).not.toContain('matmul float32');
});

test('gradients are the float32 ones of rounded factors', () => {
  const random = new Random(5);
  const whole = (n: number) => Float64Array.from({ length: n }, () => random.int(-100, 100));
  const feeds = [whole(15), whole(20), whole(12)]; // exact in bfloat16
  const results = (['float32', 'bfloat16'] as const).map((precision) => {
    const [a, b, dy] = [fed(0, [3, 5]), fed(1, [5, 4]), fed(2, [3, 4])];
    const y = withProductPrecision(precision, () => ops.matmul(a, b));
    return interpret({ inputs: [a, b, dy], outputs: [y, ...gradients(y, [a, b], dy)], writes: [] }, { feeds }).outputs;
  });
  expect(results[1]).toEqual(results[0]);
});

test('products of different precision are not joined', () => {
  const pair = (slot: number) => ({ a: fed(slot, [2, 4]), b: fed(slot + 1, [2, 5]) });
  const sum = sumProducts([
    pair(0),
    { ...pair(2), precision: 'bfloat16' },
    pair(4),
    { ...pair(6), precision: 'bfloat16' },
  ]);
  expect(productsOf(sum).sort()).toEqual(['matmul bfloat16', 'matmul float32']);
});

test('jit has an option for it, which a function inside may have too', () => {
  const third = Math.fround(1 / 3);
  const product = (a: Tensor, b: Tensor) => ops.matmul(a, b);
  const rounded = jit(product, { precision: 'mixedBfloat16' });
  const [row, column] = [ops.full([1, 2], third), ops.full([2, 1], 3)];
  expect(rounded(row, column).item()).toBe(6 * toBfloat16(third));
  expect(jit(product)(row, column).item()).toBe(Math.fround(6 * third));
  const both = jit((a: Tensor, b: Tensor) => [rounded(a, b), product(a, b)]);
  expect(both(row, column).map((t) => t.item())).toEqual([6 * toBfloat16(third), Math.fround(6 * third)]);
});

test('an unknown precision is an error that names the known ones', () => {
  expect(() => withPrecision('half' as Precision, () => 1)).toThrow(
    "precision must be one of 'float32', 'tf32', 'mixedBfloat16', 'bfloat16', got 'half'",
  );
  const wrong = jit((x: Tensor) => x, { precision: 16 as unknown as 'float32' });
  expect(() => wrong(1)).toThrow("precision must be one of 'float32', 'tf32', 'mixedBfloat16', 'bfloat16', got 16");
});
