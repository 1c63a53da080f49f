// Which test files are not for a machine that has a device and little else, and why: they say themselves what they need.
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

const rules = [
  // it can be told to fail, and says what it launches; launched.ts and planted.ts are made of it
  ['the emulated driver', /STEEPEST_EMULATED_|import \{[^}]*\bemulated\b|from '\.\/(?:launched|planted)'/],
  ['a compiler', /'g\+\+'|'ptxas'|\.bin\/tsc|'tsc'/],
  [
    'what npm installs, or the programs of examples',
    /loadMnist\(\)|require\.resolve\(|^test\/(?:docs|examples|packaging)\//,
  ],
];

/** @returns {{ file: string, why: string }[]} */
exports.leftOut = (root) =>
  readdirSync(path.join(root, 'test'), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .flatMap((name) => {
      const file = `test/${name}`;
      const text = `${file}\n${readFileSync(path.join(root, file), 'utf8')}`;
      const [needed] = rules.find(([, sign]) => sign.test(text)) ?? [];
      return needed === undefined ? [] : [{ file, why: `needs ${needed}` }];
    });
