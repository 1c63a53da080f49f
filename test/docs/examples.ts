import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');

/** What `scripts/generate-docs.mjs --json` prints of a docstring. */
export interface Entry {
  readonly name: string;
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'constant';
  readonly file: string;
  readonly signature?: string;
  readonly text: string;
  readonly params?: readonly { readonly name: string; readonly meaning: string }[];
  readonly throws: readonly string[];
  readonly examples: readonly string[];
  readonly source?: string;
  readonly members?: readonly Omit<Entry, 'kind' | 'file'>[];
}

export interface Family {
  readonly name: string;
  readonly entries: readonly Entry[];
}

/** The public functions and classes, by family, with their docstrings. */
export function readFamilies(): readonly Family[] {
  const script = path.join(root, 'scripts', 'generate-docs.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--json'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`generate-docs.mjs --json failed: ${stderr}`);
  return JSON.parse(stdout);
}

/** Names that an example may use without saying where they come from. */
const context = (family: string): string => {
  const x =
    family === 'ops' || family === 'transforms' ? 'Tensor' : family === 'layers' ? 'SymbolicTensor' : 'Float32Array';
  return `
import * as steepest from 'steepest';
import { ${imported} } from 'steepest';
import type { TensorType } from 'steepest';
import { readFile } from 'node:fs/promises';

declare const model: steepest.Model & typeof steepest.model;
declare const [x, y]: ${x}[];
declare const [a, b, q, k, v, images, codes, kernel, depthwise, pointwise, gamma, beta]: Tensor[];
declare const [left, right, decoder, encoder, target, encoded, sourceMask, query, key, anchor, positive, negative]: SymbolicTensor[];
declare const net: Layer;
declare const rows: number[][];
`;
};

const imported = [
  'applyScaling, callbacks, constraints, cpuInfo, devices, evaluate, fitScaling, grad, initializers, input, jit, Layer, layers',
  'loadMnist, loadModel, losses, makeClassification, memory, metrics, modelFromJSON, ops, optimizers, parseNumbers, preprocessing',
  'readIdx, registerFunction, registerLayer, regularizers, schedules, selectBlas, sequential, setThreads, SymbolicTensor, Tensor, tensor',
  'trainTestSplit, valueAndGrad',
].join(', ');

/** A program that holds all examples of a family, each in a function of its own: to be compiled, not run. */
export function examplesOf({ name, entries }: Family): string {
  const all = entries.flatMap((entry) => [
    ...entry.examples.map((source) => ({ where: entry.name, source })),
    ...(entry.members ?? []).flatMap((member) =>
      member.examples.map((source) => ({ where: `${entry.name}.${member.name}`, source })),
    ),
  ]);
  const functions = all.map(
    ({ where, source }, i) => `// ${where}\nexport async function example${i}() {\n${source}\n}\n`,
  );
  return `${context(name)}\n${functions.join('\n')}`;
}
