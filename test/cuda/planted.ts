// Kernels with mistakes in them, in programs with the emulated driver.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { driverSources } from './device';

const root = path.join(__dirname, '..', '..');
const kernels = path.join(root, 'native/cuda/kernels');
const text = (file: string) => readFileSync(path.join(kernels, file), 'utf8');

/** A mistake, the text that is replaced by another one, and what comes of it. */
export type Mistake<Result = RegExp> = readonly [what: string, from: string, to: string, result: Result];

/** A kernel in one of the library's files. */
export interface Kernel {
  readonly file: string;
  readonly parameter: string;
  readonly body: string;
  /** What kernels of the file are defined by, if not as one of any block. */
  readonly kind?: string;
}

/** Its file, and the loop that it is made of, with a mistake, in a namespace and under a name of its own. */
export function variant(
  { file, parameter, body, kind = 'TILED_KERNEL(1024, 1' }: Kernel,
  [, from, to]: Mistake<unknown>,
  name: string,
): string {
  const inline = (_: string, name: string) => text(`${name}.h`).replace('#pragma once', '');
  const source = text(file)
    .replace(/#include "(wgmma_loop|attention_pipeline|gemm_loop|gemm_mma)\.h"/g, inline)
    .replace(/#include "(gemm_boxes|warp_groups)\.h"/g, inline)
    .replace(/STEEPEST_KERNEL\(quantizeRows[\s\S]*?\nnamespace \{/, 'namespace {')
    .replace(
      /#define STEEPEST_((CONV_)?WGMMA|ATTENTION|MMA|INT8)\([\s\S]*/,
      `STEEPEST_${kind}, ${name}, ${parameter}) {\n${body}\n}\n}  // namespace steepest::cuda\n`,
    );
  if (from !== '') expect(source.split(from)).toHaveLength(2); // it is there once
  return source
    .replace(from, () => to)
    .replaceAll('namespace steepest::cuda {', `namespace steepest::cuda { namespace ${name}of {`)
    .replaceAll('}  // namespace steepest::cuda', '}}')
    .replaceAll(/#define (STEEPEST_\w+)/g, '#undef $1\n#define $1');
}

/** Products: by wgmma, and by mma.sync of tf32 and int8. */
export const wgmmaProduct: Kernel = {
  file: 'gemm_wgmma.cu',
  parameter: 'WgmmaArguments arguments',
  body: 'STEEPEST_WGMMA_TILES(128, kWgmmaDepth, false, false, 1)',
};
export const pairProduct: Kernel = {
  ...wgmmaProduct,
  body: 'STEEPEST_WGMMA_TILES(128, kWgmmaDepth, false, false, kWgmmaPair)',
  kind: 'CLUSTER_KERNEL(kWgmmaThreads, kWgmmaPair',
};
export const tf32Product: Kernel = {
  file: 'gemm_mma.cu',
  parameter: 'GemmArguments g',
  body: `STEEPEST_DYNAMIC_SHARED(shared);
    MmaTile<Tf32, 64, 64, 2, 2, true, false> product(shared);
    multiplyMatrices(g, product);`,
};
export const int8Product: Kernel = {
  file: 'int8.cu',
  parameter: 'MatmulInt8Arguments a',
  body: `STEEPEST_DYNAMIC_SHARED(shared);
    multiplyInt8Matrices<Int8Tile<64, 64, 2, 2, false>>(a, shared);`,
};

/** Attention by wgmma, and its gradients of keys and values. */
export const attention: Kernel = {
  file: 'attention_wgmma.cu',
  parameter: 'AttentionWgmmaArguments arguments',
  body: 'STEEPEST_ATTEND(0)',
};
export const attentionGrad: Kernel = {
  ...attention,
  file: 'attention_wgmma_grad.cu',
  body: 'STEEPEST_ATTEND_BACK(true, 0)',
};

const objects = new Map<string, string[]>();

/** Objects of sources, in a folder for them; what is there is not made again. */
function objectsOf(folder: string, sources: readonly string[], flags: readonly string[]): string[] {
  const known = objects.get(folder);
  if (known !== undefined) return known;
  mkdirSync(folder);
  execFileSync('g++', [...flags, '-c', ...sources], { cwd: folder });
  const made = sources.map((file) => path.join(folder, path.basename(file).replace(/cc$/, 'o')));
  objects.set(folder, made);
  return made;
}

/**
 * A program of these checks (test/cuda/emulated/check_*.cc), which include kernels, beside others in a folder. With `races`, accesses that
 * nothing orders are looked for.
 */
export function compile(program: string, checks: readonly string[], defined: readonly string[], races = false): void {
  const flags = ['-std=c++20', '-O1', '-w', `-I${kernels}`, ...(races ? ['-DSTEEPEST_RACES'] : [])];
  const driver = [...driverSources(), path.join(root, 'native/cuda/conv_geometry.cc')];
  const files = checks.map((name) => path.join(__dirname, 'emulated', `${name}.cc`));
  // Only kernels tell what they access, and the sanitizer's own runtime is not wanted.
  const own = [...flags, ...defined, ...(races ? ['-fsanitize=thread', '-g1'] : [])];
  execFileSync('g++', [
    ...objectsOf(`${program}-kernels`, files, own),
    ...objectsOf(path.join(path.dirname(program), 'driver'), driver, flags),
    ...['-o', program],
  ]);
}
