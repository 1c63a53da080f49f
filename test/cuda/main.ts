// The checks of a GPU as a plain program, for machines without jest: npm run gpu:cases
//
//   node out/cuda-cases.js [--device cuda:0] [--draws n] [--only text] [--every n] [--seconds n] [--each n] [--processes n]
//                          [--json file]
//
// Trains small models on the device and on the CPU, then runs the case list there against float64, all of it once, then with other sizes,
// in a process (or several) that is started again where it crashes, hangs (--each seconds for one case) or loses the device. Exits with 1 when something differs, 3 when it
// could not start. It stops at the limit of seconds and says how far it came; the last line is JSON.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { devices } from '../../lib/index';
import { cases } from '../helpers/cases';
import { type Item, isolated } from '../helpers/isolated';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { trainings } from './trajectories';

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    draws: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    every: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '240' },
    each: { type: 'string', default: '20' },
    processes: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

function whole(name: 'draws' | 'every' | 'seconds' | 'each' | 'processes'): number {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name}: expected a whole number, got ${options[name]}`);
  return value;
}

function caseItems(device: string): Item[] {
  const [draws, every] = [whole('draws'), whole('every')];
  const list = cases.filter(({ family, name }, i) => `${family} ${name}`.includes(options.only) && i % every === 0);
  return Array.from({ length: draws }, (_, i) => i + 1).flatMap((seed) =>
    list
      .filter(({ large }) => seed === 1 || !large)
      .map(({ family, name, build, differentiable }) => ({
        name: `${family}: ${name}${seed === 1 ? '' : `, draw ${seed}`}`,
        run: () => checkOnDevice(problem(build(new Random(seed)), differentiable, seed), device),
      })),
  );
}

async function main(): Promise<void> {
  const { device } = options;
  const found = devices().find(({ name }) => name === device);
  if (found === undefined) {
    console.error(`there is no ${device}, only ${devices().map(({ name }) => name)}`);
    process.exitCode = 3;
    return;
  }
  const { description } = found;
  const began = Date.now();
  const list = caseItems(device);
  // a few trainings say more than the last of the cases
  const trained = trainings(device);
  const limits = { seconds: whole('seconds'), each: whole('each'), processes: whole('processes') };
  const result = await isolated([...trained, ...list], limits);
  const { done, failed } = result;
  const failures = (isTraining: boolean) => failed.filter(({ name }) => name.startsWith('training ') === isTraining);
  const trainingsDone = trained.filter((_, i) => done.has(i)).length;
  const counts = {
    cases: list.length,
    done: done.size - trainingsDone,
    trainings: trained.length,
    trained: trainingsDone - failures(true).length,
  };
  const summary = {
    ok: failed.length === 0,
    device,
    description,
    seconds: (Date.now() - began) / 1000,
    ...counts,
    failed,
  };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, null, 1)}\n`);
  const wrong = failures(false).length;
  console.log(
    `${description}: ${counts.done - wrong} of ${counts.cases} cases passed, ${wrong} failed, ` +
      `${counts.cases - counts.done} not reached; ${counts.trained} of ${counts.trainings} trainings as on the CPU`,
  );
  console.log(JSON.stringify(summary));
  if (failed.length > 0) process.exitCode = 1;
}

main().catch((error: Error) => {
  console.error(error.stack);
  process.exitCode = 3;
});
