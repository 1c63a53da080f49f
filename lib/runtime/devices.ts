import { provideKernels } from './cuda-package.js';
import { loadAddon } from './native.js';

/** What models can be trained on. */
export interface Device {
  /** What `compile` takes: 'cpu', or 'cuda:0', 'cuda:1', ... */
  readonly name: string;
  /** What people call it: 'NVIDIA H200'. */
  readonly description: string;
  /** Of its memory. */
  readonly bytes: number;
}

/**
 * The devices of this machine: always the CPU, and the NVIDIA GPUs that the driver (`libcuda.so.1`, Linux only) shows.
 * Without a driver there is only the CPU. Their kernels are the package `steepest-cuda`, or lie beside an addon built with nvcc.
 *
 * @example
 * const names = devices().map(({ name }) => name); // ['cpu', 'cuda:0']
 */
export function devices(): readonly Device[] {
  return loadAddon().devices().list;
}

/** The device that is used where nobody asks for one: the environment variable STEEPEST_DEVICE, or the CPU. */
const fallback = (): string => process.env.STEEPEST_DEVICE || 'cpu';

/**
 * @param argument what a message calls the wish
 * @returns the name of a device that is there
 * @throws Error that names what was tried, when it is not
 */
export function chooseDevice(argument: string, wanted?: string): string {
  const name = wanted ?? fallback();
  if (name === 'cpu') return name;
  const { list, withoutCuda } = loadAddon().devices();
  if (list.some((device) => device.name === name)) {
    provideKernels();
    return name;
  }
  const asked = wanted === undefined ? 'STEEPEST_DEVICE' : argument;
  const there = list.map((device) => `'${device.name}'`).join(', ');
  const why = withoutCuda === null ? '' : ` (no CUDA device: ${withoutCuda})`;
  throw new Error(
    `${asked}: there is no device ${typeof name === 'string' ? `'${name}'` : String(name)}, only ${there}${why}`,
  );
}

/** Whether the device runs instructions together that do not depend on each other (see `compile`). */
export const runsTogether = (device: string): boolean => device !== 'cpu';
