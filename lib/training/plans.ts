import { type CompiledPlan, compile } from '../compile/index.js';
import type { Graph } from '../ir/graph.js';
import type { Job } from '../runtime/addon.js';
import { runsTogether } from '../runtime/devices.js';
import type { State } from './state.js';

/** So many plans are kept. A model has a few while it is trained, and one more for each number of rows it is given. */
const capacity = 32;

/** The compiled plans of a session, by what they are for. Those that were not used for longest are let go. */
export class Plans {
  /** Least recently used first. */
  readonly #numbers = new Map<string, number>();
  /** How many jobs, or who is going to run some, rely on a plan. */
  readonly #holds = new Map<number, number>();
  /** Plans that have been let go: who remembers a number asks again when this has changed. */
  dropped = 0;

  constructor(
    readonly state: State,
    /** Hears of every plan that is compiled. */
    readonly onPlan: (number: number, plan: CompiledPlan) => void = () => {},
  ) {}

  /** @returns the number of the plan, good until two others were asked for or control is given away, or as long as it is held */
  get(key: string, trace: () => Graph): number {
    let number = this.#numbers.get(key);
    if (number === undefined)
      number = this.#add(compile(trace(), this.state.layout, { together: runsTogether(this.state.device) }));
    else this.#numbers.delete(key);
    this.#numbers.set(key, number);
    if (this.#numbers.size > capacity) this.#dropOldest();
    return number;
  }

  /** Keeps the plans of segments. @returns what ends that */
  hold(segments: Job['segments']): () => void {
    const add = (change: number): void => {
      for (const { plan } of segments) {
        const holds = (this.#holds.get(plan) ?? 0) + change;
        if (holds === 0) this.#holds.delete(plan);
        else this.#holds.set(plan, holds);
      }
    };
    add(1);
    return () => add(-1);
  }

  #add(plan: CompiledPlan): number {
    const number = this.state.session.addPlan(plan.words);
    this.onPlan(number, plan);
    return number;
  }

  /** The two that were used last stay: whoever asks for a full batch and for a short one needs both. */
  #dropOldest(): void {
    const candidates = [...this.#numbers].slice(0, -2);
    const oldest = candidates.find(([, number]) => !this.#holds.has(number));
    if (oldest === undefined) return;
    const [key, number] = oldest;
    this.#numbers.delete(key);
    this.state.session.dropPlan(number);
    this.dropped++;
  }
}
