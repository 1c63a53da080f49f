// bench/gpu/report on readings that were made up, with the arithmetic of each number that it derives.
import { type Part, report, type Summary } from '../../bench/gpu/report';

const part = (more: Partial<Part> = {}): Part => ({ state: 'passed', status: 0, seconds: 1, log: '', ...more });
const kernel = (name: string, sizes: number[], us: number, flops: number, bytes = 0) => ({
  kernel: name,
  sizes,
  us,
  gflop_per_s: flops / us / 1e3,
  gbytes_per_s: bytes / us / 1e3,
  ok: true,
  error_of_allowed: 0.25,
});
const step = (framework: string, id: string, us: number, batch: number) => ({
  framework,
  case: id,
  us_per_step: us,
  samples_per_s: (batch / us) * 1e6,
});
const product = (m: number, k: number, n: number, us: number) => kernel('matmulBfloat16', [m, k, n], us, 2 * m * k * n);
// causal: each of 1024 queries sees half of the keys and itself
const forward = 4 * 8 * 12 * 64 * ((1024 * 1025) / 2);

const summary = (parts: Record<string, Part>): Summary => ({
  date: '2026-11-28T00:00:00Z',
  gpu: 'NVIDIA H200',
  device: 'cuda:0',
  smoke: false,
  parts,
});

describe('speeds', () => {
  const text = report(
    summary({
      'speed-1': part({
        results: [
          { device: 'cuda:0', driver: 12040, load_ms: 3 },
          product(8192, 8192, 8192, 2200),
          product(8192, 768, 2304, 58),
          product(8192, 768, 768, 20),
          product(8192, 768, 3072, 76),
          product(8192, 3072, 768, 76),
          product(8192, 768, 50304, 1270),
          kernel('attentionBfloat16', [8, 1024, 12, 64], 50, forward),
          kernel('attentionGradBfloat16', [8, 1024, 12, 64], 150, 2.5 * forward),
          kernel('map', [67108864], 280, 2 * 67108864, 16 * 67108864),
          kernel('adamw', [124_000_000], 912, 14 * 124e6, 28 * 124e6),
        ],
      }),
      'speed-2': part({ results: [product(8192, 8192, 8192, 2000)] }),
      'speed-torch-1': part({
        results: [
          product(8192, 8192, 8192, 1600),
          kernel('attention', [8, 1024, 12, 64], 40, forward),
          kernel('adamw', [124_000_000], 1140, 0, 28 * 124e6),
        ],
      }),
      'steps-mnist': part({
        results: [step('steepest', 'mnist', 12.5, 128), step('torch-fused-graph', 'mnist', 50, 128)],
      }),
      'steps-cifar': part({
        results: [step('steepest', 'cifar', 3000, 1024), step('torch-fused', 'cifar', 4500, 1024)],
      }),
      'steps-gpt2': part({ results: [step('steepest-bf16', 'gpt2', 16_000, 8)] }),
      'steps-gpt2-compile': part({ results: [step('torch-fused-compile-bf16', 'gpt2', 20_000, 8)] }),
      profile: part({
        results: [
          {
            case: 'mnist',
            instructions: [
              {
                operation: 'matmul',
                shapes: '[128, 784] x [784, 128]',
                us_per_call: 4,
                gflop_per_s: 6422,
                gbytes_per_s: 217,
              },
            ],
          },
        ],
      }),
      'steps-resnet50': part({ results: [step('steepest-bf16', 'resnet50', 40_000, 128)] }),
    }),
  );

  test.each([
    // 16 bytes an element: 16 * 2^26 / 280 us
    ['fused pointwise operations, traffic', '3.83 TB/s', '-'],
    // 2 * 8192^3 / 2000 us, of two turns the faster
    ['product in bfloat16, 8192 x 8192 x 8192', '550 TFLOP/s', '687'],
    // 2 * 8192 * 768 * (2304 + 768 + 3072 + 3072 + 50304) in 1500 us
    ['products of GPT-2', '499 TFLOP/s', '-'],
    // 4 * 8 * 12 * 64 * 1024 * 1025 / 2 in 50 us
    ['attention, 64 features a head, 1024 steps, causal: forward', '258 TFLOP/s', '322'],
    // and 2.5 times that in 150 us
    ['the same, forward and backward', '226 TFLOP/s', '-'],
    ['AdamW, 124 million parameters', '0.912 ms', '1.14'],
    ['MLP 784-128-10, batch 128, Adam, a step', '12.5 us', '50'],
    ['ResNet-20 for CIFAR, as fast as the best of PyTorch', '1.5 times', '1'],
    ['ResNet-50 in bfloat16, images a second', '3,200', '-'],
    // 500 rows of 1024 symbols
    ['GPT-2 124M, symbols a second', '512,000', '410,000'],
    ['GPT-2 XL, symbols a second', 'not measured', '-'],
  ])('%s: %s', (what, measured, peer) => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${what} |`));
    const cells = row?.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, ''));
    expect([cells?.[2], cells?.[3]]).toEqual([measured, peer]);
  });

  test('kernels stand beside those of PyTorch', () => {
    expect(text).toContain(
      '| matmulBfloat16 8192 x 8192 x 8192 | 2 | 2,000 | - | 550 TFLOP/s | 1,600 | 0.8 x | 0.25 |',
    );
    expect(text).toContain('| attentionBfloat16 8 x 1024 x 12 x 64 | 1 | 50 | - | 258 TFLOP/s | 40 | 0.8 x | 0.25 |');
    // 28 bytes a parameter
    expect(text).toContain('| adamw 124000000 | 1 | 912 | - | 3.81 TB/s | 1,140 | 1.25 x | 0.25 |');
  });

  test('training steps stand beside ours', () => {
    expect(text).toContain('| gpt2 | torch-fused-compile-bf16 | 20,000 | 410,000 symbols | 1.25 x |');
    expect(text).toContain('| mnist: matmul [128, 784] x [784, 128] | 4 | 6.42 | 0.217 |');
    expect(text).toContain('Nothing that was looked at.');
  });
});

test('everything that is wrong is named, and where', () => {
  const wrong = {
    ...kernel('softmax', [8192, 1024], 5, 0),
    ok: false,
    error_of_allowed: 1e30,
    worst: { element: 17, got: 'nan', expected: 0.5 },
  };
  const text = report(
    summary({
      machine: part({ state: 'left out', log: 'left out: there is no nvidia-smi' }),
      kernels: part({
        state: 'failed',
        status: 1,
        results: [kernel('map', [9], 5, 0), wrong],
        log: 'FAILED softmax: status 1\nFAILED normalize: no end after 8 s\nFAILED normalize: no end after 8 s',
      }),
      cases: part({
        state: 'failed',
        results: [{ cases: 300, done: 200, failed: [{ name: 'sort: argsort', why: 'element 3: got 1,\nexpected 2' }] }],
      }),
      golden: part({ state: 'out of time', log: 'some\nlast words' }),
      suite: part({
        state: 'out of time',
        results: [
          { files: 9, files_left_out: [{ file: 'test/a.test.ts', why: 'needs a compiler' }] },
          {
            test_file: 'test/b.test.ts',
            passed: 7,
            left_out: 2,
            failed: [{ name: 'test/b.test.ts: adds', why: 'Expected: 3\nReceived: 2' }],
          },
          { test_file: 'test/c.test.ts', passed: 5, left_out: 0, failed: [] },
          { unfinished: ['test/d.test.ts', 'test/e.test.ts'] },
        ],
      }),
      'steps-gpt2': part({ state: 'failed', log: 'case gpt2: torch-fused failed: CUDA out of memory' }),
      'speed-torch-1': part({ results: [{ kernel: 'map compile', sizes: [9], error: 'no compiler' }] }),
    }),
  );
  const lines = text.split('\n').filter((line) => line.startsWith('- '));
  expect(lines).toEqual([
    '- kernels: softmax [8192,1024] is wrong: 1.00e+30 of the error that is allowed, at element 17: got nan, expected 0.5',
    '- kernels: normalize: no end after 8 s',
    '- cases: sort: argsort: element 3: got 1, expected 2',
    '- golden: out of time: last words',
    '- suite: test/b.test.ts: adds: Expected: 3 Received: 2',
    '- suite: out of time, had not ended: test/d.test.ts, test/e.test.ts',
    '- steps-gpt2: case gpt2: torch-fused failed: CUDA out of memory',
    '- speed-torch-1: map compile no compiler',
    '- machine: left out: there is no nvidia-smi',
    '- suite: 2 tests of test/b.test.ts',
    '- 1 test files, each needs a compiler: test/a.test.ts',
  ]);
  expect(text).toContain('| cases | failed | 300 | 200 | 1 |');
  expect(text).toContain('| kernels | failed | 2 | 2 | 1 |');
  expect(text).toContain('| suite | out of time | 9 files | 2 files, 13 tests | 1 |');
  expect(text).toContain('1 were left out');
});
