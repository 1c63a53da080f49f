import { createInterface } from 'node:readline';

/**
 * A worker prints `{"framework": ...}` when it is ready; then answers each line, a request as JSON, with a line of JSON. Errors are
 * answered with `{"error": message}`. It ends with its input.
 */
export function serve<Request>(
  framework: string,
  answer: (request: Request) => Promise<object>,
  greeting: () => Promise<object> = async () => ({}),
): void {
  const say = (line: object): void => {
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  const run = async (): Promise<void> => {
    say({ framework, ...(await greeting()) });
    for await (const line of createInterface({ input: process.stdin })) say(await answer(JSON.parse(line)));
  };
  run().catch((error: Error) => say({ error: error.message }));
}

/**
 * A worker that trains one case in one framework, a number of epochs at a time: it is ready when it has trained one, and answers
 * `{"epochs": n}` with `{"seconds": s, "loss": l}`.
 */
export function serveTraining(framework: string, train: (epochs: number) => Promise<number>): void {
  serve(
    framework,
    async ({ epochs }: { epochs: number }) => {
      const began = process.hrtime.bigint();
      const loss = await train(epochs);
      return { seconds: Number(process.hrtime.bigint() - began) / 1e9, loss };
    },
    async () => {
      await train(1);
      return {};
    },
  );
}
