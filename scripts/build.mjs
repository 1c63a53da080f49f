// Builds what is missing or older than its sources.
//
//   node scripts/build.mjs                 everything
//   node scripts/build.mjs native lib      some steps: native (the addon), lib (dist/), programs (examples and benchmarks),
//                                          cases (the case list for a device, as a program)
//   node scripts/build.mjs --force ...     also what is up to date
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutGivenNames } from './function-names.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

const steps = {
  native: {
    inputs: ['native', 'CMakeLists.txt', 'bench/native', 'test/cuda/emulated'],
    output: 'build/Release/steepest.node',
    build: () =>
      run('cmake-js', 'bin/cmake-js', ['build', '--log-level', 'warn', '--parallel', `${availableParallelism()}`]),
  },
  lib: {
    inputs: ['lib', 'tsconfig.json', 'scripts/build.mjs', 'scripts/function-names.mjs'],
    output: 'dist/index.js',
    build: () => {
      rmSync(path.join(root, 'dist'), { recursive: true, force: true });
      run('typescript', 'bin/tsc', ['-p', 'tsconfig.json', '--emitDeclarationOnly']);
      bundle();
    },
  },
  programs: {
    inputs: ['examples', 'bench', 'tsconfig.json', 'tsconfig.programs.json', 'dist'],
    output: 'out/examples',
    build: () => {
      rmSync(path.join(root, 'out/examples'), { recursive: true, force: true });
      rmSync(path.join(root, 'out/bench'), { recursive: true, force: true });
      run('typescript', 'bin/tsc', ['-p', 'tsconfig.programs.json']);
    },
  },
  cases: {
    inputs: ['lib', 'test/cuda', 'test/helpers'],
    // as deep in the package as dist/index.js, so that it finds the addon
    output: 'out/cuda-cases.js',
    build: () =>
      require(packageOf('esbuild')).buildSync({
        ...{ absWorkingDir: root, bundle: true, packages: 'external', platform: 'node', target: 'node20.17' },
        ...{ entryPoints: ['test/cuda/main.ts'], outfile: 'out/cuda-cases.js', keepNames: true, logLevel: 'warning' },
      }),
  },
};

/** The folder of an installed package. */
function packageOf(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    throw new Error(`building needs the package ${name}: run npm install without --omit=dev`);
  }
}

/** Runs a script of an installed package with this Node, so that neither PATH nor a shell matters. */
function run(name, script, args) {
  const directory = packageOf(name);
  const { status, error } = spawnSync(process.execPath, [path.join(directory, script), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} failed`);
}

/**
 * The library as one file: Node needs longer to find, open and wrap hundreds of small files than to read them. Functions
 * keep their names, which users see in messages and which losses of their own go by; see function-names.mjs. What V8 has to
 * read is small, in lines short enough for the one that Node prints above an uncaught error; the source map leads to lib/.
 */
function bundle() {
  const { buildSync, transformSync } = require(packageOf('esbuild'));
  const { parseSync } = require(packageOf('@swc/core'));
  const common = { target: 'node20.17', sourcesContent: false, logLevel: 'warning' };
  const [library] = buildSync({
    ...{ ...common, absWorkingDir: root, bundle: true, platform: 'node', packages: 'external', write: false },
    ...{ entryPoints: ['lib/index.ts'], outfile: 'dist/index.js' },
    ...{ format: 'cjs', keepNames: true, sourcemap: 'inline' },
  }).outputFiles;
  // without a format the outermost names stay, and with them those of functions and classes
  const { code, map } = transformSync(withoutGivenNames(library.text, parseSync), {
    ...{ ...common, platform: 'node', minify: true, lineLimit: 160, sourcemap: 'external', sourcefile: 'index.js' },
  });
  // dead code by which `import` finds the names without running the file
  const [names] = /^0 && \(module\.exports = \{[^}]*\}\);$/m.exec(library.text);
  mkdirSync(path.join(root, 'dist'), { recursive: true });
  writeFileSync(
    path.join(root, 'dist/index.js'),
    `${code}${names.replace(/\s+/g, ' ')}\n//# sourceMappingURL=index.js.map\n`,
  );
  writeFileSync(path.join(root, 'dist/index.js.map'), map);
  // only names the other file
  buildSync({
    ...{ ...common, absWorkingDir: root, entryPoints: ['lib/index.mts'], outfile: 'dist/index.mjs', format: 'esm' },
    sourcemap: true,
  });
}

/** When the newest file in a file or folder was changed; a removed file changes its folder. */
function changed(file) {
  const status = statSync(file);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(status.mtimeMs, ...readdirSync(file).map((name) => changed(path.join(file, name))));
}

const stampOf = (name) => path.join(root, 'out', `${name}.stamp`);

function isFresh(name) {
  const { inputs, output } = steps[name];
  const stamp = stampOf(name);
  if (!existsSync(stamp) || !existsSync(path.join(root, output))) return false;
  const built = statSync(stamp).mtimeMs;
  return inputs.every((input) => changed(path.join(root, input)) < built);
}

function build(name) {
  const began = Date.now() / 1000;
  process.stderr.write(`building ${name}\n`);
  steps[name].build();
  mkdirSync(path.join(root, 'out'), { recursive: true });
  writeFileSync(stampOf(name), '');
  // What is edited during the build must count as newer.
  utimesSync(stampOf(name), began, began);
}

const words = process.argv.slice(2);
const force = words.includes('--force');
const wanted = words.filter((word) => word !== '--force');
for (const name of wanted) {
  if (!(name in steps)) throw new Error(`unknown step ${name}: expected ${Object.keys(steps).join(', ')}`);
}
try {
  for (const name of Object.keys(steps)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    if (force || !isFresh(name)) build(name);
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
