import { tableHash } from '../ir/optable.js';
import { packageRoot } from '../root.js';
import type { Addon, AddonInfo } from './addon.js';

let addon: Addon | undefined;

/**
 * The native addon, loaded at first use, so that `require('steepest')` stays cheap.
 *
 * @throws Error when no build fits this machine, or the build is older or newer than the TypeScript side
 */
export function loadAddon(): Addon {
  addon ??= load(packageRoot);
  return addon;
}

function load(folder: string): Addon {
  let loaded: Addon;
  try {
    const nodeGypBuild = require('node-gyp-build') as (folder: string) => Addon;
    loaded = nodeGypBuild(folder);
  } catch (cause) {
    const machine = `${process.platform}-${process.arch}`;
    throw new Error(`steepest: no native addon for ${machine} could be loaded; build one with: npm run build`, {
      cause,
    });
  }
  checkTable(loaded);
  return loaded;
}

/** @throws Error when the addon was built from another operation table: it would misread every plan */
export function checkTable(loaded: Pick<Addon, 'tableHash'>): void {
  const expected = tableHash();
  if (loaded.tableHash === expected) return;
  const hex = (hash: number): string => hash.toString(16).padStart(8, '0');
  throw new Error(
    `steepest: the native addon was built for another version (operation table ${hex(loaded.tableHash)}, expected ` +
      `${hex(expected)}); rebuild: npm run build`,
  );
}

/** Native memory that is in use. */
export interface MemoryInfo {
  /** Models and compiled functions that hold native memory. */
  readonly sessions: number;
  /** Data sets and results in native memory. */
  readonly storages: number;
  readonly bytes: number;
}

/** The CPU kernels in use. */
export interface CpuInfo {
  /** Instruction set that the kernels were chosen for: 'avx512', ... */
  readonly target: string;
  /** All targets that this CPU and build have. */
  readonly targets: readonly string[];
  readonly threads: number;
  /** The BLAS library that matrix products go to, or null for the library's own kernels. */
  readonly blas: string | null;
}

/**
 * Native memory in use by the whole process. Beside it, data sets that were freed are kept for the next ones: up to 64 MB of them, and larger ones
 * that the system takes back when it is short of memory.
 *
 * @example
 * const { bytes } = memory();
 */
export function memory(): MemoryInfo {
  const { sessions, storages, bytes } = loadAddon().info();
  return { sessions, storages, bytes };
}

/**
 * What the library found on this machine and uses.
 *
 * @example
 * const { target, threads } = cpuInfo();
 */
export function cpuInfo(): CpuInfo {
  const { target, targets, threads, blas }: AddonInfo = loadAddon().info();
  return { target, targets, threads, blas };
}

/**
 * How many threads share the work of a step, for the whole process. Results do not depend on it.
 *
 * @param count 1 to 256; the default is the number of CPUs that the process may use
 * @throws Error when `count` is not a whole number from 1 to 256
 *
 * @example
 * setThreads(4);
 */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new Error(`setThreads: count must be a whole number from 1 to 256, got ${String(count)}`);
  }
  loadAddon().setThreads(count);
}

/**
 * Which kernels matrix products use, for models and functions that are compiled from now on: the library's own, or a BLAS
 * of the machine. Also set by the environment variable STEEPEST_BLAS.
 *
 * @param choice 'own' (default); 'auto': the first that can be loaded of OpenBLAS, MKL and Accelerate; or a library's path
 * @throws Error that names what was tried, when no library could be loaded
 *
 * @example
 * selectBlas('libopenblas.so.0');
 */
export function selectBlas(choice: string): void {
  if (typeof choice !== 'string' || choice === '') {
    throw new Error(`selectBlas: choice must be 'own', 'auto' or the path of a library, got ${String(choice)}`);
  }
  loadAddon().selectBlas(choice);
}
