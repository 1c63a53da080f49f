// Normalization of rows of many lengths on the emulated CUDA device: one warp, several, numbers held in registers or read again.
import { ops } from '../../lib/index';
import { make } from '../../lib/ir/build';
import { Executable } from '../../lib/transforms/executable';
import { onDevice } from './device';

function normalized(values: Float32Array, columns: number): ArrayLike<number> {
  const x = make('input', [], { slot: 0 }, [values.length / columns, columns], 'float32');
  const y = ops.layerNormalization(x, -1, { epsilon: 1e-5 });
  const graph = { inputs: [x], outputs: [y], writes: [] };
  return new Executable(graph, { device: 'cuda:0' }).run([values])[0] as ArrayLike<number>;
}

onDevice('normalization', () => {
  test.each([3, 64, 700, 1024, 5000, 40_000])(
    'of %d numbers subtracts a mean that is much larger than they differ',
    (n) => {
      for (const offset of [0, 1000, 1e5]) {
        const values = Float32Array.from({ length: 2 * n }, (_, i) => offset + Math.sin(i * 1.7));
        const y = normalized(values, n);
        for (let r = 0; r < 2; r++) {
          const row = Array.from(values.subarray(r * n, (r + 1) * n));
          const mean = row.reduce((a, b) => a + b) / n;
          const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
          row.forEach((v, i) => {
            const expected = (v - mean) / Math.sqrt(variance + 1e-5);
            const bound = 8 * 2 ** -24 * Math.max(1, Math.abs(expected));
            if (!(Math.abs((y[r * n + i] as number) - expected) < bound)) {
              throw new Error(`at ${offset}, row ${r}, column ${i}: ${y[r * n + i]}, not ${expected}`);
            }
          });
        }
      }
    },
  );
});
