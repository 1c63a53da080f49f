import { make, tensor } from '../../lib/ir/build';
import * as ops from '../../lib/ir/ops/index';
import { loadAddon } from '../../lib/runtime/native';
import { evaluate } from '../../lib/transforms/index';

describe('lazy tensors', () => {
  it('are computed when they are looked at, and once', () => {
    const x = ops.add(
      tensor([
        [1, 2],
        [3, 4],
      ]),
      1,
    );
    expect(x.known).toBeUndefined();
    expect(x.toArray()).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(x.data).toBe(x.data);
    expect(ops.sum(x).item()).toBe(14);
    expect(() => x.item()).toThrow('Tensor.item: expected a tensor of size 1, got float32[2, 2]');
  });

  it('are computed together', () => {
    const a = ops.exp(tensor([0]));
    const b = ops.add(a, 1);
    evaluate([a, b, a, tensor([1])]);
    expect([a.known, b.known]).toEqual([Float32Array.of(1), Float32Array.of(2)]);
  });

  it('have every dtype and shape', () => {
    expect(ops.cast(tensor([1.5, -1.5]), 'int32').data).toEqual(Int32Array.of(1, -1));
    expect(ops.less(tensor([1, 3]), 2).data).toEqual(Uint8Array.of(1, 0));
    expect(ops.add(tensor([], [2, 0]), 1).toArray()).toEqual([[], []]);
    expect(ops.sum(tensor([], [2, 0]), 1).toArray()).toEqual([0, 0]);
    expect(ops.iota([], 0).item()).toBe(0);
    expect(ops.full([2], 7).toArray()).toEqual([7, 7]);
    expect(
      ops
        .transpose(
          tensor([
            [1, 2],
            [3, 4],
          ]),
        )
        .toArray(),
    ).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it('of one structure share a kernel; literals, shapes and wiring tell structures apart', () => {
    const f = (x: number[], factor: number) => ops.sum(ops.multiply(ops.sin(tensor(x)), factor)).item();
    f([1, 2, 3], 2);
    const before = loadAddon().info().sessions;
    for (let i = 0; i < 20; i++) expect(f([i, i, i], 2)).toBeCloseTo(6 * Math.sin(i), 5);
    expect(loadAddon().info().sessions).toBeLessThanOrEqual(before);
    expect(f([1, 2, 3], 4)).toBeCloseTo(4 * (Math.sin(1) + Math.sin(2) + Math.sin(3)), 5);
    const [a, b] = [tensor([5]), tensor([3])];
    expect([ops.subtract(a, b).item(), ops.subtract(b, a).item(), ops.subtract(a, a).item()]).toEqual([2, -2, 0]);
    const zero = (z: number) => ops.divide(1, ops.multiply(ops.maximum(tensor([1]), 1), tensor(z))).item();
    expect([zero(0), zero(-0)]).toEqual([Infinity, -Infinity]);
    expect([3, Infinity, -Infinity].map((m) => ops.minimum(tensor([4]), m).item())).toEqual([3, 4, -Infinity]);
    expect(ops.minimum(tensor([4]), Number.NaN).item()).toBeNaN();
  });

  it('draw the same numbers for the same seed only', () => {
    const draw = (seed: number) => [...ops.randomUniform([4], 0, 1, { seed }).data];
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('say that a traced value is not known', () => {
    const x = make('input', [], { slot: 0 }, [2], 'float32');
    expect(() => ops.add(x, 1).data).toThrow(
      'this tensor has no values: it stands for a value inside a traced function',
    );
    const v = make('variable', [], { variable: { name: 'v', shape: [], dtype: 'float32' } }, [], 'float32');
    expect(() => v.item()).toThrow('this tensor has no values');
  });

  it('say where a bad index came from', () => {
    expect(() => ops.take(tensor([1, 2]), tensor([5], undefined, 'int32')).data).toThrow(/index/i);
  });

  it('may be thousands of operations deep', () => {
    let x = tensor([0]);
    for (let i = 0; i < 3000; i++) x = ops.add(ops.sin(x), 0.5);
    let expected = 0;
    for (let i = 0; i < 3000; i++) expected = Math.sin(expected) + 0.5;
    expect(x.item()).toBeCloseTo(expected, 4);
  });
});
