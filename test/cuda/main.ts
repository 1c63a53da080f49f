// The checks of a GPU as a plain program, for machines without jest: npm run gpu:cases
//
//   node out/cuda-cases.js [--device cuda:0] [--draws n] [--only text] [--every n] [--seconds n] [--json file]
//
// Runs the case list on the device against float64, then trains small models there and on the CPU. Exits with 1 when
// something differs, 3 when it could not start. The case list stops at the limit of seconds and says how far it came.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { devices } from '../../lib/index';
import { cases } from '../helpers/cases';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { type Difference, trajectories } from './trajectories';

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    draws: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    every: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '240' },
    json: { type: 'string' },
  },
});

function whole(name: 'draws' | 'every' | 'seconds'): number {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name}: expected a whole number, got ${options[name]}`);
  return value;
}

function runCases(device: string) {
  const [draws, every, seconds] = [whole('draws'), whole('every'), whole('seconds')];
  const list = cases.filter(({ family, name }, i) => `${family} ${name}`.includes(options.only) && i % every === 0);
  const until = Date.now() + seconds * 1000;
  const failed: { case: string; why: string }[] = [];
  let done = 0;
  for (const { family, name, build, differentiable, large } of list) {
    if (Date.now() > until) break;
    try {
      for (let seed = 1; seed <= (large ? 1 : draws); seed++) {
        checkOnDevice(problem(build(new Random(seed)), differentiable, seed), device);
      }
    } catch (error) {
      failed.push({ case: `${family}: ${name}`, why: (error as Error).message });
      console.log(`FAILED ${family}: ${name}: ${(error as Error).message}`);
    }
    done++;
  }
  return { cases: list.length, done, failed };
}

async function main(): Promise<void> {
  const { device } = options;
  const found = devices().find(({ name }) => name === device);
  if (found === undefined) {
    console.error(`there is no ${device}, only ${devices().map(({ name }) => name)}`);
    process.exitCode = 3;
    return;
  }
  const began = Date.now();
  const list = runCases(device);
  const trained: Difference[] = await trajectories(device);
  const wrong = trained.filter((t) => !t.ok);
  for (const { model, why } of wrong) console.log(`FAILED training ${model}: ${why}`);
  const seconds = (Date.now() - began) / 1000;
  const ok = list.failed.length === 0 && wrong.length === 0;
  const result = { ok, device, description: found.description, seconds, ...list, trained };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`);
  console.log(
    `${found.description}: ${list.done - list.failed.length} of ${list.cases} cases passed, ${list.failed.length} failed, ` +
      `${list.cases - list.done} not reached; ${trained.length - wrong.length} of ${trained.length} trainings as on the CPU`,
  );
  if (!ok) process.exitCode = 1;
}

main().catch((error: Error) => {
  console.error(error.stack);
  process.exitCode = 3;
});
