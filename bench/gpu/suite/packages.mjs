// The folders, relative to the repository, of installed packages and all that they need:
//
//   node bench/gpu/suite/packages.mjs NAME...
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const found = new Set();

/** Where Node finds a package that is asked for in a folder. */
function folderOf(name, from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    if (existsSync(path.join(candidate, 'package.json'))) return candidate;
    if (path.join(folder, '.') === path.join(root, '.')) return undefined;
  }
}

function add(name, from, optional) {
  const folder = folderOf(name, from);
  if (folder === undefined) {
    if (optional) return; // for other systems
    throw new Error(`${name} is not installed, which ${path.relative(root, from) || 'the archive'} needs: npm install`);
  }
  if (found.has(folder)) return;
  found.add(folder);
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(path.join(folder, 'package.json'), 'utf8'),
  );
  for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) {
    add(next, folder, next in optionalDependencies);
  }
}

for (const name of process.argv.slice(2)) add(name, root.replace(/\/$/, ''), false);
for (const folder of [...found].sort()) console.log(path.relative(root, folder));
