import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Case } from './cases.js';
import { Worker } from './worker.js';

/**
 * Where peers are installed: TensorFlow.js and onnxruntime in `node_modules`, PyTorch, JAX and onnxruntime in `venv`,
 * TensorFlow in `venvtf`. None of them is needed; what is missing is left out of the comparison, and said.
 */
export const peersHome = process.env.STEEPEST_PEERS ?? path.join(os.homedir(), '.cache', 'steepest-peers');

/** One way to train a case. */
export interface Contender {
  readonly name: string;
  /** Whether it can train on 'cpu', on a GPU, or on both. */
  readonly on: 'cpu' | 'gpu' | 'both';
  /** @param device 'cpu', or 'cuda:0', ... */
  start(id: string, spec: Case, device: string): Promise<Worker>;
}

const root = path.join(__dirname, '..', '..');
const compiled = (file: string): string => path.join(__dirname, 'workers', file);
const source = (file: string): string => path.join(root, 'bench', 'workers', file);
const node = process.execPath;

const pythonOf = (environment: string): string => {
  const own = path.join(peersHome, environment, 'bin', 'python');
  return existsSync(own) ? own : 'python3';
};
const python = (): string => process.env.STEEPEST_PEERS_PYTHON ?? pythonOf('venv');

// glibc returns large blocks to the kernel at every step unless told otherwise: PyTorch is measured at its best
const malloc = {
  MALLOC_MMAP_THRESHOLD_: '1073741824',
  MALLOC_TRIM_THRESHOLD_: '4294967296',
  MALLOC_TOP_PAD_: '268435456',
};
const shim = path.join(peersHome, 'mklshim.so');
const torchEnv = existsSync(shim) ? { ...malloc, LD_PRELOAD: shim } : malloc;

const steepest = (name: string, ...options: string[]): Contender => ({
  name,
  on: 'both',
  start: (id, _, device) => Worker.start(node, [compiled('steepest.js'), id, ...options], { STEEPEST_DEVICE: device }),
});

const torch = (name: string, on: Contender['on'], ...options: string[]): Contender => ({
  name,
  on,
  start: (_, spec, device) =>
    Worker.start(
      python(),
      [source('torch_worker.py'), JSON.stringify(spec), '--device', device, ...options],
      device === 'cpu' ? torchEnv : {},
    ),
});

export const contenders: readonly Contender[] = [
  steepest('steepest'),
  steepest('steepest-bf16', 'mixedBfloat16'),
  { name: 'tfjs', on: 'cpu', start: (id) => Worker.start(node, [compiled('tfjs.js'), id, peersHome]) },
  torch('torch', 'both'),
  torch('torch-compile', 'gpu', '--variant', 'compile'),
  torch('torch-max-autotune', 'gpu', '--variant', 'max-autotune'),
  torch('torch-graph', 'gpu', '--variant', 'graph'),
  torch('torch-bf16', 'both', '--bfloat16'),
  torch('torch-compile-bf16', 'gpu', '--variant', 'compile', '--bfloat16'),
  torch('torch-max-autotune-bf16', 'gpu', '--variant', 'max-autotune', '--bfloat16'),
  torch('torch-graph-bf16', 'gpu', '--variant', 'graph', '--bfloat16'),
  {
    name: 'jax',
    on: 'cpu',
    start: (_, spec) => Worker.start(python(), [source('jax_worker.py'), JSON.stringify(spec)]),
  },
  {
    name: 'tensorflow',
    on: 'cpu',
    start: (_, spec) => Worker.start(pythonOf('venvtf'), [source('tensorflow_worker.py'), JSON.stringify(spec)]),
  },
];

/** A model on disk, once for each kind of reader. */
export interface Files {
  readonly weights: string;
  readonly onnx: string;
}

/** One way to predict a case. */
export interface PredictorStart {
  readonly name: string;
  start(id: string, spec: Case, files: Files): Promise<Worker>;
}

export const predictors: readonly PredictorStart[] = [
  {
    name: 'steepest',
    start: (id, _, files) => Worker.start(node, [compiled('predict_steepest.js'), id, files.weights]),
  },
  {
    name: 'steepest-async',
    start: (id, _, files) => Worker.start(node, [compiled('predict_steepest.js'), id, files.weights, 'async']),
  },
  {
    name: 'ort-node',
    start: (id, _, files) => Worker.start(node, [compiled('predict_ort.js'), id, files.onnx, peersHome]),
  },
  {
    name: 'ort-python',
    start: (_, spec, files) => Worker.start(python(), [source('predict_worker.py'), JSON.stringify(spec), files.onnx]),
  },
];

/** One way to train models of one operation. */
export interface OperationWorker {
  readonly name: string;
  start(): Promise<Worker>;
}

export const operationWorkers: readonly OperationWorker[] = [
  { name: 'steepest', start: () => Worker.start(node, [compiled('operations.js')]) },
  { name: 'torch', start: () => Worker.start(python(), [source('operations_worker.py')], torchEnv) },
];
