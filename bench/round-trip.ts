import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** Words of the memory that the two threads share, each in a cache line of its own. */
export const cell = { ball: 0, asked: 32, awake: 64, trips: 96 } as const;

/** Short ones, so that a thread that loses its CPU spoils one, and the least of them is a quiet one. */
const bursts = 40;
const tripsOfBurst = 300;

/**
 * How far two CPUs are from each other: nanoseconds that a cache line takes from one thread to another and back.
 *
 * A virtual machine's CPUs are now of one cluster of cores, which share a cache, now of two, and change places whenever they
 * idle. Between clusters a round trip takes four times as long, and a step of a small network up to twice.
 */
export class RoundTrip {
  readonly #words = new Int32Array(new SharedArrayBuffer(512));

  constructor() {
    new Worker(path.join(__dirname, 'workers', 'echo.js'), { workerData: this.#words }).unref();
  }

  /** Nanoseconds. Takes some milliseconds. 0 on a single CPU, where each thread would wait for the other's time slices. */
  measure(): number {
    if (availableParallelism() < 2) return 0;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < bursts; i++) least = Math.min(least, this.#burst());
    return Math.round(least);
  }

  #burst(): number {
    const words = this.#words;
    Atomics.store(words, cell.ball, 0);
    Atomics.store(words, cell.trips, tripsOfBurst);
    Atomics.store(words, cell.asked, 1);
    Atomics.notify(words, cell.asked);
    while (Atomics.load(words, cell.awake) !== 1);
    const start = process.hrtime.bigint();
    for (let i = 0; i < tripsOfBurst; i++) {
      Atomics.store(words, cell.ball, 2 * i + 1);
      while (Atomics.load(words, cell.ball) !== 2 * i + 2);
    }
    const took = Number(process.hrtime.bigint() - start);
    while (Atomics.load(words, cell.awake) !== 0);
    return took / tripsOfBurst;
  }
}

const secondsToComeNear = 60;

/** What was measured, and the nanoseconds between two CPUs before and after. */
export interface Measured<T> {
  readonly value: T;
  readonly roundTrips: readonly [number, number];
}

/** Measures between two round trips. */
export async function between<T>(roundTrip: RoundTrip, measure: () => Promise<T>): Promise<Measured<T>> {
  const before = roundTrip.measure();
  const value = await measure();
  return { value, roundTrips: [before, roundTrip.measure()] };
}

/** What is measured while two CPUs are within `near` ns of each other before and after, unless they do not come near for long. */
export async function whileNear<T>(
  roundTrip: RoundTrip,
  near: number,
  who: string,
  measure: () => Promise<T>,
): Promise<Measured<T>> {
  const end = performance.now() + secondsToComeNear * 1e3;
  while (performance.now() < end) {
    if (roundTrip.measure() > near) {
      await setTimeout(200); // they move while they idle
      continue;
    }
    const measured = await between(roundTrip, measure);
    if (measured.roundTrips[1] <= near) return measured;
  }
  process.stderr.write(`${who}: no two CPUs within ${near} ns for ${secondsToComeNear} s\n`);
  return between(roundTrip, measure);
}
