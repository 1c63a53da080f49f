import { uniforms } from '../../lib/ir/philox';
import { drawNormal, drawUniform } from '../../lib/runtime/draw';
import { cpuInfo, loadAddon, setThreads } from '../../lib/runtime/native';

const source = { seed: -5, stream: 7 };
/** More than a chunk of numbers, and no whole blocks of four. */
const windows = [
  [1, 0],
  [7, 3],
  [40_001, 0],
  [33_333, 18],
] as const;

function drawn(draw: typeof drawUniform, n: number, begin: number): Float64Array {
  const out = new Float64Array(n);
  draw(out, source, begin);
  return out;
}

test.each(windows)('%i uniform numbers from %i on are those of the definition', (n, begin) => {
  expect([...drawn(drawUniform, n, begin)]).toEqual([...uniforms(n, source.seed, source.stream, 0, begin)]);
});

test('the 2^34th numbers have a counter of more than 32 bits', () => {
  const begin = 2 ** 34 - 2;
  expect([...drawn(drawUniform, 5, begin)]).toEqual([...uniforms(5, source.seed, source.stream, 0, begin)]);
});

test.each([...windows, [600_000, 0]] as const)(
  '%i normal numbers from %i on are pairs of Box and Muller',
  (n, begin) => {
    const u = uniforms(n + (n % 2), source.seed, source.stream, 0, begin);
    let largest = 0;
    let small = 0; // so close to 1 that a difference of logarithms would lose digits
    drawn(drawNormal, n, begin).forEach((z, i) => {
      const first = u[i - (i % 2)] as number;
      const radius = Math.sqrt(-2 * Math.log1p(-first));
      const angle = 2 * Math.PI * (u[i - (i % 2) + 1] as number);
      const expected = radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
      const isSmall = first < 2 ** -12;
      // a logarithm is off by some epsilon, and the root of y by dy / sqrt(y)
      const size = isSmall ? radius + Number.MIN_VALUE : radius + 1 / radius;
      largest = Math.max(largest, Math.abs(z - expected) / size);
      small += Number(isSmall);
    });
    expect(largest).toBeLessThan(4 * Number.EPSILON);
    if (n > 100_000) expect(small).toBeGreaterThan(100);
  },
);

test('the bits do not depend on the number of threads', () => {
  const { threads } = cpuInfo();
  const all = [1, 3].map((count) => {
    setThreads(count);
    return Buffer.from(drawn(drawNormal, 100_001, 4).buffer).toString('base64');
  });
  setThreads(threads);
  expect(all[0]).toBe(all[1]);
});

test('arguments that are none are named', () => {
  const { drawUniform: draw } = loadAddon();
  const to = new Float64Array(4);
  expect(() => draw(new Float32Array(4) as unknown as Float64Array, 0, 0, 0)).toThrow(
    /to: expected a Float64Array, got Float32Array of length 4/,
  );
  expect(() => draw(to, -1, 0, 0)).toThrow(/seed: .*-1/);
  expect(() => draw(to, 0, 2 ** 32, 0)).toThrow(/stream: .*4294967296/);
  expect(() => draw(to, 0, 0, 0.5)).toThrow(/begin: .*0\.5/);
  expect([...to]).toEqual([0, 0, 0, 0]);
});
