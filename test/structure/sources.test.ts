import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');

interface SourceList {
  readonly sources: readonly string[];
  readonly x86_64: readonly { readonly file: string }[];
  readonly glibc: readonly string[];
  readonly cuda: readonly string[];
}

test('native/sources.json lists every native source once', () => {
  const list = JSON.parse(readFileSync(path.join(root, 'native/sources.json'), 'utf8')) as SourceList;
  const listed = [...list.sources, ...list.x86_64.map(({ file }) => file), ...list.glibc, ...list.cuda];
  const onDisk = (readdirSync(path.join(root, 'native'), { recursive: true }) as string[])
    .filter((name) => /\.(cc|cpp|cu)$/.test(name))
    .map((name) => `native/${name.replaceAll(path.sep, '/')}`);
  expect([...listed].sort()).toEqual(onDisk.sort());
});
