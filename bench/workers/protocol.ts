import { createInterface } from 'node:readline';

/**
 * A worker trains one case in one framework, a number of epochs at a time.
 *
 * It prints `{"framework": ...}` when it has trained one epoch and is ready; then answers each line `{"epochs": n}` with
 * `{"seconds": s, "loss": l}`. Errors are answered with `{"error": message}`. It ends with its input.
 */
export function serve(framework: string, train: (epochs: number) => Promise<number>): void {
  const say = (answer: object): void => {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  };
  const run = async (): Promise<void> => {
    await train(1);
    say({ framework });
    for await (const line of createInterface({ input: process.stdin })) {
      const { epochs } = JSON.parse(line) as { epochs: number };
      const began = process.hrtime.bigint();
      const loss = await train(epochs);
      say({ seconds: Number(process.hrtime.bigint() - began) / 1e9, loss });
    }
  };
  run().catch((error: Error) => say({ error: error.message }));
}
