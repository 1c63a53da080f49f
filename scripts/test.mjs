// npm test and npm run test:all: builds what is stale, then runs jest with the arguments given.
//
// npm test leaves out the files below, and says so at its end: kernels for GPUs run on an emulated driver there, a thread after another,
// or many programs are started. They take as long as all others together.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const slow = [
  'bench/gpu',
  'cuda/convolutions',
  'cuda/emulator',
  'cuda/images',
  'cuda/modules',
  'cuda/products',
  'cuda/races',
  'cuda/sequences',
  'cuda/steps',
  'cuda/twin',
  'examples/examples',
];

const all = process.argv[2] === '--all';
const given = process.argv.slice(all ? 3 : 2);
// Who names files gets them.
const some = !all && !given.some((argument) => !argument.startsWith('-'));

const run = (command, ...args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
for (const name of slow) {
  if (!existsSync(`test/${name}.test.ts`))
    throw new Error(`scripts/test.mjs: there is no test/${name}.test.ts to leave out`);
}
const leftOut = some ? ['--testPathIgnorePatterns', `/test/(${slow.join('|')})\\.test\\.ts$`] : [];
run(process.execPath, 'scripts/build.mjs');
run(process.execPath, 'node_modules/jest/bin/jest.js', ...given, ...leftOut);
if (some) console.log(`\nLeft out, as they take minutes: ${slow.join(', ')}. npm run test:all runs all tests.`);
