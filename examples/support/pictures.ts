import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dataPackage } from './datasets.js';

/** The part of the package pngjs that is used here. */
interface Pngjs {
  readonly PNG: {
    new (size: { width: number; height: number }): { data: Uint8Array };
    readonly sync: { write(png: { data: Uint8Array }, options: { colorType: number }): Buffer };
  };
}

export interface GridOptions {
  /** Pixels of one image in a row, and rows. Default: 28, MNIST's. */
  readonly size?: number;
  /** Images side by side. Default: 10. */
  readonly columns?: number;
}

/**
 * Writes grey images as one picture, in rows of `columns` images with a line between them.
 *
 * @param file ends in .png (needs the packages of `examples/data`) or .pgm; its folder is made if need be
 * @param images pixels from 0 to 1, one image after the other; what lies outside is clipped
 * @throws Error when the images are not whole ones, the file has another ending, or it cannot be written
 */
export function writeGrid(file: string, images: ArrayLike<number>, { size = 28, columns = 10 }: GridOptions = {}) {
  const count = images.length / size ** 2;
  if (!Number.isInteger(count)) throw new Error(`${file}: ${images.length} pixels are not images of ${size} x ${size}`);
  const pitch = size + 1;
  const width = columns * pitch - 1;
  const height = Math.ceil(count / columns) * pitch - 1;
  const pixels = new Uint8Array(width * height).fill(96);
  for (let i = 0; i < images.length; i++) {
    const image = Math.floor(i / size ** 2);
    const row = Math.floor(image / columns) * pitch + (Math.floor(i / size) % size);
    const column = (image % columns) * pitch + (i % size);
    pixels[row * width + column] = 255 * Math.min(1, Math.max(0, images[i] as number)) + 0.5;
  }
  const encode = { '.png': encodePng, '.pgm': encodePgm }[path.extname(file)];
  if (encode === undefined) throw new Error(`${file}: the name of a picture ends in .png or .pgm`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, encode(pixels, width, height));
}

/** Portable grey map: a line of text, then the pixels. */
const encodePgm = (pixels: Uint8Array, width: number, height: number): Buffer =>
  Buffer.concat([Buffer.from(`P5 ${width} ${height} 255\n`), pixels]);

function encodePng(pixels: Uint8Array, width: number, height: number): Buffer {
  const { PNG } = dataPackage<Pngjs>('pngjs');
  const png = new PNG({ width, height });
  pixels.forEach((grey, i) => {
    png.data.set([grey, grey, grey, 255], 4 * i);
  });
  return PNG.sync.write(png, { colorType: 0 }); // grey
}
