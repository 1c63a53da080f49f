// What bench/gpu/run.sh has found, for people: what is wrong first, then speeds beside the goals and PyTorch. Reads OUT/summary.json,
// writes OUT/report.md and prints it.
//
//   node out/bench/gpu/report.js OUT
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findCase } from '../cases.js';

type Reading = Readonly<Record<string, unknown>>;
export interface Part {
  readonly state: string;
  readonly status: number;
  readonly seconds: number;
  readonly log: string;
  readonly results?: readonly Reading[];
}
export interface Summary {
  readonly date: string;
  readonly gpu: string;
  readonly device: string;
  readonly smoke: boolean;
  readonly parts: Readonly<Record<string, Part>>;
}

interface KernelReading extends Reading {
  readonly kernel: string;
  readonly sizes: readonly number[];
  readonly us: number;
  readonly mbytes?: number;
  readonly gflop_per_s: number;
  readonly gbytes_per_s: number;
  readonly ok?: boolean;
  readonly error_of_allowed?: number;
  readonly worst?: { readonly element: number; readonly got: number | string; readonly expected: number | string };
}
interface TestFile extends Reading {
  readonly test_file: string;
  readonly passed: number;
  readonly left_out: number;
  readonly failed: readonly { readonly name: string; readonly why: string }[];
}
interface StepReading extends Reading {
  readonly framework: string;
  readonly case: string;
  readonly us_per_step: number;
  readonly samples_per_s: number;
}

const isKernel = (r: Reading): r is KernelReading => 'kernel' in r && typeof r.us === 'number';
const isTestFile = (r: Reading): r is TestFile => 'test_file' in r;
const isStep = (r: Reading): r is StepReading => 'framework' in r && typeof r.us_per_step === 'number';

const digits = (x: number, n = 3): string =>
  Number.isFinite(x) ? Number(x.toPrecision(n)).toLocaleString('en-US', { maximumFractionDigits: 6 }) : '-';
const tera = (giga: number): number => giga / 1000;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

class Readings {
  constructor(readonly parts: Summary['parts']) {}

  all(part: RegExp): Reading[] {
    return Object.entries(this.parts).flatMap(([name, { results = [] }]) => (part.test(name) ? results : []));
  }

  /** Of several readings of a kernel the fastest. */
  kernel(name: string, sizes: readonly number[], part: RegExp): KernelReading | undefined {
    return this.all(part)
      .filter(isKernel)
      .filter((r) => r.kernel === name && r.sizes.join() === sizes.join())
      .sort((a, b) => a.us - b.us)[0];
  }
  own(name: string, sizes: readonly number[]): KernelReading | undefined {
    return this.kernel(name, sizes, /^speed-(?!torch)/);
  }
  torch(name: string, sizes: readonly number[]): KernelReading | undefined {
    return this.kernel(name, sizes, /^speed-torch/);
  }

  steps(id: string): StepReading[] {
    const found = this.all(/^steps/)
      .filter(isStep)
      .filter((r) => r.case === id);
    const fastest = new Map<string, StepReading>();
    for (const r of found) {
      const other = fastest.get(r.framework);
      if (other === undefined || r.us_per_step < other.us_per_step) fastest.set(r.framework, r);
    }
    return [...fastest.values()];
  }
  step(id: string): StepReading | undefined {
    return this.fastest(this.steps(id).filter(({ framework }) => framework.startsWith('steepest')));
  }
  peer(id: string): StepReading | undefined {
    return this.fastest(this.steps(id).filter(({ framework }) => !framework.startsWith('steepest')));
  }
  private fastest(steps: readonly StepReading[]): StepReading | undefined {
    return [...steps].sort((a, b) => a.us_per_step - b.us_per_step)[0];
  }
}

/** Operations of all over the time of all, in TFLOP/s. */
function together(readings: readonly (KernelReading | undefined)[]): number {
  const there = readings.filter((r) => r !== undefined);
  if (there.length < readings.length || there.length === 0) return Number.NaN;
  const flops = there.reduce((sum, r) => sum + r.gflop_per_s * 1e3 * r.us, 0);
  return flops / there.reduce((sum, r) => sum + r.us, 0) / 1e6;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** A line for each thing that is not as it should be. */
export function problems({ parts }: Summary): string[] {
  const lines: string[] = [];
  for (const [name, part] of Object.entries(parts)) {
    const before = lines.length;
    const add = (text: string): void => {
      lines.push(`${name}: ${text.replaceAll('\n', ' ').slice(0, 400)}`);
    };
    for (const r of part.results ?? []) {
      if (r.ok === false && 'kernel' in r) {
        const { kernel, sizes, error_of_allowed: error, worst } = r as KernelReading;
        const at = worst && `, at element ${worst.element}: got ${worst.got}, expected ${worst.expected}`;
        add(
          `${kernel} [${sizes}] is wrong: ${(error ?? Number.NaN).toPrecision(3)} of the error that is allowed${at ?? ''}`,
        );
      } else if (typeof r.error === 'string') {
        add(`${r.kernel ?? r.case ?? ''} ${r.error}`);
      }
      if ('unfinished' in r) add(`${part.state}, had not ended: ${(r.unfinished as string[]).join(', ')}`);
      for (const { name: item, why } of (r.failed ?? []) as { name: string; why: string }[]) add(`${item}: ${why}`);
    }
    for (const [, what] of part.state === 'passed' ? [] : part.log.matchAll(/^FAILED (.*)$/gm)) {
      // a wrong result has a line above
      if (!(what?.endsWith('status 1') && lines.slice(before).some((l) => l.includes(`${what.split(/[ :]/)[0]} `))))
        add(what as string);
    }
    for (const [line] of part.log.matchAll(
      /^(?:case .* (?:is left out|failed): .*|========= (?:Error|ERROR|Invalid|Race).*)$/gm,
    )) {
      add(line);
    }
    if (['failed', 'out of time', 'does not end', 'stopped'].includes(part.state) && lines.length === before) {
      add(`${part.state}: ${lastLine(part.log)}`);
    }
  }
  return [...new Set(lines)];
}

function checks({ parts }: Summary): string {
  const rows = Object.entries(parts)
    .filter(([name]) => /^(?:kernels|cases|golden|suite)/.test(name))
    .map(([name, { state, results = [] }]) => {
      if (/^suite/.test(name) && results.length > 0) {
        const files = results.filter(isTestFile);
        const failed = files.reduce((sum, file) => sum + file.failed.length, 0);
        const tests = files.reduce((sum, { passed }) => sum + passed, failed);
        return [name, state, `${results[0]?.files} files`, `${files.length} files, ${tests} tests`, `${failed}`];
      }
      const last = (results.at(-1) ?? {}) as { cases?: number; done?: number; failed?: unknown[] };
      const kernels = results.filter(isKernel);
      if (kernels.length > 0) {
        return [
          name,
          state,
          `${kernels.length}`,
          `${kernels.length}`,
          `${kernels.filter((r) => r.ok === false).length}`,
        ];
      }
      return [name, state, `${last.cases ?? '-'}`, `${last.done ?? '-'}`, `${last.failed?.length ?? '-'}`];
    });
  return table(['check', 'state', 'there are', 'done', 'failed'], rows);
}

// GPT-2: 8 x 1024 symbols to queries, keys and values; back; hidden; output; classifier
export const gptProducts = [
  [8192, 768, 2304],
  [8192, 768, 768],
  [8192, 768, 3072],
  [8192, 3072, 768],
  [8192, 768, 50304],
] as const;
const attentionSizes = [8, 1024, 12, 64] as const;

/** The rows of the table in docs/PERFORMANCE.md, "GPU": what, goal, measured, beside PyTorch. */
export function goals(readings: Readings): string[][] {
  const rows: string[][] = [];
  const add = (what: string, goal: string, own: number, peer: number, unit: string): void => {
    rows.push([what, goal, Number.isFinite(own) ? `${digits(own)} ${unit}` : 'not measured', digits(peer)]);
  };
  const number = (x: number | undefined): number => x ?? Number.NaN;
  const elements = [1 << 26];
  const traffic = ['map eager', 'map compile'].map((name) => number(readings.torch(name, elements)?.gbytes_per_s));
  add(
    'fused pointwise operations, traffic',
    '4.0 TB/s',
    tera(number(readings.own('map', elements)?.gbytes_per_s)),
    tera(Math.max(...traffic.filter(Number.isFinite))),
    'TB/s',
  );
  const large = [8192, 8192, 8192];
  add(
    'product in bfloat16, 8192 x 8192 x 8192',
    '650, then 780 TFLOP/s',
    together([readings.own('matmulBfloat16', large)]),
    together([readings.torch('matmulBfloat16', large)]),
    'TFLOP/s',
  );
  add(
    'products of GPT-2',
    '680 TFLOP/s',
    together(gptProducts.map((sizes) => readings.own('matmulBfloat16', sizes))),
    together(gptProducts.map((sizes) => readings.torch('matmulBfloat16', sizes))),
    'TFLOP/s',
  );
  const forward = readings.own('attentionBfloat16', attentionSizes);
  add(
    'attention, 64 features a head, 1024 steps, causal: forward',
    '330 TFLOP/s',
    together([forward]),
    together([readings.torch('attention', attentionSizes)]),
    'TFLOP/s',
  );
  add(
    'the same, forward and backward',
    '300 TFLOP/s',
    together([forward, readings.own('attentionGradBfloat16', attentionSizes)]),
    together([readings.torch('attention and its gradient', attentionSizes)]),
    'TFLOP/s',
  );
  const parameters = [124_000_000];
  add(
    'AdamW, 124 million parameters',
    '0.95 ms',
    number(readings.own('adamw', parameters)?.us) / 1000,
    number(readings.torch('adamw', parameters)?.us) / 1000,
    'ms',
  );
  add(
    'MLP 784-128-10, batch 128, Adam, a step',
    '15 us, then 6',
    number(readings.step('mnist')?.us_per_step),
    number(readings.peer('mnist')?.us_per_step),
    'us',
  );
  const cifar = number(readings.peer('cifar')?.us_per_step) / number(readings.step('cifar')?.us_per_step);
  const best = Number.isFinite(cifar) ? 1 : Number.NaN;
  add('ResNet-20 for CIFAR, as fast as the best of PyTorch', '1.3 times', cifar, best, 'times');
  add(
    'ResNet-50 in bfloat16, images a second',
    '5,000',
    number(readings.step('resnet50')?.samples_per_s),
    number(readings.peer('resnet50')?.samples_per_s),
    '',
  );
  for (const [id, name, goal] of [
    ['gpt2', 'GPT-2 124M', '620,000'],
    ['gpt2xl', 'GPT-2 XL', '48,000'],
  ] as const) {
    const context = findCase(id)?.units[0] ?? Number.NaN;
    add(
      `${name}, symbols a second`,
      goal,
      number(readings.step(id)?.samples_per_s) * context,
      number(readings.peer(id)?.samples_per_s) * context,
      '',
    );
  }
  return rows.map((row) => row.map((cell) => cell.trim()));
}

/** Ours beside PyTorch's: sizes, time, and operations or bytes a second. */
function kernelTable(readings: Readings): string {
  const peerOf = (r: KernelReading): KernelReading | undefined =>
    r.kernel === 'map'
      ? (readings.torch('map compile', r.sizes) ?? readings.torch('map eager', r.sizes))
      : readings.torch(r.kernel === 'attentionBfloat16' ? 'attention' : r.kernel, r.sizes);
  const rows = Object.entries(readings.parts)
    .filter(([name]) => /^speed-(?!torch)/.test(name))
    .flatMap(([name, { results = [] }]) =>
      results.filter(isKernel).map((r) => {
        const peer = peerOf(r);
        const rate =
          r.gflop_per_s > r.gbytes_per_s
            ? `${digits(tera(r.gflop_per_s))} TFLOP/s`
            : `${digits(tera(r.gbytes_per_s))} TB/s`;
        return [
          `${r.kernel} ${r.sizes.join(' x ')}`,
          name.replace('speed-', ''),
          digits(r.us, 4),
          digits(r.mbytes ?? Number.NaN),
          rate,
          digits(peer?.us ?? Number.NaN, 4),
          peer === undefined ? '-' : `${digits(peer.us / r.us)} x`,
          r.ok === false ? 'WRONG' : digits(r.error_of_allowed ?? Number.NaN, 2),
        ];
      }),
    );
  return table(['kernel', 'by', 'us', 'MB', 'rate', 'PyTorch, us', 'PyTorch / ours', 'error / allowed'], rows);
}

function stepTable(readings: Readings): string {
  const ids = [
    ...new Set(
      readings
        .all(/^steps/)
        .filter(isStep)
        .map((r) => r.case),
    ),
  ];
  const rows = ids.flatMap((id) => {
    const own = readings.step(id);
    return readings.steps(id).map((r) => {
      const context = findCase(id)?.transformer === undefined ? undefined : findCase(id)?.units[0];
      const ratio = own === undefined ? '-' : `${digits(r.us_per_step / own.us_per_step)} x`;
      const each =
        context === undefined ? `${digits(r.samples_per_s)} samples` : `${digits(r.samples_per_s * context)} symbols`;
      return [id, r.framework, digits(r.us_per_step, 4), each, ratio];
    });
  });
  return table(['case', 'framework', 'us a step', 'a second', 'time / ours'], rows);
}

interface Instruction {
  readonly operation: string;
  readonly shapes: unknown;
  readonly us_per_call: number;
  readonly gflop_per_s: number;
  readonly gbytes_per_s: number;
}

function instructionTable(readings: Readings): string {
  const rows = readings
    .all(/^profile$/)
    .flatMap(({ case: id, instructions = [] }) =>
      (instructions as Instruction[])
        .slice(0, 6)
        .map((i) => [
          `${id}: ${i.operation} ${i.shapes}`,
          digits(i.us_per_call, 4),
          digits(tera(i.gflop_per_s)),
          digits(tera(i.gbytes_per_s)),
        ]),
    );
  return table(['slowest instructions, alone', 'us a call', 'TFLOP/s', 'TB/s'], rows);
}

/** A line for each part that was left out, each reason of test files, and each file with tests that were. */
function leftOutOf({ parts }: Summary): string[] {
  const lines = Object.entries(parts)
    .filter(([, { state }]) => state === 'left out')
    .map(([name, { log }]) => `${name}: ${lastLine(log)}`);
  const files = new Map<string, Set<string>>();
  for (const [name, { results = [] }] of Object.entries(parts)) {
    for (const r of results) {
      for (const { file, why } of (r.files_left_out ?? []) as { file: string; why: string }[]) {
        files.set(why, (files.get(why) ?? new Set()).add(file));
      }
      if (isTestFile(r) && r.left_out > 0) lines.push(`${name}: ${r.left_out} tests of ${r.test_file}`);
    }
  }
  return [
    ...lines,
    ...[...files].map(([why, names]) => `${names.size} test files, each ${why}: ${[...names].join(', ')}`),
  ];
}

export function report(summary: Summary): string {
  const readings = new Readings(summary.parts);
  const wrong = problems(summary);
  const states = Object.values(summary.parts).map(({ state }) => state);
  const passed = states.filter((state) => state === 'passed').length;
  const leftOut = leftOutOf(summary);
  const [limits] = readings.all(/^limits$/);
  const sections = [
    `# ${summary.gpu.trim()} (${summary.device}), ${summary.date}`,
    `${passed} of ${states.length} parts passed, ${states.filter((state) => state === 'left out').length} were left out.${summary.smoke ? ' Tiny sizes: times mean nothing.' : ''}`,
    `## What is wrong\n\n${wrong.length === 0 ? 'Nothing that was looked at.' : wrong.map((line) => `- ${line}`).join('\n')}`,
    `## What was checked\n\n${checks(summary)}`,
    `## Goals\n\n${table(['work', 'goal', 'measured', 'PyTorch'], goals(readings))}`,
  ];
  if (limits !== undefined) {
    sections.push(
      `## The machine\n\n${table(
        ['limit', ''],
        Object.entries(limits).map(([name, value]) => [name, `${value}`]),
      )}`,
    );
  }
  sections.push(`## Kernels\n\n${kernelTable(readings)}`, `## Training steps\n\n${stepTable(readings)}`);
  if (readings.all(/^profile$/).length > 0) sections.push(instructionTable(readings));
  if (leftOut.length > 0) {
    sections.push(`## Left out\n\n${leftOut.map((line) => `- ${line}`).join('\n')}`);
  }
  return `${sections.join('\n\n')}\n`;
}

if (require.main === module) {
  const [out = 'out/gpu'] = process.argv.slice(2);
  const text = report(JSON.parse(readFileSync(path.join(out, 'summary.json'), 'utf8')) as Summary);
  writeFileSync(path.join(out, 'report.md'), text);
  process.stdout.write(text);
}
