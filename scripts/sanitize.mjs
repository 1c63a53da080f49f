// Builds the addon with the address and undefined-behaviour sanitizers and, unless --build-only, runs the tests on it.
//
//   node scripts/sanitize.mjs [--build-only] [jest arguments]
//
// Node itself is not instrumented, so the sanitizers' runtimes have to be loaded before it. (The thread sanitizer's cannot be: with
// it Node crashes at the start. STEEPEST_SANITIZE=thread is for native programs around the runtime.)
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const words = process.argv.slice(2);
const buildOnly = words.includes('--build-only');
const rest = words.filter((word) => word !== '--build-only');

// node-gyp-build looks for build/Debug in the folder that STEEPEST_PREBUILD names.
const home = path.join(root, 'build', 'sanitized');
const out = path.join(home, 'build');

function node(args, env = {}) {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
const where = ['--config', 'Debug', '--out', out, '--log-level', 'warn'];
const options = ['--CDSTEEPEST_SANITIZE=address,undefined', '--CDSTEEPEST_CUDA=OFF'];
node([cmakeJs, 'configure', ...where, ...options]);
node([cmakeJs, 'build', ...where]);
if (buildOnly) process.exit(0);

const preload = ['libasan.so', 'libubsan.so'].map((name) =>
  execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
);
node([require.resolve('jest/bin/jest'), '--runInBand', ...rest], {
  LD_PRELOAD: preload.join(' '),
  STEEPEST_PREBUILD: home,
  // V8 keeps what it allocates until the process ends, so leaks are looked for by tests that count instead.
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
});
