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

/** The names of a test and of the blocks around it, without the file's invisible one. */
function nameOf({ name, parent }) {
  return parent?.parent ? `${nameOf(parent)} > ${name}` : name;
}

async function main() {
  process.execPath = node;
  const { describe, test, it, beforeAll, beforeEach, afterAll, afterEach } = circus;
  Object.assign(globalThis, { expect, describe, test, it, beforeAll, beforeEach, afterAll, afterEach });
  circus.setState({ ...circus.getState(), testTimeout: secondsPerTest * 1000 });
  let failures = 0;
  circus.addEventHandler(({ name, test }) => {
    if (name !== 'test_done' || test.errors.length === 0) return;
    failures++;
    // Each error comes with the one that tells where the test is.
    console.error(`${nameOf(test)}\n${test.errors.map(([error]) => error?.stack ?? String(error)).join('\n')}\n`);
  });
  require(file);
  const { testResults, unhandledErrors } = await circus.run();
  for (const error of unhandledErrors) console.error(error);
  const failed = failures + unhandledErrors.length;
  const passed = testResults.filter(({ status }) => status === 'done').length - failures;
  writeFileSync(report, JSON.stringify({ passed, failed }));
  // not at the end of everything: a test that failed may have left a job running
  process.exit(failed === 0 ? 0 : 1);
}

main();
