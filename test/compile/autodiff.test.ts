import { gradients } from '../../lib/compile/autodiff';
import { make, tensor, withScope } from '../../lib/ir/build';
import { type Graph, Node, type Tensor, topological } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { identityProgram } from '../../lib/ir/program';
import { interpret } from '../../lib/ir/reference';

const asGraph = (...outputs: Tensor[]): Graph => ({ inputs: [], outputs, writes: [] });
const valuesOf = (...tensors: Tensor[]): number[][] => interpret(asGraph(...tensors)).outputs.map((v) => [...v]);
/** dL/dx for L = sum(f(x)). */
const slopes = (f: (x: Tensor) => Tensor, values: number[]): number[] => {
  const x = tensor(values);
  return valuesOf(...gradients(ops.sum(f(x)), [x]))[0];
};

describe('the walker', () => {
  test('adds up what arrives from several uses', () => {
    const x = tensor([1, 2, 3]);
    const y = ops.sum(ops.add(ops.multiply(x, x), ops.multiply(x, 10)));
    expect(valuesOf(...gradients(y, [x]))).toEqual([[12, 14, 16]]);
  });

  test('starts from upstream, of any shape', () => {
    const x = tensor([1, 2, 3]);
    expect(valuesOf(...gradients(ops.square(x), [x], tensor([1, 10, 100])))).toEqual([[2, 40, 600]]);
  });

  test('gives zeros for what is not used, and 1 for the result itself', () => {
    const [x, other] = [tensor(3), tensor([1, 2])];
    expect(valuesOf(...gradients(ops.square(x), [other, x]))).toEqual([[0, 0], [6]]);
    expect(valuesOf(...gradients(x, [x]))).toEqual([[1]]);
  });

  test('an intermediate result can be differentiated with respect to, and passes its gradient on', () => {
    const x = tensor(3);
    const middle = ops.square(x);
    expect(valuesOf(...gradients(ops.multiply(middle, middle), [middle, x]))).toEqual([[18], [108]]);
  });

  test('leaves branches alone that do not lead to what is asked for', () => {
    const [x, frozen] = [tensor([1, 2]), tensor([3, 4])];
    const [dx] = gradients(ops.sum(ops.multiply(x, ops.exp(frozen))), [x]);
    // dy * exp(frozen), and no derivative of exp
    const made = topological(asGraph(dx)).map((n) => n.op);
    expect(made.filter((op) => op === 'exp')).toHaveLength(1);
    expect(made.filter((op) => op === 'mul')).toHaveLength(1);
  });

  test('passes the origin of a node on to its gradient', () => {
    const x = tensor([1, 2]);
    const y = withScope('dense_1', () => ops.sum(ops.exp(x)));
    expect(gradients(y, [x])[0].node.scope).toBe('dense_1/gradient');
  });

  test('says what is wrong with its arguments', () => {
    const x = tensor([1, 2]);
    expect(() => gradients(ops.square(x), [x])).toThrow(
      'gradients: expected a scalar (rank 0), got float32[2]; reduce it with sum or mean first',
    );
    expect(() => gradients(ops.sum(tensor(Int32Array.of(1))), [x])).toThrow(
      'only float32 can be differentiated, got int32[]',
    );
    expect(() => gradients(ops.square(x), [x], tensor([1, 2, 3]))).toThrow(
      'upstream must be float32[2] like the result, got float32[3]',
    );
    expect(() => gradients(ops.sum(x), [x, tensor(Int32Array.of(1, 2))])).toThrow(
      'wrt[1] must be a float32 tensor, got int32[2]',
    );
  });

  test('refuses graphs that have been fused', () => {
    const x = tensor([1, 2]);
    const map = new Node('map', [x, x], { program: identityProgram, segments: 2 }, [x, x], '').outputs[0];
    expect(() => gradients(ops.sum(map), [x])).toThrow('the graph has been fused');
  });

  test('goes through ten thousand operations without running out of stack', () => {
    const x = tensor(1);
    let y: Tensor = x;
    for (let i = 0; i < 10_000; i++) y = ops.add(y, x);
    expect(valuesOf(...gradients(y, [x]))).toEqual([[10_001]]);
  });
});

describe('conventions at points without a derivative', () => {
  test.each([
    ['relu', ops.relu, [-1, 0, 2], [0, 0, 1]],
    ['relu6', ops.relu6, [-1, 0, 2, 6, 7], [0, 0, 1, 0, 0]],
    ['abs', ops.abs, [-1, 0, 2], [-1, 0, 1]],
    ['elu', (x: Tensor) => ops.elu(x), [0, 2, 1000], [1, 1, 1]],
    ['softplus', ops.softplus, [-200, 0, 200], [1.3838965267367376e-87, 0.5, 1]],
    ['max with ties', (x: Tensor) => ops.max(x), [1, 3, 3], [0, 0.5, 0.5]],
    ['min with ties', (x: Tensor) => ops.min(x), [1, 1, 1, 1], [0.25, 0.25, 0.25, 0.25]],
    ['product with one zero', (x: Tensor) => ops.prod(x), [2, 0, 3], [0, 6, 0]],
    ['product with two zeros', (x: Tensor) => ops.prod(x), [0, 0, 3], [0, 0, 0]],
    ['power 0 at 0', (x: Tensor) => ops.power(x, 0), [0, 2], [0, 0]],
    ['power 1 at 0', (x: Tensor) => ops.power(x, 1), [0, -2], [1, 1]],
    ['power 2 at 0', (x: Tensor) => ops.power(x, 2), [0, -2], [0, -4]],
    ['0 to the power', (x: Tensor) => ops.power(0, x), [0, 2], [0, 0]],
    ['power of a tensor at 0', (x: Tensor) => ops.power(x, tensor([0, 1, 2])), [0, 0, 0], [0, 1, 0]],
  ] as const)('%s', (_, f, x, expected) => {
    const got = slopes(f, [...x]);
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12);
    });
  });

  test('two tensors share the gradient where they are equal', () => {
    for (const f of [ops.maximum, ops.minimum]) {
      const [a, b] = [tensor([1, 2]), tensor([1, 2])];
      expect(valuesOf(...gradients(ops.sum(f(a, b)), [a, b]))).toEqual([
        [0.5, 0.5],
        [0.5, 0.5],
      ]);
    }
  });

  test('the gradient of relu reads the result, not the argument', () => {
    const x = make('input', [], { slot: 0 }, [4], 'float32');
    const y = ops.relu(x);
    const dy = make('input', [], { slot: 1 }, [4], 'float32');
    const [dx] = gradients(y, [x], dy);
    const readers = topological(asGraph(dx)).filter((n) => n.inputs.includes(x));
    expect(readers.map((n) => n.op)).toEqual(['max']);
  });
});

describe('slices', () => {
  test('the parts of a split come back as one concatenation', () => {
    const x = make('input', [], { slot: 0 }, [6, 4], 'float32');
    const parts = ops.split(x, 6, 0);
    const y = parts.map((p, i) => ops.sum(ops.multiply(p, i))).reduce((a, b) => ops.add(a, b));
    const [dx] = gradients(y, [x]);
    const nodes = topological(asGraph(dx));
    expect(dx.node.op).toBe('concat');
    expect(nodes.filter((n) => n.op === 'concat')).toHaveLength(1);
    expect(nodes.filter((n) => n.op === 'add')).toHaveLength(0);
  });

  test('a grid of patches comes back without a sum', () => {
    const x = tensor(
      Array.from({ length: 16 }, (_, i) => i),
      [4, 4],
    );
    const patches = [0, 2].flatMap((r) => [0, 2].map((c) => ops.slice(x, [r, c], [2, 2])));
    const [dx] = gradients(ops.sum(patches.map((p) => ops.sum(ops.square(p))).reduce((a, b) => ops.add(a, b))), [x]);
    expect(topological(asGraph(dx)).filter((n) => n.op === 'add' && n.outputs[0].size === 16)).toHaveLength(0);
    expect(valuesOf(dx)[0]).toEqual(Array.from({ length: 16 }, (_, i) => 2 * i));
  });

  test('overlapping windows are added', () => {
    const x = tensor([1, 1, 1, 1]);
    const windows = [0, 1, 2].map((from) => ops.sum(ops.slice(x, [from], [2])));
    expect(
      valuesOf(
        ...gradients(
          windows.reduce((a, b) => ops.add(a, b)),
          [x],
        ),
      ),
    ).toEqual([[1, 2, 2, 1]]);
  });
});

describe('stopGradient and customGradient', () => {
  test('nothing flows back through stopGradient', () => {
    expect(slopes((x) => ops.multiply(x, ops.stopGradient(x)), [2, 3])).toEqual([2, 3]);
  });

  test('a straight-through estimator', () => {
    const ste = (x: Tensor) => ops.customGradient([x], ops.round, (dy) => [dy]);
    expect(slopes((x) => ops.multiply(ste(x), 3), [0.2, 1.7])).toEqual([3, 3]);
  });

  test('undefined means no gradient', () => {
    const [a, b] = [tensor(2), tensor(3)];
    const y = ops.customGradient([a, b], ops.multiply, (dy) => [undefined, ops.multiply(dy, 7)]);
    expect(valuesOf(...gradients(y, [a, b]))).toEqual([[0], [7]]);
  });

  test('what the rule returns is checked', () => {
    const x = tensor([1, 2]);
    const differentiate = (rule: (dy: Tensor) => unknown) => () =>
      gradients(ops.sum(ops.customGradient([x], ops.square, rule as never)), [x]);
    expect(differentiate(() => [tensor([1, 2, 3])])).toThrow(
      'gradient 0 must be float32[2] like its input, got float32[3]',
    );
    expect(differentiate(() => [1])).toThrow('gradient 0 must be float32[2] like its input, got number');
    expect(differentiate(() => [])).toThrow('gradient must return an array of 1 (one per input), got 0');
    expect(differentiate((dy) => dy)).toThrow('gradient must return an array of 1 (one per input), got object');
  });
});
