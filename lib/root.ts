import path from 'node:path';

/** The package's folder. The built library is one file in dist, as deep as this one in lib. */
export const packageRoot = path.join(__dirname, '..');
