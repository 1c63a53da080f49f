import { createRequire } from 'node:module';
import path from 'node:path';

// Where those packages are, from where this file runs compiled (out/examples/support).
const folder = path.resolve(__dirname, '../../../examples/data');
const resolver = createRequire(path.join(folder, 'package.json'));

/**
 * The path of a file in one of the packages of `examples/data/package.json`, which are not installed with steepest itself:
 * the large data sets would be a burden to those who only build it.
 *
 * @param file package and path, as for `require`
 * @throws Error that says how to install the package, when it is missing
 */
export function dataFile(file: string): string {
  try {
    return resolver.resolve(file);
  } catch (cause) {
    throw new Error(`this example reads ${file}: run "npm install --prefix examples/data" first`, { cause });
  }
}

/** What a package of `examples/data/package.json` exports. Errors as for `dataFile`. */
export function dataPackage<T>(name: string): T {
  return resolver(dataFile(name));
}
