import { serve } from './protocol.js';

/** Predicts `rows` rows of a fixed matrix, `batch` at a time. What it returns is looked at only once. */
export type Predict = (rows: number, batch: number) => Float32Array | Promise<Float32Array>;

/** How many rows there are: requests ask for these or fewer. */
export const maxRows = 8192;

export const rowsOf = (features: number): Float32Array =>
  Float32Array.from({ length: maxRows * features }, (_, i) => ((i * 2654435761) % 4096) / 4096);

/**
 * A worker that predicts with the weights of a file, for latency.ts.
 *
 * It prints `{"framework", "outputs"}`, the second being those of the first row; then answers each line
 * `{"rows", "batch", "seconds"}` with the times of its calls in microseconds, `{"p50", "p99", "calls"}`.
 * predict_worker.py does the same.
 */
export function servePredictions(framework: string, predict: Predict): void {
  serve(
    framework,
    async ({ rows, batch, seconds }: { rows: number; batch: number; seconds: number }) => {
      const times: number[] = [];
      const end = process.hrtime.bigint() + BigInt(Math.round(seconds * 1e9));
      for (let now = process.hrtime.bigint(); now < end || times.length < 3; ) {
        const pending = predict(rows, batch);
        // a promise costs a turn of the event loop: who answers at once is not made to wait for one
        if (pending instanceof Promise) await pending;
        const after = process.hrtime.bigint();
        times.push(Number(after - now) / 1000);
        now = after;
      }
      times.sort((a, b) => a - b);
      const quantile = (q: number): number => times[Math.floor(q * times.length)] as number;
      return { p50: quantile(0.5), p99: quantile(0.99), calls: times.length };
    },
    async () => ({ outputs: [...(await predict(1, 1))] }),
  );
}
