// Types, style and generated files. `node scripts/check.mjs --fix` formats instead of only complaining.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const fix = process.argv.includes('--fix');

const script = (name, file) => path.join(path.dirname(require.resolve(`${name}/package.json`)), file);
const tsc = script('typescript', 'bin/tsc');

const nativeFiles = readdirSync(path.join(root, 'native'), { recursive: true })
  .filter((name) => /\.(cc|h|inl|cu|cuh)$/.test(name))
  .map((name) => path.join('native', name));

const checks = [
  ['types of lib', [tsc, '-p', 'tsconfig.json', '--noEmit']],
  ['types of test', [tsc, '-p', 'test/tsconfig.json']],
  ['types of examples and bench', [tsc, '-p', 'tsconfig.programs.json', '--noEmit']],
  ['native/ops.inc', ['scripts/generate-ops.mjs', ...(fix ? [] : ['--check'])]],
  ['docs/reference', ['scripts/generate-docs.mjs', ...(fix ? [] : ['--check'])]],
  ['style of TypeScript', [script('@biomejs/biome', 'bin/biome'), 'check', ...(fix ? ['--write'] : []), '.']],
  [
    'style of C++',
    [
      script('@wasm-fmt/clang-format', 'clang-format-cli.cjs'),
      ...(fix ? ['-i'] : ['--dry-run', '-Werror']),
      ...nativeFiles,
    ],
  ],
];

let failed = 0;
for (const [name, args] of checks) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    // clang-format repeats each line that it would change; where they are is enough.
    const lines = `${stdout}${stderr}`.split('\n');
    const places = lines.filter((line) => line.includes('-Wclang-format-violations'));
    process.stdout.write(`${(places.length > 0 ? places : lines).join('\n')}\n`);
    failed++;
  }
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`);
}
process.exitCode = failed === 0 ? 0 : 1;
