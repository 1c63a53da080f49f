// Makes out/steepest-cuda: the package with the CUDA kernels, for `npm pack` or `npm publish`. The CPU package stays small.
//
//   node scripts/prebuild-cuda.mjs                             compiles the kernels, which needs nvcc
//   node scripts/prebuild-cuda.mjs --kernels FILE [--out FOLDER]   takes a file that was compiled before
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const name = 'steepest-cuda';

const { values } = parseArgs({ options: { kernels: { type: 'string' }, out: { type: 'string' } } });
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

/**
 * The CUDA version whose driver reads the kernels: their PTX, if not their machine code, which only drivers of the compiler's major
 * version read, and newer ones. PTX 8 came with CUDA 12, PTX 9 with 13; 12.0 is what steepest needs.
 */
function driverFor(kernels) {
  let cuda = 12;
  for (let at = 0; at + 16 <= kernels.length && kernels.readUInt32LE(at) === 0xba55ed50; ) {
    const end = at + kernels.readUInt16LE(at + 6) + Number(kernels.readBigUInt64LE(at + 8));
    for (at += kernels.readUInt16LE(at + 6); at < end; ) {
      const isPtx = kernels.readUInt16LE(at) === 1;
      if (isPtx) cuda = Math.max(cuda, kernels.readUInt16LE(at + 26) + 4);
      at += kernels.readUInt32LE(at + 4) + Number(kernels.readBigUInt64LE(at + 8));
    }
  }
  return `${cuda}.0`;
}

const readmeFor = (driver) => `# ${name}

The CUDA kernels of [steepest](https://www.npmjs.com/package/steepest), compiled. Install it beside the same version of steepest:

    npm install steepest ${name}

There is no code in it, and nothing else to do: \`compile({ device: 'cuda:0' })\` finds it. It needs Linux, and the NVIDIA
driver for CUDA ${driver} or newer; no toolkit. There is machine code for GPUs of compute capability 8.x, 9.0 and 12.x. For another one, or
when it is of an older major version than the compiler, the driver makes its own from PTX: some ten seconds when it is first used.
`;

try {
  const kernels = path.resolve(values.kernels ?? compile());
  if (!existsSync(kernels)) throw new Error(`there is no ${kernels}`);
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
  writeFileSync(path.join(folder, 'README.md'), readmeFor(driverFor(readFileSync(kernels))));
  console.log(folder);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
