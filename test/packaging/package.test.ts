// What a user gets: the files of the package, and one library behind `import` and `require`.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as sources from '../../lib/index';

const root = path.join(__dirname, '..', '..');

const evaluate = (...args: string[]): string =>
  execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).trim();

test('import and require give the same names and the same objects', () => {
  const script = `
    import { createRequire } from 'node:module';
    import * as imported from 'steepest';
    const required = createRequire(import.meta.url)('steepest');
    const names = Object.keys(required);
    const other = names.filter((name) => imported[name] !== required[name]);
    const own = ['default', 'module.exports', '__esModule'];
    const extra = Object.keys(imported).filter((name) => !names.includes(name) && !own.includes(name));
    console.log(JSON.stringify({ count: names.length, other, extra }));`;
  const found = JSON.parse(evaluate('--input-type=module', '-e', script)) as {
    count: number;
    other: string[];
    extra: string[];
  };
  expect(found.count).toBeGreaterThan(5);
  expect(found.other).toEqual([]);
  expect(found.extra).toEqual([]);
});

test('require loads one file, and the addon when it is needed', () => {
  const script = `
    const { cpuInfo } = require('steepest');
    const loaded = () => Object.keys(require.cache).map((file) => require('node:path').relative(process.cwd(), file));
    const before = loaded();
    cpuInfo();
    console.log(JSON.stringify([before, loaded().some((file) => file.endsWith('.node'))]));`;
  expect(JSON.parse(evaluate('-e', script))).toEqual([[path.join('dist', 'index.js')], true]);
});

/** The names of all functions and classes of the library and of their methods, by where they are. */
function functionNames(library: object): Record<string, string> {
  const names: Record<string, string> = {};
  const seen = new Set<unknown>();
  const visit = (value: unknown, at: string): void => {
    if (value === null || !['object', 'function'].includes(typeof value) || seen.has(value)) return;
    seen.add(value);
    if (typeof value === 'function') names[at] = value.name;
    const isNamespace = typeof value === 'object' && !/prototype/.test(at); // its members are getters
    for (const key of Object.getOwnPropertyNames(value)) {
      const { value: own = isNamespace && (value as Record<string, unknown>)[key] } = Object.getOwnPropertyDescriptor(
        value,
        key,
      ) as PropertyDescriptor;
      visit(own, `${at}.${key}`);
    }
  };
  for (const [name, value] of Object.entries(library)) visit(value, name);
  return names;
}

test('functions keep their names in the built library', () => {
  const script = `${functionNames}; console.log(JSON.stringify(functionNames(require('steepest'))));`;
  const built = JSON.parse(evaluate('-e', script)) as Record<string, string>;
  expect(built).toMatchObject({
    'ops.relu': 'relu',
    'layers.relu': 'relu',
    Model: 'Model',
    'losses.meanSquaredError': 'meanSquaredError',
  });
  expect(Object.keys(built).length).toBeGreaterThan(500);
  expect(built).toEqual(functionNames(sources));
});

test('the built library names few functions at run time: those that were renamed', () => {
  const text = readFileSync(path.join(root, 'dist', 'index.js'), 'utf8');
  expect(text.split('__name(').length).toBeLessThan(500); // of 1800
});

test('the built library has short lines: Node prints the one that an uncaught error comes from', () => {
  const lines = readFileSync(path.join(root, 'dist', 'index.js'), 'utf8').split('\n');
  const long = lines.filter((line) => line.length > 1000 && !line.startsWith('0 && (module.exports = '));
  expect(long).toEqual([]);
});

test('the source map of the built library leads to the sources of the package', () => {
  const map = JSON.parse(readFileSync(path.join(root, 'dist', 'index.js.map'), 'utf8')) as { sources: string[] };
  expect(map.sources).toContain('../lib/training/model.ts');
  expect(map.sources.filter((source) => !existsSync(path.join(root, 'dist', source)))).toEqual([]);
});

test('loads in a worker thread beside the main thread', () => {
  const script = `
    const steepest = require('steepest');
    const { Worker } = require('node:worker_threads');
    const worker = new Worker("require('node:worker_threads').parentPort.postMessage(Object.keys(require('steepest')).length)", { eval: true });
    worker.once('message', (count) => console.log(count === Object.keys(steepest).length));`;
  expect(evaluate('-e', script)).toBe('true');
});

test('packs what is needed to run and to compile, and nothing else', () => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [packed] = JSON.parse(output) as [{ files: { path: string }[]; size: number }];
  const files = packed.files.map((file) => file.path);
  for (const needed of [
    'LICENSE',
    'README.md',
    'CMakeLists.txt',
    'binding.gyp',
    'native/sources.json',
    'native/ops.inc',
    'native/glibc_compat.cc',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/index.mjs',
    'dist/index.d.mts',
  ]) {
    expect(files).toContain(needed);
  }
  expect(files.filter((file) => /^(test|bench|examples|build|out|node_modules|\.)/.test(file))).toEqual([]);
  expect(packed.size).toBeLessThan(8e6);
});
