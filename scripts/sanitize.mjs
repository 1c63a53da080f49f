// Builds the addon with the address and undefined-behaviour sanitizers, and the emulated CUDA driver with the kernels in it with
// the first of them. Unless --build-only, runs the tests on both.
//
//   node scripts/sanitize.mjs [--build-only] [jest arguments]
//   node scripts/sanitize.mjs --kernels [arguments of out/cuda-cases.js]
//   node scripts/sanitize.mjs --races [arguments of out/cuda-cases.js, or jest's: test/...]
//
// --kernels builds that driver only, and runs the case list on it with the addon as it is: a minute or two. --races does the same
// with a driver that looks for races between the threads of a kernel (test/cuda/emulated/races.h). Its kernels are compiled
// for the thread sanitizer, whose runtime is not needed.
//
// Node itself is not instrumented, so the address sanitizer's runtime has to be loaded before it. (STEEPEST_SANITIZE=thread of the
// addon is for native programs around the runtime.)
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const words = process.argv.slice(2);
const buildOnly = words.includes('--build-only');
const races = words.includes('--races');
const kernelsOnly = races || words.includes('--kernels');
const rest = words.filter((word) => !['--build-only', '--kernels', '--races'].includes(word));

// node-gyp-build looks for build/Debug in the folder that STEEPEST_PREBUILD names.
const home = path.join(root, 'build', races ? 'races' : 'sanitized');
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
const options = [`--CDSTEEPEST_SANITIZE=${races ? 'thread' : 'address,undefined'}`, '--CDSTEEPEST_CUDA=OFF'];
node([cmakeJs, 'configure', ...where, ...options]);
node([cmakeJs, 'build', ...where, ...(kernelsOnly ? ['--target', 'cuda-emulated'] : [])]);
if (buildOnly) process.exit(0);

const emulated = path.join(out, 'Debug', 'libcuda-emulated.so');
const driver = existsSync(emulated) ? { STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated } : {};
const runtime = (name) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
const sanitizers = {
  LD_PRELOAD: ['libasan.so', 'libubsan.so'].map(runtime).join(' '),
  // V8 keeps what it allocates until the process ends, so leaks are looked for by tests that count instead.
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};
const environment = races ? driver : { ...sanitizers, ...driver };
const isTest = rest.some((word) => word.startsWith('test'));
if (kernelsOnly && !isTest) {
  node([path.join(root, 'out', 'cuda-cases.js'), ...rest], environment);
} else {
  const jest = [require.resolve('jest/bin/jest'), '--runInBand', ...rest];
  node(jest, kernelsOnly ? environment : { ...environment, STEEPEST_PREBUILD: home });
}
