// Saving survives being killed, and loading takes no more memory than the files account for.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadModel } from '../../lib/training/index';
import { bits } from './support';

const library = path.join(__dirname, '..', '..', 'dist', 'index.js');
const prelude = `
  const { layers, sequential, loadModel } = require(${JSON.stringify(library)});
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'safety-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a process that is killed while it saves leaves the last model or the one before', async () => {
  const directory = path.join(folder, 'net');
  // weights are the number of the save, so that a mixture would show
  const script = `${prelude}
    const net = sequential([layers.dense({ units: 64, inputShape: [64] })]);
    net.compile({ optimizer: 'adam', loss: 'mse', seed: 1 });
    (async () => {
      for (let i = 1; ; i++) {
        net.setWeights([new Float32Array(4096).fill(i), new Float32Array(64).fill(i)]);
        await net.save(${JSON.stringify(directory)});
        process.stdout.write(i + '\\n');
      }
    })();`;
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (!said.includes('\n')) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 40));
    child.kill('SIGKILL');
    await ended;
    const last = Number(said.trimEnd().split('\n').at(-1));
    const net = await loadModel(directory);
    const values = new Set(net.getWeights().flatMap(({ data }) => [...data]));
    expect(values.size).toBe(1);
    const [saved] = values;
    expect([last, last + 1]).toContain(saved);
    net.dispose();
  }
});

/**
 * Bytes by which the resident memory of a process rises above what it has, at most, while it loads. Linux can be asked
 * for that peak; elsewhere it is the growth of the largest that the process has ever had. Growth of mapped files does not
 * count: a system may take pages of code back at any time, and reading them again is no memory of ours.
 */
function peakOf(directory: string): number {
  const script = `${prelude}
    const { readFileSync, writeFileSync } = require('node:fs');
    const linux = process.platform === 'linux';
    const read = (key) => Number(new RegExp(key + ':[^0-9]+([0-9]+)').exec(readFileSync('/proc/self/status', 'latin1'))[1]);
    const reset = () => linux && writeFileSync('/proc/self/clear_refs', '5'); // the peak is what there is now
    const peak = () => linux ? read('VmHWM') : process.resourceUsage().maxRSS;
    const files = () => linux ? read('RssFile') : 0;
    (async () => {
      await loadModel(process.argv[1] + '-small').catch(() => {});
      gc();
      reset();
      const [before, mapped] = [peak(), files()];
      try { await loadModel(process.argv[1]); } catch (error) { console.error(error.message); }
      console.log((peak() - before - Math.max(0, files() - mapped)) * 1024);
    })();`;
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  return Number(
    execFileSync(process.execPath, ['--expose-gc', '-e', script, directory], { encoding: 'utf8', stdio: [...stdio] }),
  );
}

test('loading takes at most twice the files and 16 MB, also when it fails at the end', () => {
  const directory = path.join(folder, 'net');
  const save = (units: number, to: string): string => `
    const net${units} = sequential([layers.dense({ units: ${units}, inputShape: [2000] })]);
    await net${units}.save(${JSON.stringify(to)});`;
  const script = `${prelude} (async () => { ${save(5000, directory)} ${save(1, `${directory}-small`)} })();`;
  execFileSync(process.execPath, ['-e', script]);
  const file = path.join(directory, 'weights.safetensors');
  const size = readFileSync(file).length;
  expect(size).toBeGreaterThan(40e6);
  const peak = peakOf(directory);
  expect(peak).toBeLessThan(2 * size + 16e6);
  expect(peak).toBeGreaterThan(0.9 * size); // the weights are there: what is measured is the loading

  // the same claims with a file that is not there
  const config = path.join(directory, 'config.json');
  const broken = path.join(folder, 'broken');
  cpSync(directory, broken, { recursive: true });
  writeFileSync(path.join(broken, 'weights.safetensors'), readFileSync(file).subarray(0, 100));
  writeFileSync(path.join(broken, 'config.json'), readFileSync(config, 'utf8').replace('5000', '2000000000'));
  expect(peakOf(broken)).toBeLessThan(16e6);
});

test('bits of weights survive any number of saves', async () => {
  const directory = path.join(folder, 'net');
  execFileSync(process.execPath, [
    '-e',
    `${prelude} sequential([layers.dense({ units: 3, inputShape: [4] })]).save(${JSON.stringify(directory)});`,
  ]);
  const first = await loadModel(directory);
  const before = bits(first);
  let net = first;
  for (let i = 0; i < 5; i++) {
    await net.save(directory);
    net.dispose();
    net = await loadModel(directory);
  }
  expect(bits(net)).toBe(before);
  net.dispose();
});
