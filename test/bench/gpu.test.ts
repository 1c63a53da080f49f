// bench/gpu on the emulated driver: that everything is there and runs, on the day when there is a GPU. Times mean nothing here.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Case, findCase } from '../../bench/cases';
import { buildModel } from '../../bench/model';
import { emulated, onDevice } from '../cuda/device';

const root = path.join(__dirname, '..', '..');
const env = { ...process.env, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated };

/** What the smoke run tries of the test suite. */
const suiteFiles = ['runtime', 'regularizers'].flatMap((folder) =>
  readdirSync(path.join(root, 'test', folder)).filter((name) => name.endsWith('.test.ts')),
).length;

interface Part {
  readonly state: string;
  readonly status: number;
  readonly log: string;
  readonly results?: readonly Record<string, unknown>[];
}
const families = [
  ...['map', 'adamw', 'reduce', 'softmax', 'normalize'],
  ...[
    'matmul',
    'matmulBfloat16',
    'matmulBfloat16NT',
    'matmulBfloat16TN',
    'attention',
    'attentionBfloat16',
    'attentionGradBfloat16',
  ],
  ...['convBfloat16', 'convInputGradBfloat16', 'convKernelGradBfloat16'],
];
const kernelsOf = (parts: Summary['parts']): string[] =>
  (parts.kernels?.results ?? []).filter((r) => 'kernel' in r).map(({ kernel, ok }) => `${kernel} ${ok}`);

interface Summary {
  readonly date: string;
  readonly device: string;
  readonly smoke: boolean;
  readonly parts: Record<string, Part>;
}

onDevice('bench/gpu/run.sh --smoke', () => {
  const out = mkdtempSync(path.join(tmpdir(), 'steepest-gpu-'));
  afterAll(() => rmSync(out, { recursive: true }));

  const run = (more: Record<string, string>, ...args: string[]) => {
    const { status, stdout } = spawnSync(path.join(root, 'bench/gpu/run.sh'), ['--smoke', ...args, out], {
      encoding: 'utf8',
      env: { ...env, STEEPEST_NODE: process.execPath, ...more },
    });
    const [json, report] = ['summary.json', 'report.md'].map((file) => readFileSync(path.join(out, file), 'utf8'));
    return { status, stdout, report: report as string, summary: JSON.parse(json as string) as Summary };
  };

  test('runs every part and writes what they found', () => {
    const { status, stdout, report, summary } = run({});
    const { parts } = summary;
    expect([stdout, status]).toEqual([expect.stringContaining('0 failed'), 0]);
    expect(summary).toMatchObject({ device: 'cuda:0', smoke: true });
    expect(Math.abs(Date.parse(summary.date) - Date.now())).toBeLessThan(300_000);
    // nvidia-smi and what nvcc compiles may be missing
    const names = ['load', 'load-ptx', 'start', 'kernels', 'cases', 'suite', 'steps', 'steps-bottlenecks'];
    for (const name of [...names, 'steps-small-grid', 'profile']) {
      expect([name, parts[name]?.state, parts[name]?.status]).toEqual([name, 'passed', 0]);
    }
    expect(kernelsOf(parts)).toEqual(families.map((name) => `${name} true`));
    expect(parts.cases?.log).toMatch(
      /: (\d+) of \1 cases passed, 0 failed, 0 not reached; 4 of 4 trainings as on the CPU/,
    );
    expect(parts.suite?.results?.at(-1)).toMatchObject({ files_done: suiteFiles, tests_failed: 0 });
    expect(parts.steps?.results).toMatchObject([{ framework: 'steepest', case: 'b', device: 'cuda:0', rounds: 1 }]);
    expect(parts['steps-bottlenecks']?.results).toMatchObject([{ framework: 'steepest-bf16', case: 'bottlenecks' }]);
    expect(parts['steps-small-grid']?.results).toMatchObject([{ framework: 'steepest', case: 'b', rounds: 1 }]);
    expect(JSON.stringify(parts.profile?.results)).toContain('"operation":"matmul');
    expect(report).toContain('## What is wrong\n\nNothing that was looked at.');
    expect(report).toMatch(/\| b \| steepest \| [\d,.]+ \| [\d,.]+ samples \| 1 x \|/);
    expect(stdout).toContain(report);
  });

  test.each([
    ['a fault in one kernel', 'fault softmaxWarp', families.filter((name) => name !== 'softmax'), 'status 1'],
    ['a crash', 'crash softmaxWarp', families.filter((name) => name !== 'softmax'), 'status 134'],
    ['a hang', 'hang softmaxWarp', families.filter((name) => name !== 'softmax'), 'no end after 3 s'],
    [
      'a wrong result',
      'skip softmaxWarp',
      families,
      'status 1',
      /softmax \[3,65\] is wrong: .* at element \d+: got \S+, expected 0\.0/,
    ],
  ])(
    '%s leaves the results of all others',
    (_, mistake, others, why, said = new RegExp(`- kernels: softmax: ${why}`)) => {
      const { status, report, summary } = run({ STEEPEST_EMULATED_MISTAKE: mistake }, '--only', 'load,kernels,steps');
      const { load, kernels, steps } = summary.parts;
      expect([status, load?.state, kernels?.state, steps?.state]).toEqual([1, 'passed', 'failed', 'passed']);
      expect(kernels?.log).toContain(`FAILED softmax: ${why}`);
      expect(report).toMatch(said);
      expect(kernelsOf(summary.parts)).toEqual(others.map((name) => `${name} ${name !== 'softmax'}`));
    },
  );

  test('out of memory in one part leaves the others', () => {
    const { status, summary } = run(
      { STEEPEST_EMULATED_MEMORY: '60000' },
      '--only',
      'load,start,kernels,steps-bottlenecks',
    );
    const states = Object.entries(summary.parts).map(([name, { state }]) => `${name} ${state}`);
    expect([status, states]).toEqual([
      1,
      ['load passed', 'start passed', 'kernels failed', 'steps-bottlenecks failed'],
    ]);
    expect(summary.parts['steps-bottlenecks']?.log).toContain('out of memory on cuda:0');
    expect(kernelsOf(summary.parts)).toContain('map true');
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('%s leaves what is known by then, as JSON', async (signal) => {
    const child = spawn(path.join(root, 'bench/gpu/run.sh'), ['--smoke', '--only', 'load,steps', out], {
      env: { ...env, STEEPEST_NODE: process.execPath, STEEPEST_EMULATED_MISTAKE: 'hang gemm' },
      stdio: 'ignore',
    });
    setTimeout(() => child.kill(signal), 2500);
    await once(child, 'exit');
    const summary = JSON.parse(readFileSync(path.join(out, 'summary.json'), 'utf8')) as Summary & { running: string };
    expect(summary.parts.load).toMatchObject({ state: 'passed', results: [{ device: 'cuda:0' }] });
    if (signal === 'SIGKILL') expect([summary.running, summary.parts.steps]).toEqual(['steps', undefined]);
    else expect([summary.running, summary.parts.steps?.state]).toEqual(['', 'stopped']);
  });

  test('when the time for all parts is over, the rest is left out', () => {
    const { status, summary } = run({ STEEPEST_SECONDS: '0' }, '--only', 'load,start');
    expect([status, summary.parts.load?.state, summary.parts.start?.state]).toEqual([0, 'left out', 'left out']);
    expect(summary.parts.load?.log).toBe('left out: the time for all parts is over');
  });

  test('a part that fails is named, and the others go on', () => {
    const { status, stdout, summary } = run({ STEEPEST_CUDA_KERNELS: '/nowhere' }, '--only', 'load,start');
    expect(status).toBe(1);
    expect(stdout).toContain('2 failed');
    expect(Object.keys(summary.parts)).toEqual(['load', 'start']);
    expect(summary.parts.load).toMatchObject({ state: 'failed', status: 1 });
    expect(summary.parts.load?.log).toContain('cuda:0: this build has no CUDA kernels: /nowhere is not there');
  });

  test('pack.sh makes all that is needed where there is no Node', () => {
    const there = path.join(out, 'elsewhere');
    const programs = path.join(out, 'programs');
    for (const folder of [there, programs]) mkdirSync(folder);
    for (const name of readdirSync('/usr/bin')) {
      if (!/^(?:node|nodejs|npm|npx)$/.test(name)) symlinkSync(path.join('/usr/bin', name), path.join(programs, name));
    }
    // what npm run build:gpu-bench builds besides
    const compiler = path.join(root, 'node_modules/.bin/tsc');
    const golden = spawnSync(compiler, ['-p', 'test/golden/tsconfig.json'], { cwd: root });
    expect(golden.status).toBe(0);
    const packed = spawnSync(path.join(root, 'bench/gpu/pack.sh'), [out], {
      encoding: 'utf8',
      env: { ...process.env, STEEPEST_NODE: process.execPath, STEEPEST_XZ: '-0' },
    });
    expect([packed.stderr, packed.status]).toEqual(['', 0]);
    for (const name of ['bench', 'lib', 'test', 'jest.config.js', 'package.json']) {
      cpSync(path.join(root, name), path.join(there, name), { recursive: true });
    }
    expect(spawnSync('tar', ['-C', there, '-xJf', path.join(out, 'steepest-gpu.tar.xz')]).status).toBe(0);
    const result = path.join(out, 'result');
    const run = spawnSync(
      path.join(there, 'bench/gpu/run.sh'),
      ['--smoke', '--only', 'load,start,steps,suite', result],
      {
        encoding: 'utf8',
        env: { PATH: programs, STEEPEST_CUDA_DRIVER: emulated, STEEPEST_CUDA_KERNELS: emulated },
      },
    );
    expect(run.stdout).toMatch(/load: passed[\s\S]*start: passed[\s\S]*suite: passed[\s\S]*steps: passed/);
    expect(readdirSync(result).sort()).toEqual(['logs.tar.gz', 'report.md', 'summary.json']);
  });
});

onDevice('cuda-cases', () => {
  const cases = (mistake: string, ...args: string[]) => {
    const { status, stdout } = spawnSync(process.execPath, ['out/cuda-cases.js', '--draws', '1', ...args], {
      cwd: root,
      encoding: 'utf8',
      env: { ...env, STEEPEST_EMULATED_MISTAKE: mistake },
    });
    const last = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    return { status, ...last, failed: (last.failed as { name: string; why: string }[]).map(({ why }) => why) };
  };

  test('go on behind a fault', () => {
    const { status, cases: all, done, trained, failed } = cases('fault argReduce', '--only', 'arg');
    expect([status, trained, done]).toEqual([1, 4, all]);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(all);
    for (const why of failed) expect(why).toContain('the device was lost to a fault');
  });

  test.each([
    ['a crash', 'crash cumsum', 'the process ended with SIGABRT'],
    ['a hang', 'hang cumsum', 'no end after 2 s'],
    ['a crash, in several processes', 'crash cumsum', 'the process ended with SIGABRT', '--processes', '3'],
  ])('go on behind %s', (_, mistake, why, ...more) => {
    const { status, cases: all, done, failed } = cases(mistake, '--only', 'cumsum', '--each', '2', ...more);
    expect([status, done, [...new Set(failed)]]).toEqual([1, all, [why]]);
  });

  test('say how far they came', () => {
    const { status, cases: all, done, failed } = cases('hang advance', '--seconds', '1');
    expect([status, done, failed]).toEqual([0, 0, []]);
    expect(all).toBeGreaterThan(100);
  });
});

test('ResNet-50 has as many weights as in the paper', () => {
  const model = buildModel(findCase('resnet50') as Case);
  // and 53,120 means and variances
  expect(model.countParams()).toBe(25_557_032 + 53_120);
});

onDevice('cuda-kernels', () => {
  const kernels = (...args: string[]) =>
    spawnSync(path.join(root, 'build/Release/cuda-kernels'), args, { encoding: 'utf8', env });

  test('runs a kernel at the sizes that are given', () => {
    const { status, stdout } = kernels('--repeat', '2', 'matmul', '3', '5', '7');
    const [, line] = stdout.trim().split('\n');
    expect(status).toBe(0);
    const { us, mbytes, gflop_per_s: gflops, gbytes_per_s: gbytes, ...others } = JSON.parse(line as string);
    expect(others).toMatchObject({ kernel: 'matmul', sizes: [3, 5, 7], ok: true });
    expect(mbytes).toBeCloseTo((4 * (3 * 5 + 5 * 7 + 3 * 7)) / 1e6, 9);
    expect((gflops * us * 1e3) / (2 * 3 * 5 * 7)).toBeCloseTo(1, 4);
    expect((gbytes * us * 1e3) / (mbytes * 1e6)).toBeCloseTo(1, 4);
  });

  test('takes the time of rounds, after a warm-up', () => {
    const began = performance.now();
    const { stdout } = kernels('map', '1000');
    // 200 ms of warm-up and five rounds of 20 ms
    expect(performance.now() - began).toBeGreaterThan(300);
    expect(JSON.parse(stdout.trim().split('\n')[1] as string)).toMatchObject({ kernel: 'map', ok: true });
  });

  test.each([
    [['nonsense'], 'no kernel is called nonsense'],
    [['matmul', '3'], 'matmul takes M K N'],
    [['matmul', '3', '0', '7'], 'sizes are whole numbers from 1 on, got 0'],
    [['--repeat', 'x', 'map', '4'], '--repeat: expected 1 to 1000000'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = kernels(...args);
    expect([status, stderr.split('\n')[0]]).toEqual([2, message]);
  });
});
