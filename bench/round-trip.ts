import { availableParallelism } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** Words of the memory that the two threads share, each in a cache line of its own. */
export const cell = { ball: 0, asked: 32, awake: 64, trips: 96 } as const;

/** Short ones, so that a thread that loses its CPU spoils one, and the least of them is a quiet one. */
const bursts = 40;
const tripsOfBurst = 300;

/** What takes longer has lost a CPU to other processes: then every trip may take a time slice of milliseconds. */
const millisecondsOfBurst = 2;
const millisecondsOfBursts = 100;

/** Where the ball goes when a burst is given up. */
export const lost = -1;

/**
 * How far two CPUs are from each other: nanoseconds that a cache line takes from one thread to another and back.
 *
 * A virtual machine's CPUs are now of one cluster of cores, which share a cache, now of two, and change places whenever they
 * idle. Between clusters a round trip takes four times as long, and a step of a small network up to twice.
 */
export class RoundTrip {
  readonly #words = new Int32Array(new SharedArrayBuffer(512));
  readonly #alone = availableParallelism() < 2;

  constructor() {
    new Worker(path.join(__dirname, 'workers', 'echo.js'), { workerData: this.#words }).unref();
  }

  /**
   * Nanoseconds. Takes some milliseconds, and not much more than 100 when other processes keep the CPUs: then it says what it saw
   * until then. 0 on a single CPU, where each thread would wait for the other's time slices.
   */
  measure(): number {
    if (this.#alone) return 0;
    const end = performance.now() + millisecondsOfBursts;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < bursts && (i === 0 || performance.now() < end); i++) least = Math.min(least, this.#burst());
    return Math.round(least);
  }

  #burst(): number {
    const words = this.#words;
    Atomics.store(words, cell.ball, 0);
    Atomics.store(words, cell.trips, tripsOfBurst);
    Atomics.store(words, cell.asked, 1);
    Atomics.notify(words, cell.asked);
    while (Atomics.load(words, cell.awake) !== 1);
    const start = performance.now();
    const end = start + millisecondsOfBurst;
    let trips = 0;
    while (trips < tripsOfBurst && this.#trip(2 * trips + 1, end)) trips++;
    const took = performance.now() - start;
    if (trips < tripsOfBurst) Atomics.store(words, cell.ball, lost);
    while (Atomics.load(words, cell.awake) !== 0);
    return (took * 1e6) / Math.max(trips, 1);
  }

  /** False when the ball is not back by then. Seldom looks at the clock, which takes time from trips. */
  #trip(ball: number, end: number): boolean {
    Atomics.store(this.#words, cell.ball, ball);
    for (let looks = 1; Atomics.load(this.#words, cell.ball) !== ball + 1; looks++) {
      if (looks % 1000 === 0 && performance.now() > end) return false;
    }
    return true;
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
