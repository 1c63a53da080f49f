import { cpuInfo, setThreads } from '../../lib/runtime/native';
import type { Model } from '../../lib/training/index';
import { sequential } from '../../lib/training/index';
import { layers } from './library';

/** Numbers in [-1, 1) that are the same each time. */
export function noise(n: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 0x800000 - 1;
  });
}

/** Samples of 4 features in 3 classes. */
export function classes(rows: number): { x: Float32Array; y: Uint8Array } {
  const x = noise(rows * 4, 7);
  const y = Uint8Array.from({ length: rows }, (_, i) => {
    const [a, b] = [x[4 * i] as number, x[4 * i + 1] as number];
    return a > 0.3 ? 2 : b > 0 ? 1 : 0;
  });
  return { x, y };
}

export interface MlpOptions {
  readonly seed?: number;
  readonly dropout?: number;
  readonly units?: number;
}

/** 4 features to 3 classes, compiled. */
export function mlp({ seed = 1, dropout, units = 8 }: MlpOptions = {}): Model {
  const net = sequential([
    layers.dense({ units, activation: 'relu', inputShape: [4] }),
    ...(dropout === undefined ? [] : [layers.dropout({ rate: dropout })]),
    layers.dense({ units: 3, activation: 'softmax' }),
  ]);
  net.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], seed });
  return net;
}

/** One dense layer without activation, from 2 features to 1 number, with known weights. */
export function linear(kernel: readonly number[] = [0.5, -0.25], bias = 0.1): Model {
  const net = sequential([layers.dense({ units: 1, inputShape: [2], name: 'line' })]);
  net.setWeights({ 'line/kernel': Float32Array.from(kernel), 'line/bias': Float32Array.of(bias) });
  return net;
}

/** All weights as raw bytes, for comparing bit by bit. */
export const bits = (net: Model): string =>
  net
    .getWeights()
    .map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'))
    .join(' ');

/** Trains with one thread and with three: the weights must have the same bits. */
export async function expectSameBitsOnThreads(train: () => Promise<Model>): Promise<void> {
  const { threads } = cpuInfo();
  try {
    setThreads(1);
    const one = bits(await train());
    setThreads(3);
    expect(bits(await train())).toBe(one);
  } finally {
    setThreads(threads);
  }
}

/** The message that a promise rejects with. */
export const messageOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected a rejection');
};
