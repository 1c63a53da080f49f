import { workerData } from 'node:worker_threads';
import { cell } from '../round-trip.js';

// The other end of round-trip.ts: answers every odd number with the next one, and sleeps between two measurements.
const words = workerData as Int32Array;
for (;;) {
  Atomics.wait(words, cell.asked, 0);
  Atomics.store(words, cell.awake, 1);
  const trips = Atomics.load(words, cell.trips);
  for (let i = 0; i < trips; i++) {
    while (Atomics.load(words, cell.ball) !== 2 * i + 1);
    Atomics.store(words, cell.ball, 2 * i + 2);
  }
  Atomics.store(words, cell.asked, 0);
  Atomics.store(words, cell.awake, 0);
}
