// Programs whose operands repeat within images, but not from image to image: numbers of each image and channel.
import { jit, ops, setThreads, type Tensor, tensor } from '../../lib/index';
import { cpuInfo } from '../../lib/runtime/native';

const { threads: threadsBefore } = cpuInfo();
afterAll(() => setThreads(threadsBefore));

describe.each([1, 2])('%i threads', (threads) => {
  // around the sizes from which they are spread out, and with tiles that begin anywhere in a pattern
  test.each([
    [3, 1, 3],
    [4, 682, 3],
    [4, 683, 3],
    [3, 5000, 3],
    [5, 401, 7],
    [3, 40, 60],
    [2, 33, 127],
    [2, 33, 128],
    [2, 9, 600],
  ])('%i images of %i pixels with %i channels', (images, pixels, channels) => {
    setThreads(threads);
    const size = images * pixels * channels;
    const x = Float32Array.from({ length: size }, (_, i) => ((i * 7) % 23) - 11);
    const counts = Int32Array.from({ length: size }, (_, i) => (i * 5) % 13);
    const own = Array.from({ length: images * channels }, (_, i) => ((i * 3) % 9) - 4);
    const [scale, offset] = [Float32Array.from(own), Int32Array.from(own, (v) => 2 * v)];
    const shape = [images, pixels, channels];
    const each = [images, 1, channels];
    const run = jit((t: Tensor, k: Tensor, s: Tensor, o: Tensor) => {
      const scaled = ops.multiply(t, s);
      return [
        ops.add(scaled, ops.cast(ops.greater(s, 0), 'float32')),
        ops.add(k, o),
        ops.sum(scaled, [1]),
        ops.sum(scaled, [2]),
        ops.max(ops.subtract(t, s), [0, 1]),
        ops.sum(ops.where(ops.greater(s, 0), t, 0), [0, 2]),
      ];
    });
    const results = run(tensor(x, shape), tensor(counts, shape), tensor(scale, each), tensor(offset, each)) as Tensor[];
    const wanted = [size, size, images * channels, images * pixels, channels, pixels].map((n) => new Float64Array(n));
    const [moved, added, ofChannels, ofPixels, most, chosen] = wanted as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    most.fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < size; i++) {
      const [c, pixel] = [i % channels, Math.floor(i / channels)];
      const [p, n] = [pixel % pixels, Math.floor(pixel / pixels)];
      const [v, s] = [x[i] as number, own[n * channels + c] as number];
      moved[i] = v * s + (s > 0 ? 1 : 0);
      added[i] = (counts[i] as number) + 2 * s;
      ofChannels[n * channels + c] += v * s;
      ofPixels[pixel] += v * s;
      most[c] = Math.max(most[c] as number, v - s);
      chosen[p] += s > 0 ? v : 0;
    }
    // whole numbers: exact
    results.forEach(({ data }, k) => {
      const want = wanted[k] as Float64Array;
      expect(data.length).toBe(want.length);
      expect([k, want.findIndex((v, i) => v !== data[i])]).toEqual([k, -1]);
    });
  });
});
