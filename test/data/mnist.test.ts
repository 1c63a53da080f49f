import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ImageSet, loadMnist } from '../../lib/data/mnist';

function statistics({ x }: ImageSet) {
  let sum = 0;
  let squares = 0;
  for (const v of x) {
    sum += v;
    squares += v * v;
  }
  const mean = sum / x.length;
  return { mean, deviation: Math.sqrt(squares / x.length - mean * mean) };
}

const histogram = ({ y }: ImageSet) => Array.from({ length: 10 }, (_, digit) => y.filter((v) => v === digit).length);

test('the digits of the npm package are complete', async () => {
  const { train, test } = await loadMnist();
  expect([train.count, train.x.length, train.y.length]).toEqual([60000, 60000 * 784, 60000]);
  expect([test.count, test.x.length, test.y.length]).toEqual([10000, 10000 * 784, 10000]);
  const { mean, deviation } = statistics(train);
  expect(mean).toBeCloseTo(0.13066, 5);
  expect(deviation).toBeCloseTo(0.30811, 5);
  expect(statistics(test).mean).toBeCloseTo(0.13251, 5);
  expect(histogram(train)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  expect(histogram(test)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  expect([...train.y.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
});

describe('a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'steepest-mnist-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const idx = (shape: readonly number[], fill: (i: number) => number) => {
    const header = Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])]);
    const size = shape.reduce((p, n) => p * n, 1);
    return Buffer.concat([header, Uint8Array.from({ length: size }, (_, i) => fill(i))]);
  };
  const images = (n: number) => idx([n, 28, 28], (i) => i % 256);
  const labels = (n: number) => idx([n], (i) => i % 10);
  const save = (name: string, bytes: Buffer) => writeFile(path.join(folder, name), bytes);

  test('may hold plain and gzipped files', async () => {
    await save('train-images-idx3-ubyte', images(3));
    await save('train-labels-idx1-ubyte.gz', gzipSync(labels(3)));
    await save('t10k-images-idx3-ubyte.gz', gzipSync(images(2)));
    await save('t10k-labels-idx1-ubyte', labels(2));
    const { train, test } = await loadMnist(folder);
    expect([train.count, test.count]).toEqual([3, 2]);
    expect([...train.y]).toEqual([0, 1, 2]);
    expect(train.x[51]).toBe(Math.fround(51 / 255));
    expect([train.x[0], train.x[255]]).toEqual([0, 1]);
  });

  test('with another number of labels, or images of another size, is rejected', async () => {
    await save('train-images-idx3-ubyte', images(3));
    await save('train-labels-idx1-ubyte', labels(2));
    await expect(loadMnist(folder)).rejects.toThrow('3 train images but 2 labels');
    await save(
      'train-images-idx3-ubyte',
      idx([3, 32, 32], () => 0),
    );
    await expect(loadMnist(folder)).rejects.toThrow(
      /train-images-idx3-ubyte: expected shape \[n, 28, 28\], got \[3, 32, 32\]/,
    );
  });

  test('without the files is rejected, naming one that is missing', async () => {
    await expect(loadMnist(folder)).rejects.toThrow(/ENOENT.*train-(images|labels)-idx/);
  });
});
