import { ops, tensor } from '../../lib/index';
import type { Tensor } from '../../lib/ir/graph';
import { uniforms } from '../../lib/ir/philox';
import { cpuInfo, selectBlas } from '../../lib/runtime/native';
import { jit } from '../../lib/transforms';

// Machines differ in what they have: where no BLAS can be loaded, what must hold is that the error says so.
function found(): string | undefined {
  try {
    selectBlas('auto');
    return cpuInfo().blas ?? undefined;
  } catch {
    return undefined;
  } finally {
    selectBlas('own');
  }
}
const library = found();

const matrix = (rows: number, columns: number, stream: number): Tensor =>
  tensor(
    Float32Array.from(uniforms(rows * columns, 7, stream), (u) => u - 0.5),
    [rows, columns],
  );

afterAll(() => selectBlas('own'));

test('a library that does not exist is refused by name, and own kernels go on', () => {
  expect(() => selectBlas('/nowhere/libblas.so')).toThrow('/nowhere/libblas.so');
  expect(() => selectBlas('')).toThrow("choice must be 'own', 'auto' or the path of a library");
  expect(cpuInfo().blas).toBeNull();
});

if (library === undefined) {
  test('without a BLAS on this machine, auto says what it tried', () => {
    expect(() => selectBlas('auto')).toThrow(/openblas/i);
  });
} else {
  const forms: [string, (a: Tensor, b: Tensor) => Tensor, [number, number], [number, number]][] = [
    ['a b', (a, b) => ops.matmul(a, b), [37, 65], [65, 129]],
    ["a' b", (a, b) => ops.matmul(ops.transpose(a), b), [65, 37], [65, 129]],
    ["a b'", (a, b) => ops.matmul(a, ops.transpose(b)), [37, 65], [129, 65]],
    ['relu(a b + c)', (a, b) => ops.relu(ops.add(ops.matmul(a, b), ops.sum(b, 0))), [37, 65], [65, 129]],
  ];
  test.each(forms)(`%s with ${library} agrees with float64`, (_name, form, [m, k], [n, l]) => {
    const a = matrix(m, k, 1);
    const b = matrix(n, l, 2);
    const own = jit(form)(a, b).data;
    selectBlas('auto');
    expect(cpuInfo().blas).toBe(library);
    const theirs = jit(form)(a, b).data;
    selectBlas('own');
    // 65 products of numbers under 1/4, each rounded to 24 bits
    const bound = 65 * 0.25 * 2 ** -22;
    theirs.forEach((value, i) => {
      expect(Math.abs(value - (own[i] as number))).toBeLessThan(bound);
    });
  });
}
