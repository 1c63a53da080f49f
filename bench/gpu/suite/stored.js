// A transformer for jest where there is no compiler: the JavaScript of a source is what store.mjs has stored of it. Files are named by
// the source's text, so that a source that was changed since is an error instead of an old result.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');

const folder = path.join(__dirname, '../../../out/jest');
const nameOf = (text) => `${createHash('sha1').update(text).digest('hex')}.js`;

module.exports = {
  folder,
  nameOf,
  process(text, file) {
    try {
      return { code: readFileSync(path.join(folder, nameOf(text)), 'utf8') };
    } catch (cause) {
      throw new Error(`${file} is not as it was when bench/gpu/pack.sh was run`, { cause });
    }
  },
};
