// Softmax and cross-entropy of rows of many lengths on the emulated CUDA device: one warp, several, neighbours read at once or not.
import { gradients } from '../../lib/compile/autodiff';
import { ops, tensor } from '../../lib/index';
import { make } from '../../lib/ir/build';
import type { Tensor } from '../../lib/ir/graph';
import { Executable } from '../../lib/transforms/executable';
import { onDevice } from './device';

/** f of rows of numbers on the device, and with an upstream the gradient of its sum times that. */
function run(values: Float32Array, rows: number, f: (x: Tensor) => Tensor, upstream?: Tensor): ArrayLike<number> {
  const x = make('input', [], { slot: 0 }, [rows, values.length / rows], 'float32');
  const y = f(x);
  const outputs = upstream === undefined ? [y] : gradients(y, [x], upstream);
  const graph = { inputs: [x], outputs, writes: [] };
  return new Executable(graph, { device: 'cuda:0' }).run([values])[0] as ArrayLike<number>;
}

/** Numbers, some of them -Infinity: what is masked. */
function logits(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) =>
    i % 7 === 3 || (i % columns) % 512 < 5
      ? Number.NEGATIVE_INFINITY
      : 30 * Math.sin(i * 0.7) + (i % columns) / columns,
  );
}

function softmax(x: Float32Array, columns: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let r = 0; r < x.length; r += columns) {
    const row = x.subarray(r, r + columns);
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = row.reduce((total, v) => total + Math.exp(v - top), 0);
    row.forEach((v, i) => {
      out[r + i] = Math.exp(v - top) / sum;
    });
  }
  return out;
}

function expectClose(got: ArrayLike<number>, expected: Float64Array, absolute: number) {
  expect(got).toHaveLength(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i], expected[i]] as [number, number];
    if (a !== b && !(Math.abs(a - b) <= 1e-5 * Math.abs(b) + absolute)) {
      throw new Error(`element ${i} is ${a}, expected ${b}`);
    }
  }
}

onDevice('rows on cuda:0', () => {
  test.each([7, 33, 128, 1030, 1032, 8197, 8200])('of %i columns', (columns) => {
    const rows = 2;
    const x = logits(rows, columns);
    const p = softmax(x, columns);
    const labels = Int32Array.from([6, columns - 1]);

    expectClose(run(x, rows, ops.softmax), p, 1e-37);
    const targets = tensor(labels, [rows]);
    const loss = (t: Tensor) => ops.sparseSoftmaxCrossEntropy(t, targets);
    expectClose(
      run(x, rows, loss),
      Float64Array.from(labels, (label, r) => -Math.log(p[r * columns + label] as number)),
      1e-6,
    );
    const gradient = p.map((v, i) => 0.5 * (v - Number(i % columns === labels[Math.floor(i / columns)])));
    expectClose(run(x, rows, loss, ops.full([rows], 0.5)), gradient, 3e-7);

    const weights = Float64Array.from(x, (_, i) => Math.cos(i));
    const w = tensor(Float32Array.from(weights), [rows, columns]);
    const back = run(x, rows, ops.softmax, w);
    const means = [0, columns].map((r) =>
      p.subarray(r, r + columns).reduce((sum, v, i) => sum + v * (weights[r + i] as number), 0),
    );
    expectClose(
      back,
      p.map((v, i) => v * ((weights[i] as number) - (means[Math.floor(i / columns)] as number))),
      3e-7,
    );
  });

  test.each([-1, 8, 2 ** 31 - 1])(
    'with the label %i of 8 have no loss and no gradient, and the job ends',
    async (label) => {
      const x = make('input', [], { slot: 0 }, [2, 8], 'float32');
      const labels = make('input', [], { slot: 1 }, [2], 'int32');
      const loss = ops.sparseSoftmaxCrossEntropy(x, labels);
      const upstream = ops.full([2], 1);
      for (const outputs of [[loss], gradients(loss, [x], upstream), [loss, ...gradients(loss, [x], upstream)]]) {
        const graph = { inputs: [x, labels], outputs, writes: [] };
        const feeds = [new Float32Array(16), Int32Array.of(3, label)];
        expect(() => new Executable(graph, { device: 'cuda:0' }).run(feeds)).toThrow('a label is out of range');
      }
    },
  );

  test('of nothing but -Infinity give NaN', () => {
    const x = new Float32Array(40).fill(Number.NEGATIVE_INFINITY);
    expect(Array.from(run(x, 1, ops.softmax))).toEqual(new Array(40).fill(Number.NaN));
  });
});
