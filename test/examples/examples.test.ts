// The examples as a reader runs them: compiled, in a process of their own. What they print is what is tested.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { loadMnist } from 'steepest';

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

const pictures = mkdtempSync(path.join(tmpdir(), 'steepest-examples-'));
afterAll(() => rmSync(pictures, { recursive: true }));

/** A .pgm file as a grid of images of 28 x 28 pixels, 10 in a row and a line between them. */
function readGrid(file: string) {
  const bytes = readFileSync(file);
  const end = bytes.indexOf('\n') + 1;
  const [magic, width, height, most] = bytes.toString('latin1', 0, end).trim().split(' ');
  expect([magic, width, most]).toEqual(['P5', '289', '255']);
  const pixels = bytes.subarray(end);
  expect(pixels.length).toBe(289 * Number(height));
  const image = (row: number, column: number) =>
    Uint8Array.from({ length: 784 }, (_, i) => {
      const [y, x] = [29 * row + Math.floor(i / 28), 29 * column + (i % 28)];
      return pixels[289 * y + x] as number;
    });
  return { rows: (Number(height) + 1) / 29, image };
}

/**
 * The packages of `examples/data` need not be there: an example that reads them has to say so then.
 *
 * @returns what it prints, or undefined when it said that they are missing
 */
async function runWithData(name: string): Promise<string | undefined> {
  if (existsSync(path.join(root, 'examples', 'data', 'node_modules'))) return run(name);
  await expect(run(name)).rejects.toThrow('npm install --prefix examples/data');
  return undefined;
}

test('every example is compiled', () => {
  const names = (folder: string, extension: string) =>
    readdirSync(path.join(root, folder))
      .filter((file) => file.endsWith(extension))
      .map((file) => path.basename(file, extension));
  expect(names('out/examples', '.js')).toEqual(names('examples', '.ts'));
});

test('a data file is found whatever its package exports; a missing package says what to do', () => {
  const { dataFile } = require(path.join(root, 'out', 'examples', 'support', 'datasets.js'));
  expect(Object.keys(require('jest/package.json').exports)).not.toContain('./README.md');
  expect(dataFile('jest/README.md')).toBe(path.join(root, 'node_modules', 'jest', 'README.md'));
  expect(() => dataFile('no-such-package/data.csv')).toThrow(
    'this example reads no-such-package/data.csv: run "npm install --prefix examples/data" first',
  );
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

test('multimodal: both inputs together know what neither can', async () => {
  const text = await run('multimodal', ['--epochs', '2', '--limit', '20000']);
  const [image, number, both] = numbersIn(text, /^Test accuracy ([\d.]+) % with/gm) as [number, number, number];
  // The best that one input allows is 75 % on average.
  expect(Math.max(image, number)).toBeLessThan(78);
  expect(Math.min(image, number)).toBeGreaterThan(65);
  expect(both).toBeGreaterThan(85);
}, 300_000);

describe('fashion-mnist', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'steepest-fashion-'));
    const save = (name: string, shape: readonly number[], values: readonly number[]) => {
      const header = [0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])];
      writeFileSync(path.join(folder, `${name}.gz`), gzipSync(Uint8Array.from([...header, ...values])));
    };
    // class c is a horizontal bar in row 2 c + 4
    for (const [part, count] of [
      ['train', 640],
      ['t10k', 50],
    ] as const) {
      const bar = (i: number) =>
        Array.from({ length: 784 }, (_, at) => (Math.floor(at / 28) === 2 * (i % 10) + 4 ? 255 : 0));
      const all = Array.from({ length: count }, (_, i) => i);
      save(`${part}-images-idx3-ubyte`, [count, 28, 28], all.flatMap(bar));
      save(
        `${part}-labels-idx1-ubyte`,
        [count],
        all.map((i) => i % 10),
      );
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('learns from any folder of IDX files', async () => {
    const text = await run('fashion-mnist', ['--data', folder, '--epochs', '6', '--limit', '320']);
    const losses = numbersIn(text, /^Epoch \d\/6 .* loss ([\d.]+) /gm);
    expect(losses.length).toBe(6);
    expect(losses[5]).toBeLessThan((losses[0] as number) / 2);
    expect(numbersIn(text, /^Test loss [\d.]+, test accuracy ([\d.]+) %$/gm)[0]).toBeGreaterThan(40);
  });

  test('says where the pictures are to be had', async () => {
    const missing = path.join(folder, 'nothing');
    await expect(run('fashion-mnist', ['--data', missing])).rejects.toThrow(
      `There is no Fashion-MNIST in ${missing}: run "apt-get install dataset-fashion-mnist"`,
    );
  });
});

test('char-transformer: the loss falls, and it writes 300 characters of its own', async () => {
  const text = await run('char-transformer', ['--epochs', '3', '--characters', '30000']);
  const losses = numbersIn(text, /^Epoch \d\/3 .* loss ([\d.]+)$/gm);
  expect(losses.length).toBe(3);
  expect(losses[2]).toBeLessThan(losses[0] as number);
  expect(text.slice(text.indexOf('CONTENTS')).trimEnd().length).toBeGreaterThan(300);
}, 300_000);

test('linear-regression: gradient descent ends where the formula says', async () => {
  const text = await runWithData('linear-regression');
  if (text === undefined) return;
  const rows = numbersIn(text, /^(?:[a-zEJ]\w+|Test \w+) +(-?[\d.]+) +(-?[\d.]+)$/gm);
  expect(rows.length).toBe(2 * (8 + 1 + 2));
  for (let i = 0; i < rows.length; i += 2) expect(Math.abs(rows[i] - rows[i + 1])).toBeLessThan(0.002);
  const [rmse, , r2] = rows.slice(-4);
  // the mean of all cars would be wrong by 7.2 miles
  expect(rmse).toBeLessThan(3.6);
  expect(r2).toBeGreaterThan(0.75);
});

test('logistic-regression: heavy penguins with large beaks are male', async () => {
  const text = await runWithData('logistic-regression');
  if (text === undefined) return;
  const [accuracy, penguins] = numbersIn(text, /^Test accuracy ([\d.]+) on (\d+) penguins/gm);
  expect(penguins).toBe(83);
  expect(accuracy).toBeGreaterThan(0.85);
  const weights = numbersIn(text, /^(?:Beak|Flipper|Body) .* (-?[\d.]+) {3}x ([\d.]+)$/gm);
  expect(weights.length).toBe(8);
  for (let i = 0; i < 8; i += 2) {
    expect(weights[i]).toBeGreaterThan(0);
    expect(weights[i + 1] / Math.exp(weights[i])).toBeCloseTo(1, 1);
  }
});

test('conv-autoencoder: copies are better than the mean image', async () => {
  const out = path.join(pictures, 'conv-autoencoder.pgm');
  const text = await run('conv-autoencoder', ['--epochs', '3', '--limit', '12000', '--out', out]);
  const [error] = numbersIn(text, /mean squared error ([\d.]+) per pixel$/gm);
  const [errorOfMean] = numbersIn(text, /^Drawing the mean image each time has ([\d.]+)$/gm);
  expect(errorOfMean).toBeCloseTo(0.067, 2);
  expect(error).toBeLessThan(errorOfMean / 2);
  const grid = readGrid(out);
  expect(grid.rows).toBe(4);
  const { test } = await loadMnist();
  expect(grid.image(2, 9)).toEqual(Uint8Array.from(test.x.subarray(784 * 19, 784 * 20), (v) => Math.round(255 * v)));
}, 300_000);

test('vae: the bound has both its parts, and the decoder draws', async () => {
  const out = path.join(pictures, 'vae.pgm');
  const text = await run('vae', ['--epochs', '2', '--limit', '12000', '--out', out]);
  const [elbo] = numbersIn(text, /^Test ELBO (-[\d.]+) nats per image$/gm);
  const [reconstruction, divergence] = numbersIn(text, /reconstruction (-[\d.]+) and divergence (-[\d.]+)$/gm);
  expect(elbo).toBeGreaterThan(-170); // the best without looking at the image is -206
  expect(reconstruction + divergence).toBeCloseTo(elbo, 1);
  expect(divergence).toBeLessThan(-3);
  const grid = readGrid(out);
  expect(grid.rows).toBe(10);
  expect(Math.max(...grid.image(9, 9))).toBeGreaterThan(127);
}, 300_000);

test('gan: both networks learn, and the judge sees what they made', async () => {
  const out = path.join(pictures, 'gan.pgm');
  const text = await run('gan', ['--epochs', '2', '--limit', '1280', '--out', out]);
  const losses = numbersIn(text, /discriminatorLoss ([\d.]+) - generatorLoss ([\d.]+)$/gm);
  expect(losses.length).toBe(4);
  expect(losses[2]).toBeLessThan(0.69); // better than tossing a coin
  expect(numbersIn(text, /right about ([\d.]+) %/g)[0]).toBeGreaterThan(96);
  for (const kind of ['samples', 'images ']) {
    const shares = numbersIn(text, new RegExp(`^in ${kind}${' +([\\d.]+)'.repeat(10)} +sure`, 'gm'));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0);
  }
  expect(readGrid(out).rows).toBe(10);
}, 300_000);

test('fine-tune: what was learned from other digits helps', async () => {
  const text = await run('fine-tune', ['--epochs', '1', '--limit', '3000', '--few', '5']);
  const [low, tuned, scratch] = numbersIn(text, /test accuracy ([\d.]+) %$/gm);
  expect(low).toBeGreaterThan(97);
  expect(tuned).toBeGreaterThan(scratch);
  expect(scratch).toBeGreaterThan(50);
}, 300_000);

test('distillation: the student that was taught knows more', async () => {
  const text = await run('distillation', ['--epochs', '2', '--limit', '20000', '--few', '500']);
  const [teacher, alone, taught] = numbersIn(text, /test accuracy ([\d.]+)$/gm);
  expect(teacher).toBeGreaterThan(0.95);
  expect(taught).toBeGreaterThan(alone);
  expect(teacher).toBeGreaterThan(taught);
}, 300_000);

test('another number of threads changes nothing', async () => {
  for (const name of ['xor', 'classification', 'classifier-100', 'pima']) {
    const [one, three] = await Promise.all(['1', '3'].map((STEEPEST_THREADS) => run(name, [], { STEEPEST_THREADS })));
    expect(three).toBe(one);
  }
});
