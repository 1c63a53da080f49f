// Runs items one after the other in a process beside this one, or in several of them, so that what ends a process (a fault of a
// device, a crash, a hang) ends its item only: the next one begins in a new process.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface Item {
  readonly name: string;
  /** @returns what there is to say of an item that was left out @throws Error when it fails */
  run(): string | void | Promise<void>;
}

export interface Failure {
  readonly name: string;
  readonly why: string;
}

export interface Isolated {
  /** Numbers of the items that have begun and ended, one way or another. */
  readonly done: ReadonlySet<number>;
  readonly failed: readonly Failure[];
  /** Of those that were left out, why. */
  readonly left: ReadonlyMap<string, string>;
}

export interface Limits {
  /** For all items. */
  readonly seconds: number;
  /** For one. */
  readonly each: number;
  /** How many run at a time: each process takes every so manieth. */
  readonly processes?: number;
}

/** Set in the process that runs them: the first item, and how far behind it the next one is. */
const variable = 'STEEPEST_ITEMS_FROM';
/** A process may take so long until its first item: devices are opened there. */
const secondsToStart = 30;

/**
 * The program is run again with the same arguments, and has to come to the same call. A signal to end is heard: what is known by then is
 * the result.
 */
export async function isolated(items: readonly Item[], limits: Limits): Promise<Isolated> {
  const from = process.env[variable];
  if (from !== undefined) {
    const [first, step] = from.split(' ').map(Number) as [number, number];
    return runFrom(items, first, step);
  }
  const until = Date.now() + limits.seconds * 1000;
  const failed: Failure[] = [];
  const left = new Map<string, string>();
  const add = (name: string, why: string): void => {
    failed.push({ name, why });
    console.log(`FAILED ${name}: ${why}`);
  };
  const done = new Set<number>();
  const { processes = 1 } = limits;
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  process.once('SIGTERM', end);
  const rules = { until, each: limits.each, step: processes, add, left, done, isEnded: () => ended };
  const share = async (first: number): Promise<void> => {
    let next = first;
    while (next < items.length && Date.now() < until && !ended) {
      const part = await runPart(items, next, rules);
      if (part.next === next && !part.wasLate && !ended) {
        add(items[next]?.name ?? '', `no item could begin: ${part.why}`);
        break;
      }
      next = part.next;
    }
  };
  try {
    await Promise.all(Array.from({ length: processes }, (_, i) => share(i)));
  } finally {
    process.off('SIGTERM', end);
  }
  return { done, failed, left };
}

interface Rules {
  readonly until: number;
  readonly each: number;
  readonly step: number;
  readonly done: Set<number>;
  readonly add: (name: string, why: string) => void;
  readonly left: Map<string, string>;
  readonly isEnded: () => boolean;
}

/** A process from item `first` on, until it ends. The item that follows, and whether the time for all was over. */
async function runPart(
  items: readonly Item[],
  first: number,
  { until, each, step, done, add, left, isEnded }: Rules,
): Promise<{ next: number; wasLate: boolean; why: string }> {
  const child = spawn(process.execPath, process.argv.slice(1), {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [variable]: `${first} ${step}` },
  });
  let next = first;
  let running: number | undefined;
  let why = '';
  let wasLate = false;
  let heard = Date.now();
  const watch = setInterval(() => {
    const now = Date.now();
    wasLate = now > until || isEnded();
    const seconds = running === undefined && next === first ? Math.max(each, secondsToStart) : each;
    if (!wasLate && now - heard < seconds * 1000) return;
    if (!wasLate) why = `no end after ${seconds} s`;
    clearInterval(watch);
    child.kill('SIGKILL');
  }, 50);
  createInterface({ input: child.stdio[3] as NodeJS.ReadableStream }).on('line', (line) => {
    heard = Date.now();
    const said = JSON.parse(line) as { begin?: number; end?: number; why?: string; left?: string };
    running = said.begin;
    if (said.end === undefined) return;
    next = said.end + step;
    done.add(said.end);
    const name = items[said.end]?.name as string;
    if (said.why !== undefined) add(name, said.why);
    if (said.left !== undefined) left.set(name, said.left);
  });
  const status = await endOf(child, () => !wasLate && why === '');
  clearInterval(watch);
  why ||= `the process ended with ${status}`;
  if (running !== undefined && !wasLate) {
    add(items[running]?.name as string, why);
    next = running + step;
    done.add(running);
  }
  return { next, wasLate, why };
}

/** Whoever is killed and does not end, in the driver, is left alone after a while. */
function endOf(child: ChildProcess, mayRun: () => boolean): Promise<string> {
  return new Promise((resolve) => {
    let tries = 0;
    const watch = setInterval(() => {
      if (!mayRun() && ++tries > 6) done('no end');
    }, 500);
    const done = (status: string): void => {
      clearInterval(watch);
      child.unref();
      resolve(status);
    };
    child.on('error', (error) => done(error.message));
    child.on('close', (code, signal) => done(signal ?? `status ${code}`));
  });
}

async function runFrom(items: readonly Item[], first: number, step: number): Promise<never> {
  // at once: what comes next may never return
  const say = (what: object): void => {
    writeSync(3, `${JSON.stringify(what)}\n`);
  };
  for (let i = first; i < items.length; i += step) {
    say({ begin: i });
    try {
      const why = await (items[i] as Item).run();
      say({ end: i, ...(why === undefined ? {} : { left: why }) });
    } catch (error) {
      say({ end: i, why: (error as Error).message });
      if ((error as Error).message.includes('was lost to a fault')) process.exit(0);
    }
  }
  process.exit(0);
}
