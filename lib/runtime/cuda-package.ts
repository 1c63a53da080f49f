import { readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../root.js';
import { loadAddon } from './native.js';

/** The package with the kernels of CUDA devices, which the package for the CPU comes without. */
const name = 'steepest-cuda';

interface PackageFile {
  readonly version: string;
}

const versionIn = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as PackageFile).version;

let provided = false;

/**
 * Tells the addon where the kernels are that were installed as a package of their own, if they were.
 *
 * @throws Error when they are those of another version: a kernel and who launches it agree on the layout of its arguments
 */
export function provideKernels(): void {
  if (provided) return;
  let manifest: string;
  try {
    manifest = require.resolve(`${name}/package.json`, { paths: [packageRoot] });
  } catch {
    return; // they may lie beside the addon
  }
  const [own, other] = [versionIn(path.join(packageRoot, 'package.json')), versionIn(manifest)];
  if (own !== other) {
    throw new Error(`${name} ${other} is not for steepest ${own}: npm install ${name}@${own}`);
  }
  loadAddon().setKernels(path.join(path.dirname(manifest), 'prebuilds', `${name}.fatbin`));
  provided = true;
}
