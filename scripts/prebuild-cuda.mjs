// Makes out/steepest-cuda: the package with the CUDA kernels, for `npm pack` or `npm publish`. The CPU package stays small.
//
//   node scripts/prebuild-cuda.mjs                             compiles the kernels, which needs nvcc
//   node scripts/prebuild-cuda.mjs --kernels FILE [--cuda 12.8] [--out FOLDER]   takes one that nvcc of this version has compiled
//
// Drivers read no kernels of a newer major version: those of 12.8 or 12.9 run with drivers for CUDA 12.0 and newer, those of 13
// with drivers for 13.0 and newer only. So what is published should be of the oldest version that knows all GPUs it has kernels for.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const name = 'steepest-cuda';

const { values } = parseArgs({
  options: { kernels: { type: 'string' }, cuda: { type: 'string' }, out: { type: 'string' } },
});
const folder = path.resolve(values.out ?? path.join(root, 'out', name));

/** Compiles the kernels only, in a folder of its own. Returns their file. */
function compile() {
  const home = path.join(root, 'build', 'cuda-package');
  const args = ['--out', home, '--log-level', 'warn', '--CDSTEEPEST_CUDA=ON'];
  const cmakeJs = require.resolve('cmake-js/bin/cmake-js');
  for (const step of [['configure'], ['build', '--target', name]]) {
    const { status } = spawnSync(process.execPath, [cmakeJs, ...step, ...args], { cwd: root, stdio: 'inherit' });
    if (status !== 0) throw new Error(`compiling the CUDA kernels failed: it needs nvcc, of CUDA 12.8 or newer`);
  }
  return path.join(home, 'Release', `${name}.fatbin`);
}

/** The version of nvcc, '12.8'. */
function compiler() {
  for (const nvcc of ['nvcc', '/usr/local/cuda/bin/nvcc']) {
    const release = /release (\d+\.\d+)/.exec(spawnSync(nvcc, ['--version'], { encoding: 'utf8' }).stdout ?? '');
    if (release !== null) return release[1];
  }
  throw new Error(
    '--cuda: expected the version of CUDA that compiled the kernels, like 12.8, as there is no nvcc here',
  );
}

const readme = (cuda) => `# ${name}

The CUDA kernels of [steepest](https://www.npmjs.com/package/steepest), compiled. Install it beside the same version of steepest:

    npm install steepest ${name}

There is no code in it, and nothing else to do: \`compile({ device: 'cuda:0' })\` finds it. It needs Linux, and the NVIDIA
driver for CUDA ${Number.parseInt(cuda)}.0 or newer (the kernels were compiled by CUDA ${cuda}); no toolkit.
`;

try {
  const kernels = path.resolve(values.kernels ?? compile());
  if (!existsSync(kernels)) throw new Error(`there is no ${kernels}`);
  const cuda = values.cuda ?? compiler();
  if (!/^1[2-9]\.\d+$/.test(cuda)) throw new Error(`--cuda: expected a version like 12.8, got '${cuda}'`);
  const { version, license, engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const manifest = {
    name,
    version,
    description: 'The CUDA kernels of steepest, compiled',
    license,
    os: ['linux'],
    engines,
    files: ['prebuilds'],
  };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, 'prebuilds'), { recursive: true });
  copyFileSync(kernels, path.join(folder, 'prebuilds', `${name}.fatbin`));
  copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'));
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(path.join(folder, 'README.md'), readme(cuda));
  console.log(folder);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
