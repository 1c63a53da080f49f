// What jest finds, as lines of JSON, one for each file as it ends: what ran is known when time is over in the midst of it.
const path = require('node:path');
const { stripVTControlCharacters } = require('node:util');
const { leftOut } = require('./left-out.js');

/** In ASCII, whatever names of tests are: run.sh reads bytes. */
const print = (result) =>
  console.log(JSON.stringify(result).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`));
/** What was expected and what came, without the stack and in few lines. */
const firstLines = (message) =>
  stripVTControlCharacters(message)
    .split(/\n\s+at /)[0]
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, 8)
    .join('\n')
    .slice(0, 600);

module.exports = class LinesReporter {
  constructor({ rootDir }) {
    this.rootDir = rootDir;
    this.running = new Set();
  }

  #name(file) {
    return path.relative(this.rootDir, file);
  }

  onRunStart({ numTotalTestSuites }) {
    print({ files: numTotalTestSuites, files_left_out: leftOut(this.rootDir) });
    // time is over
    process.once('SIGTERM', () => {
      print({ unfinished: [...this.running] });
      process.exit(143);
    });
  }

  onTestStart({ path: file }) {
    this.running.add(this.#name(file));
  }

  onTestResult({ path: file }, { testResults, testExecError, failureMessage, perfStats }) {
    const name = this.#name(file);
    const count = (...states) => testResults.filter(({ status }) => states.includes(status)).length;
    const failed = testResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({
        name: `${name}: ${fullName}`,
        why: firstLines(failureMessages.join('\n')),
      }));
    if (failed.length === 0 && (testExecError || failureMessage)) {
      failed.push({ name, why: firstLines(failureMessage ?? testExecError.message) });
    }
    this.running.delete(name);
    const seconds = (perfStats.end - perfStats.start) / 1000;
    print({ test_file: name, passed: count('passed'), left_out: count('pending', 'skipped', 'todo'), failed, seconds });
  }

  onRunComplete(_, { numTotalTestSuites, numFailedTestSuites, numPassedTests, numFailedTests, numPendingTests }) {
    print({
      files_done: numTotalTestSuites,
      files_failed: numFailedTestSuites,
      tests_passed: numPassedTests,
      tests_failed: numFailedTests,
      tests_left_out: numPendingTests,
    });
  }
};
