import { gradients } from '../../lib/compile/autodiff';
import { tensor } from '../../lib/ir/build';
import { type Tensor, topological } from '../../lib/ir/graph';
import * as ops from '../../lib/ir/ops/index';
import { withRandom } from '../../lib/ir/random-source';
import { interpret } from '../../lib/ir/reference';

const graphOf = (...outputs: Tensor[]) => ({ inputs: [], outputs, writes: [] });
const valuesOf = (...tensors: Tensor[]): number[][] => interpret(graphOf(...tensors)).outputs.map((v) => [...v]);
const countOf = (op: string, ...tensors: Tensor[]): number =>
  topological(graphOf(...tensors)).filter((n) => n.op === op).length;

const sumUp = (carry: Tensor, x: Tensor) => ({ carry: ops.add(carry, x), output: ops.multiply(carry, x) });

describe('scan', () => {
  const x = tensor([1, 2, 3, 4]);

  test('carries a value along the leading axis', () => {
    const { carry, output } = ops.scan(sumUp, tensor(10), x);
    expect(valuesOf(carry, output)).toEqual([[20], [10, 22, 39, 64]]);
    expect(output.shape).toEqual([4]);
  });

  test('in reverse, outputs stay where their inputs are', () => {
    const { carry, output } = ops.scan(sumUp, tensor(10), x, { reverse: true });
    expect(valuesOf(carry, output)).toEqual([[20], [19, 34, 42, 40]]);
  });

  test('takes and returns lists and records', () => {
    const { carry, output } = ops.scan(
      ({ a, b }: { a: Tensor; b: Tensor }, [p, q]: readonly Tensor[]) => ({
        carry: { a: ops.add(a, p), b: ops.maximum(b, ops.sum(q)) },
        output: [a, q],
      }),
      { a: tensor(0), b: tensor(-1) },
      [tensor([1, 2]), tensor([[1, 2], [3, 4]])], // biome-ignore format: rows
    );
    expect(valuesOf(carry.a, carry.b, ...output)).toEqual([[3], [7], [0, 1], [1, 2, 3, 4]]);
    expect(output[1].shape).toEqual([2, 2]);
  });

  test('no steps: the carry as it was, and outputs without elements', () => {
    const { carry, output } = ops.scan(sumUp, tensor([1, 2]), ops.zeros([0, 2]));
    expect(valuesOf(carry)).toEqual([[1, 2]]);
    expect(output.shape).toEqual([0, 2]);
  });

  test('one step', () => {
    expect(valuesOf(ops.scan(sumUp, tensor(2), tensor([5])).output)).toEqual([[10]]);
  });

  test('gradients: one loop back, and one product for the weight', () => {
    const [steps, w] = [tensor(new Float32Array(24).fill(0.1), [6, 2, 2]), tensor([[0.5, -1], [2, 0.25]])]; // biome-ignore format: rows
    const { carry } = ops.scan(
      (h: Tensor, now: Tensor) => {
        const next = ops.tanh(ops.add(ops.matmul(h, w), now));
        return { carry: next, output: next };
      },
      ops.zeros([2, 2]),
      steps,
    );
    const [dx, dw] = gradients(ops.sum(carry), [steps, w]);
    expect(dx.node.op).toBe('scan');
    expect(dw.node.op).toBe('matmul');
    expect(countOf('scan', dx, dw)).toBe(2);
    expect(countOf('matmul', dx, dw)).toBe(1);
  });

  test('what depends on neither carry nor element is computed once, outside', () => {
    const w = ops.exp(tensor([1, 2]));
    const { carry } = ops.scan(
      (h: Tensor, now: Tensor) => {
        const next = ops.add(ops.multiply(h, ops.tanh(w)), now);
        return { carry: next, output: [] };
      },
      tensor([0, 0]),
      x,
    );
    expect(countOf('tanh', carry)).toBe(1);
    expect(countOf('mul', carry)).toBe(0);
  });

  test('a loop in a loop, and its gradient', () => {
    // h becomes h (1 + w x[t, 0]) (1 + w x[t, 1]) ...
    const inner = (w: Tensor) => (h: Tensor, v: Tensor) => {
      const next = ops.multiply(h, ops.add(ops.multiply(v, w), 1));
      return { carry: next, output: next };
    };
    const rows = tensor([[1, 2], [3, 4], [5, 6]]); // biome-ignore format: rows
    const product = (w: Tensor) =>
      ops.scan(
        (h: Tensor, row: Tensor) => {
          const { carry, output } = ops.scan(inner(w), h, row);
          return { carry, output: ops.sum(output) };
        },
        tensor(1),
        rows,
      );
    const w = tensor(0.5);
    const { carry, output } = product(w);
    expect(valuesOf(carry)).toEqual([[1.5 * 2 * 2.5 * 3 * 3.5 * 4]]);
    expect(valuesOf(output)).toEqual([[1.5 + 3, 7.5 + 22.5, 78.75 + 315]]);
    const slope = [1, 2, 3, 4, 5, 6].reduce((sum, v) => sum + v / (1 + v / 2), 0) * 315;
    expect(valuesOf(...gradients(carry, [w]))[0][0]).toBeCloseTo(slope, 9);
  });

  test('random numbers differ from step to step, and are the same every time', () => {
    const draw = () =>
      withRandom({ seed: tensor(7, [], 'int32'), counter: tensor(3, [], 'int32'), nextStream: () => 5 }, () =>
        ops.scan((c: Tensor, _: Tensor) => ({ carry: c, output: ops.randomUniform([3]) }), tensor(0), x),
      );
    const [first, again] = [draw(), draw()].map(({ output }) => valuesOf(output)[0]);
    expect(first).toEqual(again);
    expect(new Set(first).size).toBe(12);
    const seeded = ops.scan(
      (c: Tensor, _: Tensor) => ({ carry: c, output: ops.randomUniform([3], 0, 1, { seed: 1 }) }),
      tensor(0),
      x,
    );
    expect(new Set(valuesOf(seeded.output)[0]).size).toBe(3);
  });

  test('says what is wrong', () => {
    const scan = ops.scan as (...args: unknown[]) => unknown;
    expect(() => scan(1, tensor(0), x)).toThrow('scan: body must be a function, got 1');
    expect(() => scan(sumUp, 0, x)).toThrow('scan: initial must be a tensor, or tensors in a list or record, got 0');
    expect(() => scan(sumUp, tensor(0), tensor(1))).toThrow(
      'scan: sequence must hold at least one tensor of rank >= 1',
    );
    expect(() => scan(sumUp, tensor(0), [x, tensor([1, 2])])).toThrow(
      'scan: sequence[1] float32[2] must have 4 elements along its leading axis',
    );
    expect(() => scan(() => undefined, tensor(0), x)).toThrow('scan: body must return { carry, output }');
    expect(() => scan((c: Tensor) => ({ carry: c }), tensor(0), x)).toThrow(
      'scan: the output of body must be a tensor',
    );
    expect(() => scan(() => ({ carry: x, output: x }), tensor(0), x)).toThrow(
      'scan: the carry of body must stay float32[], got float32[4]',
    );
    expect(() => scan((c: Tensor) => ({ carry: [c], output: c }), tensor(0), x)).toThrow(
      'scan: the carry of body must keep its structure {a tensor}, got {[0]}',
    );
    expect(() => scan(sumUp, tensor(0), x, { reverse: 1 })).toThrow('scan: reverse must be true or false, got 1');
  });
});
