import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { readIdx } from '../../lib/data/idx';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'steepest-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes a file and reads it as IDX. */
async function read(bytes: readonly number[] | Buffer, name = 'file') {
  const file = path.join(folder, name);
  await writeFile(file, Buffer.from(bytes));
  return readIdx(file);
}

// A 2 x 3 matrix.
const matrix = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255];

test('reads the shape and the values', async () => {
  const { shape, data } = await read(matrix);
  expect(shape).toEqual([2, 3]);
  expect([...data]).toEqual([10, 20, 30, 40, 50, 255]);
});

test('reads a size of more than one byte as big-endian', async () => {
  const { shape, data } = await read([0, 0, 8, 1, 0, 0, 1, 2, ...Array(258).fill(7)]);
  expect(shape).toEqual([258]);
  expect(data.length).toBe(258);
});

test('reads a gzip file like a plain one', async () => {
  const { shape, data } = await read(gzipSync(Buffer.from(matrix)));
  expect(shape).toEqual([2, 3]);
  expect([...data]).toEqual([10, 20, 30, 40, 50, 255]);
});

test('reads an array without elements', async () => {
  const { shape, data } = await read([0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 28]);
  expect(shape).toEqual([0, 28]);
  expect(data.length).toBe(0);
});

test.each([
  ['an empty file', [], /not an IDX file/],
  ['a file of three bytes', [0, 0, 8], /not an IDX file/],
  ['other bytes at the beginning', [80, 75, 3, 4, 0, 0, 0, 0], /not an IDX file/],
  ['float values', [0, 0, 0x0d, 1, 0, 0, 0, 0], /expected IDX type 0x08 \(unsigned bytes\), got 0x0d/],
  ['rank 0', [0, 0, 8, 0], /rank from 1 to 8, got 0/],
  ['rank 9', [0, 0, 8, 9, ...Array(36).fill(0)], /rank from 1 to 8, got 9/],
  ['a header that is cut off', matrix.slice(0, 10), /header is cut off/],
  ['a value too few', matrix.slice(0, -1), /shape \[2, 3\] needs 6 bytes of data, got 5/],
  ['a value too many', [...matrix, 0], /shape \[2, 3\] needs 6 bytes of data, got 7/],
  [
    'sizes whose product overflows',
    [0, 0, 8, 3, ...Array(12).fill(255)],
    /shape \[4294967295, 4294967295, 4294967295\] needs .* got 0/,
  ],
])('rejects %s and names the file', async (_, bytes, message) => {
  const reading = read(bytes, 'broken-idx');
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toThrow('broken-idx');
});

test('rejects damaged gzip data and names the file', async () => {
  const zipped = gzipSync(Buffer.from(matrix));
  const cut = read(zipped.subarray(0, zipped.length - 6), 'cut.gz');
  await expect(cut).rejects.toThrow(/cut\.gz: the gzip data is damaged/);
  const flipped = Buffer.from(zipped);
  flipped.writeUInt8(flipped.readUInt8(zipped.length - 8) ^ 1, zipped.length - 8); // the checksum
  await expect(read(flipped, 'flipped.gz')).rejects.toThrow(/flipped\.gz: the gzip data is damaged/);
});

test('a missing file is an error that names it', async () => {
  await expect(readIdx(path.join(folder, 'absent'))).rejects.toThrow(/ENOENT.*absent/);
});

test.each([
  ['a buffer', Buffer.from([0, 0, 8, 1]), 'got object'],
  ['nothing', undefined, 'got undefined'],
  ['an empty string', '', 'got an empty string'],
])('%s is no path', async (_, wrong, got) => {
  await expect(readIdx(wrong as string)).rejects.toThrow(`readIdx: path must be the path of a file, ${got}`);
});
