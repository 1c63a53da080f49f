import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a worker says: the protocol is in workers/. */
export type Answer = Readonly<Record<string, unknown>>;

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

  /** What the worker said when it was ready. */
  greeting: Answer = {};

  /** Name that the worker gives itself. */
  get framework(): string {
    return this.greeting.framework as string;
  }

  /** Starts a worker and waits until it is ready. */
  static async start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Worker> {
    const worker = new Worker(command, args, env);
    worker.greeting = await worker.#answer();
    worker.#pause();
    return worker;
  }

  /** Wakes the worker, asks it something, and lets it sleep again. */
  async ask(request: object): Promise<Answer> {
    this.#child.kill('SIGCONT');
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#answer();
    this.#pause();
    return answer;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #pause(): void {
    this.#child.kill('SIGSTOP');
  }

  async #answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(this.#stderr.trim().split('\n').at(-1) ?? 'the worker ended without a word');
    const answer = JSON.parse(value) as Answer;
    if (typeof answer.error === 'string') throw new Error(answer.error);
    return answer;
  }
}
