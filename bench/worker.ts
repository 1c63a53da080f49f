import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A worker process that stands still while others are measured. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  private constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr = (this.#stderr + chunk).slice(-2000);
    });
    this.#child.on('error', () => {});
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  /** Name that the worker gives itself. */
  framework = '';

  /** Starts a worker and waits until it has trained its first epoch. */
  static async start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Worker> {
    const worker = new Worker(command, args, env);
    worker.framework = (await worker.#answer()).framework as string;
    worker.#pause();
    return worker;
  }

  /** Seconds that training took, with the loss it ended with. */
  async train(epochs: number): Promise<{ seconds: number; loss: number }> {
    this.#child.kill('SIGCONT');
    this.#child.stdin?.write(`${JSON.stringify({ epochs })}\n`);
    const { seconds, loss } = await this.#answer();
    this.#pause();
    return { seconds: seconds as number, loss: loss as number };
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #pause(): void {
    this.#child.kill('SIGSTOP');
  }

  async #answer(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(this.#stderr.trim().split('\n').at(-1) ?? 'the worker ended without a word');
    const answer = JSON.parse(value) as Record<string, unknown>;
    if (typeof answer.error === 'string') throw new Error(answer.error);
    return answer;
  }
}
