import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { replaceFile, writeDurably } from '../../lib/io/files';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'files-'));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const parts = [Buffer.from('one '), Buffer.alloc(0), Buffer.from('two')];
const content = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

test('replaceFile writes all parts and says what it wrote', async () => {
  const file = path.join(folder, 'f');
  writeFileSync(file, 'old');
  expect(await replaceFile(file, parts)).toEqual({
    bytes: 7,
    sha256: '8ab63e29a4ba14e4e1688f9c15e5af90895421358c945b0431f85d66977bd3d2',
  });
  expect(content('f')).toBe('one two');
  expect(readdirSync(folder)).toEqual(['f']);
});

/** What can go wrong on the way, one call after the other. */
const failures: [string, () => void][] = [
  ['open', () => jest.spyOn(fs, 'open').mockRejectedValueOnce(new Error('ENOSPC: no space'))],
  ['rename', () => jest.spyOn(fs, 'rename').mockRejectedValueOnce(new Error('ENOSPC: no space'))],
  ...(['write', 'sync', 'close'] as const).map((method): [string, () => void] => [
    method,
    () => {
      const open = fs.open;
      jest.spyOn(fs, 'open').mockImplementationOnce(async (...args) => {
        const handle = await open(...args);
        const original = handle[method].bind(handle) as () => Promise<unknown>;
        jest.spyOn(handle, method as 'sync').mockImplementationOnce(async () => {
          if (method === 'close') await original();
          throw new Error('ENOSPC: no space');
        });
        return handle;
      });
    },
  ]),
];
test.each(failures)('a failing %s keeps the old file and leaves nothing else', async (_, fail) => {
  const file = path.join(folder, 'f');
  writeFileSync(file, 'old');
  fail();
  await expect(replaceFile(file, parts)).rejects.toThrow('ENOSPC: no space');
  expect(content('f')).toBe('old');
  expect(readdirSync(folder)).toEqual(['f']);
  await replaceFile(file, parts);
  expect(content('f')).toBe('one two');
});

test('parts that throw while they are made, and a target that is a directory', async () => {
  const file = path.join(folder, 'f');
  function* broken(): Generator<Uint8Array> {
    yield Buffer.from('x');
    throw new Error('broken');
  }
  await expect(replaceFile(file, broken())).rejects.toThrow('broken');
  expect(readdirSync(folder)).toEqual([]);
  mkdirSync(file);
  await expect(replaceFile(file, parts)).rejects.toThrow(/EISDIR|EPERM|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(['f']);
});

test('writeDurably refuses to write over a file', async () => {
  const file = path.join(folder, 'f');
  writeFileSync(file, 'old');
  await expect(writeDurably(file, parts)).rejects.toThrow('EEXIST');
  expect(content('f')).toBe('old');
});
