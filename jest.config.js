const { existsSync } = require('node:fs');
const path = require('node:path');

// The tests have a CUDA device on every Linux machine: the emulated one (test/cuda/emulated), unless STEEPEST_DEVICE names a real one.
// Workers inherit this.
const emulated = path.join(__dirname, 'build/Release/libcuda-emulated.so');
if (existsSync(emulated) && !process.env.STEEPEST_DEVICE?.startsWith('cuda:')) {
  process.env.STEEPEST_CUDA_DRIVER ??= emulated;
  process.env.STEEPEST_CUDA_KERNELS ??= emulated;
  // Threads and blocks of kernels come in an order that is drawn, which shows where they do not wait for each other.
  process.env.STEEPEST_EMULATED_THREADS ??= 'mixed';
  // Tests look at single kernels; those that want runs of them in one launch say so.
  process.env.STEEPEST_CUDA_SEQUENCES ??= '0';
}

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/test/environment.js',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // Sources import './x.js', which is what Node sees after compiling; under jest that is './x.ts'.
  // The package's own name means its sources.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1', '^steepest$': '<rootDir>/lib/index.ts' },
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // A test file has a global object of its own, in which every lookup of a name costs a call. Loops over numbers looked up
  // `Math` and the arrays more than they computed; as arguments of each module they cost nothing.
  sandboxInjectedGlobals: [
    ...['Array', 'ArrayBuffer', 'BigInt', 'Boolean', 'DataView', 'Error', 'JSON', 'Map', 'Math', 'Number', 'Object'],
    ...['Promise', 'RangeError', 'Set', 'String', 'Symbol', 'TypeError', 'WeakMap', 'WeakSet'],
    ...['Float32Array', 'Float64Array', 'Int8Array', 'Int16Array', 'Int32Array'],
    ...['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array'],
  ],
  // The addon's threads use both cores of a small machine already.
  maxWorkers: 2,
  testTimeout: 60_000,
};
