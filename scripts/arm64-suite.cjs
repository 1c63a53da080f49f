// Runs one translated test file without jest's command, for scripts/arm64.mjs:
//
//   node scripts/arm64-suite.cjs TEST.js REPORT.json NODE
//
// NODE is what tests start as process.execPath, which is an ARM64 program that this machine cannot start by itself.
const { writeFileSync } = require('node:fs');
const circus = require('jest-circus');
const { expect } = require('expect');

const [file, report, node] = process.argv.slice(2);
const secondsPerTest = 600;

async function main() {
  process.execPath = node;
  const { describe, test, it, beforeAll, beforeEach, afterAll, afterEach } = circus;
  Object.assign(globalThis, { expect, describe, test, it, beforeAll, beforeEach, afterAll, afterEach });
  circus.setState({ ...circus.getState(), testTimeout: secondsPerTest * 1000 });
  require(file);
  const { testResults, unhandledErrors } = await circus.run();
  // The first name is that of the file's invisible block.
  const failures = testResults.filter(({ errors }) => errors.length > 0);
  for (const { testPath, errors } of failures) console.error(`${testPath.slice(1).join(' > ')}\n${errors.join('\n')}\n`);
  for (const error of unhandledErrors) console.error(error);
  const failed = failures.length + unhandledErrors.length;
  const passed = testResults.filter(({ status }) => status === 'done').length - failures.length;
  writeFileSync(report, JSON.stringify({ passed, failed }));
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
