import type { CompiledPlan } from '../compile/index.js';
import { type HostData, sizeOf } from '../ir/graph.js';
import type { Job, JobResult } from '../runtime/addon.js';
import type { FedType } from './feeds.js';
import { KeptColumns } from './kept-columns.js';
import { Plans } from './plans.js';
import { State } from './state.js';
import { plainStorage } from './storage.js';
import { SumBlock } from './sums.js';
import type { Topology } from './topology.js';
import {
  type Objective,
  type StepTypes,
  StepVariables,
  traceEvalStep,
  traceFinalize,
  tracePredict,
  traceTrainStep,
} from './trace.js';

const notCompiled = { precision: 'float32', storage: plainStorage } as const;

/** Plans of a step for each batch size and kind of data, compiled when first needed, and the state that they work on. */
export class Engine {
  readonly variables: StepVariables;
  readonly state: State;
  /** Sums over an epoch of training, and of evaluation. They lie apart, so that validation does not disturb training. */
  readonly training: SumBlock;
  readonly evaluation: SumBlock;
  readonly plans: Plans;
  /** Of data on the device. Native memory of the CPU is not kept: a copy there takes as long as a comparison. */
  readonly keeper: KeptColumns | undefined;
  #disposed = false;

  constructor(
    readonly topology: Topology,
    readonly objective: Objective | undefined,
    readonly outputNames: readonly string[],
    /** Hears of every plan that is compiled. */
    onPlan: (number: number, plan: CompiledPlan) => void = () => {},
  ) {
    this.variables = objective?.variables ?? new StepVariables();
    this.training = new SumBlock('training', objective?.metrics ?? [], outputNames);
    this.evaluation = new SumBlock('evaluation', objective?.metrics ?? [], outputNames);
    const slots = [...(objective?.slots.all() ?? [])];
    const variables = [
      ...topology.weights,
      ...slots.map(({ variable }) => variable),
      ...this.variables.all,
      ...this.training.variables,
      ...this.evaluation.variables,
    ];
    this.state = new State(variables, objective?.storage ?? plainStorage, objective?.device);
    this.plans = new Plans(this.state, onPlan);
    this.keeper = this.state.device === 'cpu' ? undefined : new KeptColumns();
    for (const { variable, initial } of slots) {
      if (initial !== 0) this.state.write(variable, new Float32Array(sizeOf(variable.shape)).fill(initial));
    }
  }

  /** @returns the number of the plan in the session, see `Plans.get` */
  trainPlan(types: StepTypes): number {
    return this.plans.get(`train ${describe(types)}`, () => traceTrainStep(this.#objective, types, this.training.sums));
  }

  evalPlan(types: StepTypes): number {
    return this.plans.get(`eval ${describe(types)}`, () => traceEvalStep(this.#objective, types, this.evaluation.sums));
  }

  /** Gives the weights the values that training should end with. */
  finalizeWeights(where: string): void {
    this.checkAlive(where);
    const graph = traceFinalize(this.#objective);
    if (graph !== undefined)
      this.state.session.runSync(
        this.plans.get('finalize', () => graph),
        [],
        [],
      );
  }

  get #objective(): Objective {
    if (this.objective === undefined) throw new Error('the model is not compiled');
    return this.objective;
  }

  predictPlan(inputs: readonly FedType[], rows: number): number {
    return this.plans.get(`predict ${rows} ${describeFeeds(inputs)}`, () =>
      tracePredict(this.topology, this.variables, inputs, rows, this.objective ?? notCompiled),
    );
  }

  /** Another engine with a copy of the state: what runs there changes nothing here. */
  copy(onPlan: (number: number, plan: CompiledPlan) => void): Engine {
    const copy = new Engine(this.topology, this.objective, this.outputNames, onPlan);
    const bytes = new Uint8Array(this.state.layout.bytes);
    this.state.session.readState(0, bytes);
    copy.state.session.writeState(0, bytes);
    return copy;
  }

  /** Lets the next steps see the optimizer's learning rate; a schedule is part of the plans already. */
  writeLearningRate(): void {
    const { learningRate } = this.#objective.optimizer;
    if (typeof learningRate === 'number') {
      this.state.write(this.variables.learningRate, new Float32Array([learningRate]));
    }
  }

  /** Copies of all weights, in the order of the topology. */
  weights(): HostData[] {
    return this.topology.weights.map((w) => this.state.read(w));
  }

  /** Stops running steps; whoever waits for one of them starts it again unless it was meant. */
  abort(): void {
    if (!this.#disposed) this.state.session.abort();
  }

  /** @throws Error when the model was disposed of while something waited for its turn */
  checkAlive(where: string): void {
    if (this.#disposed) throw new Error(`${where}: the model was disposed while it was running`);
  }

  dispose(): void {
    this.#disposed = true;
    this.keeper?.dispose();
    this.state.dispose();
  }

  /**
   * Runs steps of a job until `end`, an error in the data, or a step that is not finite.
   *
   * @param position what a message calls a step
   * @throws Error when the data is wrong or the model is disposed meanwhile; the signal's reason when it aborts
   */
  async run(
    where: string,
    job: Job,
    signal?: AbortSignal,
    position = (step: number): string => positionOf(job, step),
  ): Promise<JobResult> {
    const logs: Float32Array[] = [];
    let seconds = 0;
    let nonFiniteStep = -1;
    for (let begin = job.begin; ; ) {
      signal?.throwIfAborted();
      this.checkAlive(where);
      const result = await this.state.session.run({ ...job, begin });
      logs.push(result.log);
      seconds += result.seconds;
      if (nonFiniteStep < 0) nonFiniteStep = result.nonFiniteStep;
      if (result.reason === 'label' || result.reason === 'index') {
        const what =
          result.reason === 'label'
            ? 'a label is'
            : 'an index (of an embedding, a category encoding, a lookup or take) is';
        throw new Error(`${where}: ${position(result.next - 1)}: ${what} out of range`);
      }
      // somebody else's abort stops every job of the session: go on
      if (result.reason !== 'aborted') return { ...result, seconds, nonFiniteStep, log: joined(logs) };
      begin = result.next;
    }
  }
}

/** Updates that have been made. */
export const stepCounter = ({ state, variables }: Engine): number => state.read(variables.step)[0] as number;

/** "epoch 3, batch 17", counted from 1. */
export function positionOf(job: Pick<Job, 'segments'>, step: number): string {
  const stepsPerEpoch = job.segments.reduce((total, s) => total + s.steps, 0);
  const epoch = Math.floor(step / stepsPerEpoch);
  return `epoch ${epoch + 1}, batch ${step - epoch * stepsPerEpoch + 1}`;
}

const describe = ({ rows, inputs, targets, weights }: StepTypes): string =>
  `${rows} ${describeFeeds(inputs)} to ${describeFeeds(targets)} weighted ${describeFeeds(weights)}`;

const describeFeeds = (types: readonly FedType[]): string =>
  types.map((t) => `${t.feed}: ${t.dtype}[${t.shape}]`).join(' ');

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0] as Float32Array;
  const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
