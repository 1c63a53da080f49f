// The suite on STEEPEST_DEVICE, as bench/gpu/run.sh runs it: what the repository's jest.config.js says, but for what is different on a
// machine that has no more than bench/gpu/pack.sh has packed.
const { existsSync } = require('node:fs');
const path = require('node:path');
const repository = require('../../../jest.config.js');
const { leftOut } = require('./left-out.js');
const { folder } = require('./stored.js');

const rootDir = path.join(__dirname, '../../..');

/** @type {import('jest').Config} */
module.exports = {
  ...repository,
  rootDir,
  // where nothing is packed, sources are compiled as ever
  transform: existsSync(folder) ? { '\\.ts$': path.join(__dirname, 'stored.js') } : repository.transform,
  testPathIgnorePatterns: leftOut(rootDir).map(({ file }) => `/${file.replaceAll('.', '\\.')}$`),
  reporters: [path.join(__dirname, 'reporter.js')],
  // Each file in a process of its own: a fault loses the device for the process, and would fail all files behind it.
  workerIdleMemoryLimit: '1MB',
};
