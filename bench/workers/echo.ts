import { workerData } from 'node:worker_threads';
import { cell, lost } from '../round-trip.js';

// The other end of round-trip.ts: answers every odd number with the next one until the ball is lost, and sleeps between two measurements.
const words = workerData as Int32Array;
for (;;) {
  Atomics.wait(words, cell.asked, 0);
  Atomics.store(words, cell.awake, 1);
  const trips = Atomics.load(words, cell.trips);
  let ball = 0;
  for (let i = 0; i < trips && ball !== lost; i++) {
    do ball = Atomics.load(words, cell.ball);
    while (ball !== 2 * i + 1 && ball !== lost);
    // unless it is lost by now
    Atomics.compareExchange(words, cell.ball, 2 * i + 1, 2 * i + 2);
  }
  Atomics.store(words, cell.asked, 0);
  Atomics.store(words, cell.awake, 0);
}
