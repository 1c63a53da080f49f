// Writes docs/reference/ from the docstrings of what lib/index.ts exports.
//
//   node scripts/generate-docs.mjs           writes the pages
//   node scripts/generate-docs.mjs --check   exits with 1 when a committed page is stale
//   node scripts/generate-docs.mjs --json    prints what was read
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readApi } from './docs/api.mjs';
import { renderFamily, renderIndex } from './docs/render.mjs';

const folder = fileURLToPath(new URL('../docs/reference', import.meta.url));
const families = readApi();

const fresh = new Map([
  ['README.md', renderIndex(families)],
  ...families.map((family) => [`${family.name}.md`, renderFamily(family)]),
]);
const present = existsSync(folder) ? readdirSync(folder) : [];
const read = (name) => (present.includes(name) ? readFileSync(path.join(folder, name), 'utf8') : undefined);

if (process.argv.includes('--json')) {
  process.stdout.write(JSON.stringify(families));
} else if (process.argv.includes('--check')) {
  const stale = [...new Set([...fresh.keys(), ...present])].filter((name) => read(name) !== fresh.get(name));
  if (stale.length > 0) {
    console.error(`docs/reference is stale (${stale.join(', ')}): run node scripts/generate-docs.mjs`);
    process.exit(1);
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of present) if (!fresh.has(name)) rmSync(path.join(folder, name));
  for (const [name, text] of fresh) writeFileSync(path.join(folder, name), text);
}
