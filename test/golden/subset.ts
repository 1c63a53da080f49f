// node out/test/golden/subset.js <full set> <folder>: writes the gzipped part of a golden set that the repository carries.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type StoredTensor, safetensorsParts } from '../../lib/io/safetensors';
import { adapterOf } from './adapters/index';
import { type Entry, type GoldenCase, openSet } from './set';

/** Bytes of tensors that one operation may take; its smallest case is always in. */
const perOperation = 48 * 1024;
const largest = 256 * 1024;

const entriesOf = ({ inputs, outputs, upstream, grads }: GoldenCase): Entry[] =>
  [inputs, outputs, upstream, grads].flatMap((entries) => Object.values(entries ?? {}));
const bytesOf = (golden: GoldenCase): number =>
  entriesOf(golden).reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);

/** Small cases first; a tag that no case has had yet goes before size. */
function choose(cases: readonly GoldenCase[]): GoldenCase[] {
  const seen = new Set<string>();
  const chosen: GoldenCase[] = [];
  let bytes = 0;
  for (const golden of [...cases].sort((a, b) => bytesOf(a) - bytesOf(b))) {
    const size = bytesOf(golden);
    const isNew = chosen.length === 0 || golden.tags.some((tag) => !seen.has(tag));
    if (size > largest || (bytes + size > perOperation && !isNew)) continue;
    for (const tag of golden.tags) seen.add(tag);
    bytes += size;
    chosen.push(golden);
  }
  return chosen;
}

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined)
  throw new Error('usage: node out/test/golden/subset.js <full set> <folder>');
const set = openSet(from);
const known = set.cases.filter((golden) => adapterOf(golden) !== undefined);
const operations = new Set(known.map(({ group, op }) => `${group}/${op}`));
const cases = [...operations].flatMap((name) => choose(known.filter(({ group, op }) => `${group}/${op}` === name)));
const order = new Set(cases);

mkdirSync(to, { recursive: true });
const files: Record<string, { file: string }> = {};
for (const group of new Set(cases.map((c) => c.group))) {
  const tensors = new Map<string, StoredTensor>();
  for (const golden of cases.filter((c) => c.group === group)) {
    for (const entry of entriesOf(golden))
      tensors.set(entry.key, { shape: entry.shape, values: set.values(group, entry) });
  }
  files[group] = { file: `${group}.safetensors` };
  writeFileSync(
    path.join(to, `${group}.safetensors.gz`),
    gzipSync(Buffer.concat([...safetensorsParts(tensors)]), { level: 9 }),
  );
}
const manifest = { schema: 'golden/1', files, cases: set.cases.filter((c) => order.has(c)) };
writeFileSync(path.join(to, 'manifest.json.gz'), gzipSync(JSON.stringify(manifest), { level: 9 }));
console.log(`${cases.length} of ${set.cases.length} cases`);
