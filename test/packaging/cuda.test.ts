// The CUDA kernels are a package of their own. Here its file is a stand-in, which the emulated driver takes for any kernels.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { emulated, onDevice } from '../cuda/device';

const root = path.join(__dirname, '..', '..');
const { version, peerDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

test('the driver that steepest-cuda asks for is one that reads its PTX', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-kernels-'));
  const readmeOf = (kernels: Buffer): string => {
    const [file, out] = [path.join(folder, 'kernels'), path.join(folder, 'package')];
    writeFileSync(file, kernels);
    execFileSync(process.execPath, ['scripts/prebuild-cuda.mjs', '--kernels', file, '--out', out], { cwd: root });
    return readFileSync(path.join(out, 'README.md'), 'utf8');
  };
  /** A fat binary of one entry of 8 bytes behind a header of 64: PTX of a version. */
  const ptx = (major: number): Buffer => {
    const words = new DataView(new ArrayBuffer(16 + 64 + 8));
    words.setUint32(0, 0xba55ed50, true);
    words.setUint16(6, 16, true);
    words.setUint32(8, 64 + 8, true);
    words.setUint16(16, 1, true);
    words.setUint32(16 + 4, 64, true);
    words.setUint32(16 + 8, 8, true);
    words.setUint16(16 + 26, major, true);
    return Buffer.from(words.buffer);
  };
  expect(readmeOf(Buffer.concat([ptx(7), ptx(8)]))).toContain('driver for CUDA 12.0 or newer');
  expect(readmeOf(Buffer.concat([ptx(8), ptx(9)]))).toContain('driver for CUDA 13.0 or newer');
  rmSync(folder, { recursive: true });
});

onDevice('steepest-cuda', () => {
  const app = mkdtempSync(path.join(tmpdir(), 'steepest-app-'));
  afterAll(() => rmSync(app, { recursive: true }));

  /** Packs a folder, and unpacks it into the node_modules of the app, as npm does. Returns the names of its files. */
  const install = (folder: string, name: string): string[] => {
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', app], {
      cwd: folder,
      encoding: 'utf8',
    });
    const [packed] = JSON.parse(output) as [{ filename: string; files: { path: string }[] }];
    const target = path.join(app, 'node_modules', name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(app, packed.filename), '-C', target, '--strip-components=1']);
    return packed.files.map((file) => file.path).sort();
  };
  /** Trains with the installed packages on cuda:0 and prints the loss, or the error. */
  const train = (): string => {
    const script = `
      const { sequential, layers, tensor } = require('steepest');
      const model = sequential([layers.dense({ units: 1, inputShape: [2] })]);
      (async () => {
        model.compile({ optimizer: 'sgd', loss: 'meanSquaredError', device: 'cuda:0', seed: 1 });
        const x = tensor([1, 2, 3, 4], [2, 2]), y = tensor([1, 2], [2, 1]);
        const { history } = await model.fit(x, y, { epochs: 1, verbose: 0 });
        console.log('trained', Number.isFinite(history.loss[0]));
      })().catch((error) => console.log(error.message));`;
    const { STEEPEST_CUDA_KERNELS, ...env } = process.env;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: app,
      encoding: 'utf8',
      env: { ...env, STEEPEST_CUDA_DRIVER: emulated },
    });
    return (stdout + stderr).trim();
  };

  test('is found where it is installed, named where it is missing, and refused when it is of another version', () => {
    const files = install(root, 'steepest');
    expect(files.filter((file) => /fatbin|emulated|^test\//.test(file))).toEqual([]);
    const steepest = path.join(app, 'node_modules', 'steepest');
    rmSync(path.join(steepest, 'prebuilds'), { recursive: true, force: true });
    mkdirSync(path.join(steepest, 'build', 'Release'), { recursive: true });
    copyFileSync(path.join(root, 'build/Release/steepest.node'), path.join(steepest, 'build/Release/steepest.node'));
    symlinkSync(path.join(root, 'node_modules/node-gyp-build'), path.join(app, 'node_modules/node-gyp-build'));
    expect(train()).toMatch(
      /^cuda:0: this build has no CUDA kernels: .*steepest-cuda\.fatbin is not there; npm install steepest-cuda brings them$/,
    );

    const kernels = path.join(app, 'stand-in');
    writeFileSync(kernels, 'kernels');
    const folder = path.join(app, 'folder');
    execFileSync(process.execPath, ['scripts/prebuild-cuda.mjs', '--kernels', kernels, '--out', folder], { cwd: root });
    expect(install(folder, 'steepest-cuda')).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
      'prebuilds/steepest-cuda.fatbin',
    ]);
    expect(train()).toBe('trained true');

    const manifest = path.join(app, 'node_modules/steepest-cuda/package.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(`"${version}"`, '"0.0.1"'));
    expect(train()).toBe(`steepest-cuda 0.0.1 is not for steepest ${version}: npm install steepest-cuda@${version}`);
  });

  test('is asked for in the version of the package', () => {
    expect(peerDependencies).toEqual({ 'steepest-cuda': version });
  });
});
