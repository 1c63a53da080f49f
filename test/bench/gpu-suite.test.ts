// How bench/gpu/run.sh runs the suite: what it leaves out, and what is known of tests that fail or do not end.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');
const suite = path.join(root, 'bench/gpu/suite');
const { leftOut } = require(path.join(suite, 'left-out.js'));
const { workerIdleMemoryLimit } = require(path.join(suite, 'jest.config.js'));

type Line = Record<string, unknown>;
const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

test('files say themselves what a machine with nothing but a device lacks', () => {
  const found = new Map<string, string>(leftOut(root).map(({ file, why }: Line) => [file, why]));
  expect(found.get('test/cuda/emulator.test.ts')).toBe('needs the emulated driver');
  expect(found.get('test/cuda/int8.test.ts')).toBe('needs the emulated driver');
  expect(found.get('test/types/names.test.ts')).toBe('needs a compiler');
  expect(found.get('test/packaging/package.test.ts')).toMatch(/^needs what npm installs/);
  for (const file of ['test/cuda/training.test.ts', 'test/cuda/rows.test.ts', 'test/training/fit.test.ts']) {
    expect([file, existsSync(path.join(root, file)), found.get(file)]).toEqual([file, true, undefined]);
  }
});

test('packages come with all that they need, and only that', () => {
  const { stdout } = spawnSync(process.execPath, [path.join(suite, 'packages.mjs'), 'jest'], { encoding: 'utf8' });
  const packages = stdout.trim().split('\n');
  expect(packages).toEqual(expect.arrayContaining(['node_modules/jest', 'node_modules/jest-circus']));
  expect(packages.filter((name) => /@swc|\/typescript$/.test(name))).toEqual([]);
  const missing = spawnSync(process.execPath, [path.join(suite, 'packages.mjs'), 'nowhere'], { encoding: 'utf8' });
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('nowhere is not installed')]);
});

test('the text of a source that has changed is refused', () => {
  const stored = require(path.join(suite, 'stored.js'));
  expect(() => stored.process('changed', 'a.ts')).toThrow('a.ts is not as it was when bench/gpu/pack.sh was run');
});

describe('a run of jest', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'steepest-suite-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const tests = {
    'right.test.js': `test('right', () => {}); test.skip('later', () => {});`,
    'wrong.test.js': `describe('a "sum" \u00d7', () => test('is wrong', () => expect(1 + 1).toBe(3)));`,
    'broken.test.js': `throw new Error('cannot even begin');`,
    'crash.test.js': `test('crashes', () => process.kill(process.pid, 'SIGSEGV'));`,
  };
  mkdirSync(path.join(folder, 'test'));
  const put = (name: string, text: string) => writeFileSync(path.join(folder, 'test', name), text);
  const jest = (file: string) => {
    const config = {
      rootDir: folder,
      reporters: [path.join(suite, 'reporter.js')],
      testMatch: [`**/${file}`],
      workerIdleMemoryLimit,
    };
    const bin = path.join(root, 'node_modules/jest/bin/jest.js');
    return [bin, '--maxWorkers', '2', '--config', JSON.stringify(config)];
  };

  test('says of each file what failed, and how', () => {
    for (const [name, text] of Object.entries(tests)) put(name, text);
    const { status, stdout } = spawnSync(process.execPath, jest('*.test.js'), { encoding: 'utf8', cwd: folder });
    expect(stdout).toMatch(/^[\n -~]*$/);
    const [first, ...lines] = linesOf(stdout);
    const last = lines.pop();
    const of = (name: string) => lines.find(({ test_file: file }) => file === `test/${name}.test.js`);
    expect([status, first, lines.length]).toEqual([1, { files: 4, files_left_out: [] }, 4]);
    expect(of('right')).toMatchObject({ passed: 1, left_out: 1, failed: [], seconds: expect.any(Number) });
    const why = 'expect(received).toBe(expected) // Object.is equality\nExpected: 3\nReceived: 2';
    expect(of('wrong')).toMatchObject({
      passed: 0,
      failed: [{ name: 'test/wrong.test.js: a "sum" \u00d7 is wrong', why: expect.stringContaining(why) }],
    });
    expect(of('broken')).toMatchObject({
      failed: [{ name: 'test/broken.test.js', why: expect.stringContaining('cannot even begin') }],
    });
    expect(of('crash')).toMatchObject({ failed: [{ why: expect.stringContaining('SIGSEGV') }] });
    expect(last).toEqual({ files_done: 4, files_failed: 3, tests_passed: 1, tests_failed: 1, tests_left_out: 1 });
  });

  test('has a process for each file', () => {
    const log = path.join(folder, 'processes');
    for (const name of ['a', 'b', 'c', 'd']) {
      const write = `require('node:fs').appendFileSync(${JSON.stringify(log)}, process.pid + '\\n')`;
      put(`${name}.alone.js`, `test('runs', () => ${write});`);
    }
    expect(spawnSync(process.execPath, jest('*.alone.js'), { cwd: folder }).status).toBe(0);
    expect(new Set(readFileSync(log, 'utf8').trim().split('\n')).size).toBe(4);
  });

  test('that is out of time says what had not ended', async () => {
    put('first.end.js', `test('ends', () => {});`);
    put('second.end.js', `test('does not end', () => { for (;;); });`);
    const child = spawn(process.execPath, jest('*.end.js'), { cwd: folder, detached: true });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      // as run.sh ends a part
      if (text.includes('"test_file"')) process.kill(-(child.pid as number), 'SIGTERM');
    });
    await once(child, 'close');
    expect(linesOf(text)).toEqual([
      { files: 2, files_left_out: [] },
      expect.objectContaining({ test_file: 'test/first.end.js', passed: 1 }),
      { unfinished: ['test/second.end.js'] },
    ]);
  });
});
