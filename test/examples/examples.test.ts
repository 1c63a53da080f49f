// The examples as a reader runs them: compiled, in a process of their own. What they print is what is tested.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.join(__dirname, '..', '..');

/** What `node out/examples/NAME.js` prints; any exit code but 0 is an error. */
async function run(name: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const file = path.join(root, 'out', 'examples', `${name}.js`);
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
  });
  return stdout;
}

/** The numbers that `pattern` captures in a text. */
function numbersIn(text: string, pattern: RegExp): number[] {
  const numbers = [...text.matchAll(pattern)].flatMap(([, ...groups]) => groups.map(Number));
  if (numbers.length === 0) throw new Error(`nothing like ${pattern} in:\n${text}`);
  return numbers;
}

test('every example is compiled', () => {
  const names = (folder: string, extension: string) =>
    readdirSync(path.join(root, folder))
      .filter((file) => file.endsWith(extension))
      .map((file) => path.basename(file, extension));
  expect(names('out/examples', '.js')).toEqual(names('examples', '.ts'));
});

test('xor: the loss falls, and all four cases come out right', async () => {
  const text = await run('xor');
  const losses = numbersIn(text, /^Step \d+: loss ([\d.]+)$/gm);
  expect(losses.length).toBe(6);
  expect(losses[0]).toBeGreaterThan(0.5);
  expect(losses[5]).toBeLessThan(0.01);
  const cases = numbersIn(text, /^([01]) xor ([01]) = ([\d.]+)$/gm);
  expect(cases.length).toBe(12);
  for (let i = 0; i < 12; i += 3) expect(Math.abs(cases[i + 2] - (cases[i] ^ cases[i + 1]))).toBeLessThan(0.05);
});

test('classification: two clusters two deviations from the middle are told apart', async () => {
  const text = await run('classification');
  // The best possible classifier is right in 97.7 % of all cases.
  const [loss, accuracy] = numbersIn(text, /^Test loss ([\d.]+), test accuracy ([\d.]+)$/gm);
  expect(loss).toBeLessThan(0.15);
  expect(accuracy).toBeGreaterThan(0.95);
  const points = numbersIn(text, /^Point \d: class ([01]), probability of class 1 is ([\d.]+)$/gm);
  expect(points.length).toBe(10);
  for (let i = 0; i < 10; i += 2) expect(Math.round(points[i + 1])).toBe(points[i]);
});

test('classifier-100: training stops early, at a good point', async () => {
  const text = await run('classifier-100');
  const [epochs] = numbersIn(text, /^Stopped after (\d+) epochs$/gm);
  expect(epochs).toBeGreaterThan(4);
  expect(epochs).toBeLessThan(50);
  const [loss, accuracy] = numbersIn(text, /^Test loss ([\d.]+), test accuracy ([\d.]+)$/gm);
  expect(loss).toBeLessThan(0.6);
  expect(accuracy).toBeGreaterThan(0.8);
});

test('pima: what was learned holds for patients it has not seen', async () => {
  const text = await run('pima');
  const [onTrain, trained, onTest, others] = numbersIn(text, /^Accuracy: ([\d.]+) on (\d+) (?:patients|others)/gm);
  expect([trained, others]).toEqual([614, 154]);
  // Always saying "no" is right in 65.1 % of all cases.
  expect(onTrain).toBeGreaterThan(0.76);
  expect(onTrain).toBeLessThan(0.9);
  expect(onTest).toBeGreaterThan(0.72);
});

test('mnist: more than 97.5 % after ten epochs', async () => {
  const text = await run('mnist');
  expect(text).toContain('Total params: 242,762');
  const losses = numbersIn(text, /^Epoch \d+\/10 .* loss ([\d.]+) /gm);
  expect(losses.length).toBe(10);
  expect(losses[9]).toBeLessThan(losses[0] / 5);
  const [loss, accuracy] = numbersIn(text, /^Test loss ([\d.]+), test accuracy ([\d.]+) %$/gm);
  expect(loss).toBeLessThan(0.15);
  expect(accuracy).toBeGreaterThan(97.5);
}, 300_000);

test('mnist-functional: each epoch is validated', async () => {
  const text = await run('mnist-functional', ['--epochs', '2']);
  const [first, second] = numbersIn(text, /([\d.]+) %/g);
  expect(first).toBeGreaterThan(93);
  expect(second).toBeGreaterThan(95);
}, 300_000);

test('mnist-sequential: knows the first digit after one epoch', async () => {
  const text = await run('mnist-sequential', ['--epochs', '1']);
  expect(numbersIn(text, /^Test accuracy ([\d.]+) %$/gm)[0]).toBeGreaterThan(93);
  expect(text).toContain('The first test image is a 7; the model says 7');
}, 300_000);

test('char-transformer: the loss falls, and it writes 300 characters of its own', async () => {
  const text = await run('char-transformer', ['--epochs', '3', '--characters', '30000']);
  const losses = numbersIn(text, /^Epoch \d\/3 .* loss ([\d.]+)$/gm);
  expect(losses.length).toBe(3);
  expect(losses[2]).toBeLessThan(losses[0] as number);
  expect(text.slice(text.indexOf('CONTENTS')).trimEnd().length).toBeGreaterThan(300);
}, 300_000);

test('another number of threads changes nothing', async () => {
  for (const name of ['xor', 'classification', 'classifier-100', 'pima']) {
    const [one, three] = await Promise.all(['1', '3'].map((STEEPEST_THREADS) => run(name, [], { STEEPEST_THREADS })));
    expect(three).toBe(one);
  }
});
