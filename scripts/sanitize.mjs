// Builds the addon with the address and undefined-behaviour sanitizers, and the emulated CUDA driver with the kernels in it with
// the first of them. Unless --build-only, runs the tests on both.
//
//   node scripts/sanitize.mjs [--build-only] [jest arguments]
//   node scripts/sanitize.mjs --kernels [arguments of out/cuda-cases.js]
//
// --kernels builds that driver only, and runs the case list on it with the addon as it is: a minute or two.
//
// Node itself is not instrumented, so the sanitizers' runtimes have to be loaded before it. (The thread sanitizer's cannot be: with
// it Node crashes at the start. STEEPEST_SANITIZE=thread is for native programs around the runtime.)
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const words = process.argv.slice(2);
const buildOnly = words.includes('--build-only');
const kernelsOnly = words.includes('--kernels');
const rest = words.filter((word) => word !== '--build-only' && word !== '--kernels');

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
node([cmakeJs, 'build', ...where, ...(kernelsOnly ? ['--target', 'cuda-emulated'] : [])]);
if (buildOnly) process.exit(0);

const preload = ['libasan.so', 'libubsan.so'].map((name) =>
  execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
);
const emulated = path.join(out, 'Debug', 'libcuda-emulated.so');
const sanitizers = {
  LD_PRELOAD: preload.join(' '),
  // V8 keeps what it allocates until the process ends, so leaks are looked for by tests that count instead.
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  ...(existsSync(emulated) ? { STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated } : {}),
};
if (kernelsOnly) {
  node([path.join(root, 'out', 'cuda-cases.js'), ...rest], sanitizers);
} else {
  const jest = [require.resolve('jest/bin/jest'), '--runInBand', ...rest];
  node(jest, { ...sanitizers, STEEPEST_PREBUILD: home });
}
