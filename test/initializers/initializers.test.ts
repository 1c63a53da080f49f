import * as initializers from '../../lib/initializers/index';
import { type InitializerName, resolveInitializer } from '../../lib/initializers/resolve';
import { fans } from '../../lib/initializers/scaling';

const shape = [300, 200];
const source = { seed: 11, stream: 3 };
const statistics = (values: Float32Array) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { mean, std, largest: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
};

/** name, standard deviation, bound. */
const families: [InitializerName, number, number][] = [
  ['glorotUniform', Math.sqrt(2 / 500), Math.sqrt(6 / 500)],
  ['heUniform', Math.sqrt(2 / 300), Math.sqrt(6 / 300)],
  ['lecunUniform', Math.sqrt(1 / 300), Math.sqrt(3 / 300)],
  ['glorotNormal', Math.sqrt(2 / 500), (2 * Math.sqrt(2 / 500)) / 0.8796],
  ['heNormal', Math.sqrt(2 / 300), (2 * Math.sqrt(2 / 300)) / 0.8796],
  ['lecunNormal', Math.sqrt(1 / 300), (2 * Math.sqrt(1 / 300)) / 0.8796],
  ['varianceScaling', Math.sqrt(1 / 300), (2 * Math.sqrt(1 / 300)) / 0.8796],
  ['truncatedNormal', 0.05 * 0.87962566, 0.1],
  ['randomNormal', 0.05, 0.05 * 5.8],
  ['randomUniform', 0.1 / Math.sqrt(12), 0.05],
];

test.each(families)('%s: mean, deviation and bound', (name, std, bound) => {
  const got = statistics(resolveInitializer('test', 'initializer', name)(shape, source));
  expect(Math.abs(got.mean)).toBeLessThan((5 * std) / Math.sqrt(60000));
  expect(Math.abs(got.std / std - 1)).toBeLessThan(5 / Math.sqrt(2 * 60000));
  expect(got.largest).toBeLessThanOrEqual(bound * (1 + 1e-6));
});

test('same seed and stream, same values; another stream or seed, others', () => {
  const init = initializers.glorotUniform();
  const first = init([4, 4], source);
  expect(init([4, 4], { ...source })).toEqual(first);
  expect(init([4, 4], { ...source, stream: 4 })).not.toEqual(first);
  expect(init([4, 4], { ...source, seed: 12 })).not.toEqual(first);
  const seeded = initializers.heNormal({ seed: 5 });
  expect(seeded([4, 4], source)).toEqual(seeded([4, 4], { seed: 0, stream: 0 }));
});

test.each([[[5, 3]], [[3, 5]], [[2, 2, 3, 4]]])(
  'orthogonal %p: the shorter of rows and columns is orthonormal',
  (dims) => {
    const columns = dims[dims.length - 1];
    const rows = dims.reduce((a, b) => a * b, 1) / columns;
    const w = initializers.orthogonal({ gain: 2 })(dims, source);
    const tall = rows >= columns;
    const count = Math.min(rows, columns);
    const at = (k: number, i: number) => (tall ? w[i * columns + k] : w[k * columns + i]);
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < count; b++) {
        let dot = 0;
        for (let i = 0; i < Math.max(rows, columns); i++) dot += at(a, i) * at(b, i);
        expect(dot).toBeCloseTo(a === b ? 4 : 0, 5);
      }
    }
  },
);

test('constants, fans, and arguments', () => {
  for (const constant of [initializers.zeros, initializers.ones] as ((options: number) => unknown)[]) {
    expect(() => constant(5)).toThrow(/^initializers\.(zeros|ones): the options must be an object, got 5$/);
  }
  expect(initializers.constant(2.5)([2], source)).toEqual(new Float32Array([2.5, 2.5]));
  expect(initializers.identity({ gain: 2 })([2, 3], source)).toEqual(new Float32Array([2, 0, 0, 0, 2, 0]));
  expect(() => initializers.identity()([3], source)).toThrow('initializers.identity: needs a weight of rank 2');
  expect(initializers.ones()([], source)).toEqual(new Float32Array([1]));
  expect(fans([3, 3, 8, 16])).toEqual({ fanIn: 72, fanOut: 144 });
  expect(fans([7])).toEqual({ fanIn: 7, fanOut: 7 });
  expect(() => initializers.constant(Number.NaN)).toThrow('initializers.constant: value');
  expect(() => initializers.varianceScaling({ mode: 'fan' as never })).toThrow("mode must be one of 'fanIn'");
  expect(() => initializers.randomUniform({ minval: 1, maxval: 0 })).toThrow('maxval must be a finite number >= 1');
  expect(() => initializers.orthogonal()([3], source)).toThrow('needs a weight of rank >= 2');
  expect(() => resolveInitializer('layers.x', 'kernelInitializer', 'he' as never)).toThrow(/one of 'zeros'.*got 'he'/);
});
