// Stores what jest makes of each TypeScript source, for stored.js:
//
//   node bench/gpu/suite/store.mjs FOLDER
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const [folder] = process.argv.slice(2);
const [[name, options]] = Object.values(require('../../../jest.config.js').transform);
const transformer = require(name).createTransformer(options);
const { nameOf } = require('./stored.js');

mkdirSync(folder, { recursive: true });
for (const part of ['lib', 'test', 'bench']) {
  for (const file of readdirSync(path.join(root, part), { recursive: true })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(path.join(root, part, file), 'utf8');
    // source maps lead to a file beside this one, wherever that is
    const { code } = transformer.process(text, path.basename(file), { supportsStaticESM: false, instrument: false });
    writeFileSync(path.join(folder, nameOf(text)), code);
  }
}
