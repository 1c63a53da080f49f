import { existsSync } from 'node:fs';
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
  // not by require.resolve: what a package `exports` is its code, and often not its data
  const places = (resolver.resolve.paths(file) ?? []).map((place) => path.join(place, file));
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new Error(`this example reads ${file}: run "npm install --prefix examples/data" first`);
}

/** What a package of `examples/data/package.json` exports. Errors as for `dataFile`. */
export function dataPackage<T>(name: string): T {
  return resolver(dataFile(name));
}
