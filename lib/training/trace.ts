import { gradients } from '../compile/index.js';
import { rebuild, rewrite } from '../compile/rewrite.js';
import { make, scalar, withScope } from '../ir/build.js';
import { formatType, type Graph, Node, type Shape, Tensor, topological, type Variable } from '../ir/graph.js';
import { add, cast, multiply, stopGradient } from '../ir/ops/elementwise.js';
import { reshape } from '../ir/ops/shape.js';
import { type Precision, withPrecision } from '../ir/precision.js';
import { withRandom } from '../ir/random-source.js';
import { onWayBack } from '../layers/hand-over.js';
import type { CallContext, ConstraintFn, Weight } from '../layers/layer.js';
import { maskOf } from '../layers/mask.js';
import type { LossFunction } from '../losses/loss.js';
import { reduceLoss } from '../losses/reduce.js';
import type { Metric } from '../metrics/metric.js';
import type { Optimizer, UpdateContext } from '../optimizers/optimizer.js';
import type { FedType } from './feeds.js';
import { newVariable } from './state.js';
import { plainStorage, type Storage } from './storage.js';
import type { Topology } from './topology.js';

/** Reads and writes of state while one step is traced: reads see old values, the last write of each variable counts. */
export class StateTrace {
  readonly #values = new Map<Variable, Tensor>();
  readonly #written = new Map<Variable, Tensor>();

  constructor(private readonly storage: Storage) {}

  readonly read = (variable: Variable): Tensor => {
    let value = this.#values.get(variable);
    if (value === undefined) {
      const stored = this.storage.of(variable);
      value = cast(make('variable', [], { variable: stored }, stored.shape, stored.dtype), variable.dtype);
      this.#values.set(variable, value);
    }
    return value;
  };

  readonly write = (variable: Variable, value: Tensor): void => {
    const fits = value.dtype === variable.dtype && value.shape.join() === variable.shape.join();
    if (!fits) {
      throw new Error(
        `write of ${variable.name}: expected ${variable.dtype}[${variable.shape.join(', ')}], ` +
          `got ${value.dtype}[${value.shape.join(', ')}]`,
      );
    }
    this.#written.set(variable, value);
  };

  /** The write effects, for a graph. */
  writes(): Node[] {
    return [...this.#written].map(([written, value]) => {
      const variable = this.storage.of(written);
      return new Node('write', [cast(value, variable.dtype)], { variable }, [], variable.name);
    });
  }
}

/** Scalars that every training step uses. */
export class StepVariables {
  readonly learningRate = newVariable('learningRate', [], 'float32');
  /** Updates done so far; also what random numbers are drawn for. */
  readonly step = newVariable('step', [], 'int32');
  readonly seed = newVariable('seed', [], 'int32');

  get all(): Variable[] {
    return [this.learningRate, this.step, this.seed];
  }
}

/** One reported number: its metric, the output it looks at, and where its sums are for training and evaluation. */
export interface MetricSlot {
  /** Key in the logs: 'accuracy', 'classAccuracy'. */
  readonly key: string;
  readonly metric: Metric;
  readonly output: number;
  readonly weighted: boolean;
}

/** The loss of one output. */
export interface OutputLoss {
  readonly loss: LossFunction;
  readonly weight: number;
  /** For messages. */
  readonly name: string;
}

/** Sums of an epoch: loss, loss per output where there are several, metrics. A row of it becomes the logs. */
export interface Sums {
  readonly loss: Variable;
  readonly perOutput: readonly Variable[];
  readonly metrics: readonly Variable[];
}

/** What the data of a step looks like. */
export interface StepTypes {
  readonly rows: number;
  readonly inputs: readonly FedType[];
  readonly targets: readonly FedType[];
  /** Of samples or their time steps: none, one for all outputs, or one for each. */
  readonly weights: readonly FedType[];
}

/** One tensor for each feed. Types hold the shape of one sample; the rows are added here. */
function placeholders(types: readonly FedType[], rows: number): Tensor[] {
  const fed: Tensor[] = [];
  for (const { feed, shape, dtype } of types) fed[feed] ??= make('input', [], { slot: feed }, [rows, ...shape], dtype);
  return fed;
}

/** What each of `types` is fed. */
const pick = (fed: readonly Tensor[], types: readonly FedType[]): Tensor[] => types.map((t) => fed[t.feed] as Tensor);

/** Runs `body` with random numbers drawn from the state's seed and step. */
function randomFromState<T>(state: StateTrace, variables: StepVariables, body: () => T): T {
  let stream = 0;
  const source = { seed: state.read(variables.seed), counter: state.read(variables.step), nextStream: () => stream++ };
  return withRandom(source, body);
}

/** The mean loss of one output over the batch: sum(weight_i * loss_i) / entries. */
function batchLoss({ loss, name }: OutputLoss, yTrue: Tensor, yPred: Tensor, weights: Tensor | undefined): Tensor {
  return withScope(`loss of ${name}`, () => {
    const value = loss(yTrue, yPred);
    if (!(value instanceof Tensor) || value.dtype !== 'float32') {
      const got = value instanceof Tensor ? formatType(value) : typeof value;
      throw new Error(`loss of ${name}: must return a float32 tensor, got ${got}`);
    }
    if (value.rank > 0 && value.shape[0] !== yPred.shape[0]) {
      throw new Error(
        `loss of ${name}: must return one number per sample (shape [${yPred.shape[0]}]) or a single number, ` +
          `got shape [${value.shape.join(', ')}]`,
      );
    }
    return reduceLoss(value, weights, maskOf(yPred));
  });
}

/** What a model is compiled to minimize, report and update with. */
export interface Objective {
  readonly topology: Topology;
  readonly losses: readonly OutputLoss[];
  readonly metrics: readonly MetricSlot[];
  readonly optimizer: Optimizer;
  /** Of the products of the layers and of their gradients. */
  readonly precision: Precision;
  /** By its name; undefined: the one of the process. */
  readonly device?: string | undefined;
  /** Weights that the optimizer changes: what was trainable when the model was compiled. */
  readonly trainable: readonly Weight[];
  readonly variables: StepVariables;
  readonly slots: OptimizerSlots;
  readonly storage: Storage;
}

/** Outside of training, only what stateful layers remember changes. */
function writesOfStates(topology: Topology, state: StateTrace): CallContext['write'] {
  const remembered = new Set<Variable>(topology.stateWeights);
  return (variable, value) => {
    if (remembered.has(variable)) state.write(variable, value);
  };
}

/** Forward pass, total loss and the sums that it adds to: common to training and evaluation. */
function traceObjective(objective: Objective, types: StepTypes, state: StateTrace, sums: Sums, training: boolean) {
  const { topology, losses, metrics, precision, variables } = objective;
  const { rows } = types;
  const fed = placeholders([...types.inputs, ...types.targets, ...types.weights], rows);
  const inputs = pick(fed, types.inputs);
  const targets = pick(fed, types.targets);
  const weights = pick(fed, types.weights);
  const weightsOf = (output: number): Tensor | undefined => weights[weights.length > 1 ? output : 0];
  const penalties: Tensor[] = [];
  const context: CallContext = {
    training,
    read: state.read,
    write: training ? state.write : writesOfStates(topology, state),
    addLoss: (penalty) => penalties.push(penalty),
  };
  const outputs = randomFromState(state, variables, () =>
    withPrecision(precision, () => topology.traceWhole(inputs, context)),
  );
  penalties.push(...topology.penalties(context));

  const accumulate = (to: Variable, value: Tensor): void => state.write(to, add(state.read(to), stopGradient(value)));
  const parts = losses.map((l, i) => batchLoss(l, targets[i] as Tensor, outputs[i] as Tensor, weightsOf(i)));
  const weightedParts = parts.map((part, i) => scaled(part, (losses[i] as OutputLoss).weight));
  const total = [...weightedParts, ...penalties].reduce((a, b) => add(a, b));
  accumulate(sums.loss, multiply(total, rows));
  sums.perOutput.forEach((to, i) => {
    accumulate(to, multiply(parts[i] as Tensor, rows));
  });
  metrics.forEach(({ metric, output, weighted, key }, i) => {
    withScope(`metric ${key}`, () => {
      const yPred = outputs[output] as Tensor;
      const weight = weighted ? weightsOf(output) : undefined;
      const to = sums.metrics[i] as Variable;
      const before = state.read(to);
      const update = metric.update(targets[output] as Tensor, stopGradient(yPred), weight, maskOf(yPred), before);
      if (update.size !== metric.size) {
        throw new Error(
          `metric ${key}: update must return ${metric.size} sums, got shape [${update.shape.join(', ')}]`,
        );
      }
      accumulate(to, reshape(update, to.shape));
    });
  });
  return { inputs: fed, total };
}

const scaled = (value: Tensor, weight: number | Tensor): Tensor => (weight === 1 ? value : multiply(value, weight));

/** One training step: forward, loss, gradients, optimizer, sums. Has no outputs; everything it does is in the state. */
export function traceTrainStep(objective: Objective, types: StepTypes, sums: Sums): Graph {
  const state = new StateTrace(objective.storage);
  const { inputs, total } = traceObjective(objective, types, state, sums, true);
  const values = objective.trainable.map(state.read);
  const { lossScale = 1 } = objective.optimizer;
  const scale = typeof lossScale === 'number' ? lossScale : lossScale({ slot: objective.slots.get, read: state.read });
  const loss = scaled(total, scale);
  const lastForward = scalar(0).node.id; // ids grow as nodes are made
  const slopes = gradients(loss, values);
  traceUpdate(objective, state, (i) => slopes[i] as Tensor);
  return narrowWayBack({ inputs, outputs: [], writes: state.writes() }, lastForward);
}

/** What was made after a node, on the way back, sees values of layers as layers hand them over. */
function narrowWayBack(graph: Graph, lastForward: number): Graph {
  if (!topological(graph).some((node) => node.op === 'castBfloat16')) return graph;
  const narrow = new Map<Tensor, Tensor>();
  const twin = (t: Tensor): Tensor => {
    const found = narrow.get(t) ?? onWayBack(t);
    narrow.set(t, found);
    return found;
  };
  return rewrite(graph, (node, inputs) => rebuild(node, node.id > lastForward ? inputs.map(twin) : inputs).outputs);
}

/** Loss and metrics of a batch, added to the sums. */
export function traceEvalStep(objective: Objective, types: StepTypes, sums: Sums): Graph {
  const state = new StateTrace(objective.storage);
  const { inputs } = traceObjective(objective, types, state, sums, false);
  return { inputs, outputs: [], writes: state.writes() };
}

/** The outputs of a model for a batch. */
export function tracePredict(
  topology: Topology,
  variables: StepVariables,
  inputs: readonly FedType[],
  rows: number,
  { precision, storage }: Pick<Objective, 'precision' | 'storage'>,
): Graph {
  const state = new StateTrace(storage);
  const fed = placeholders(inputs, rows);
  const write = writesOfStates(topology, state);
  const context: CallContext = { training: false, read: state.read, write, addLoss: () => {} };
  const outputs = randomFromState(state, variables, () =>
    withPrecision(precision, () => topology.traceWhole(pick(fed, inputs), context)),
  );
  return { inputs: fed, outputs, writes: state.writes() };
}

/** The optimizer's update of all trainable weights, and the step counter. */
function traceUpdate(
  objective: Pick<Objective, 'trainable' | 'optimizer' | 'variables' | 'slots'>,
  state: StateTrace,
  gradientOf: (i: number) => Tensor,
): void {
  const { trainable, optimizer, variables, slots } = objective;
  const step = add(state.read(variables.step), 1);
  const constraints = new Map<Variable, ConstraintFn>();
  for (const w of trainable) if (w.constraint !== undefined) constraints.set(w, w.constraint);
  const context: UpdateContext = {
    learningRate: state.read(variables.learningRate),
    step,
    slot: slots.get,
    read: state.read,
    write: (variable, value) => state.write(variable, constraints.get(variable)?.(value) ?? value),
  };
  withScope(`optimizer ${optimizer.name}`, () => {
    const parameters = trainable.map((variable, i) => ({
      variable,
      value: state.read(variable),
      gradient: gradientOf(i),
    }));
    optimizer.update(parameters, context);
  });
  state.write(variables.step, step);
}

/** What the optimizer does to the weights when training is done; undefined for nothing. */
export function traceFinalize({ trainable, optimizer, variables, slots, storage }: Objective): Graph | undefined {
  const state = new StateTrace(storage);
  withScope(`optimizer ${optimizer.name}`, () => {
    const parameters = trainable.map((variable) => ({ variable, value: state.read(variable) }));
    const context: UpdateContext = {
      learningRate: state.read(variables.learningRate),
      step: state.read(variables.step),
      slot: slots.get,
      read: state.read,
      write: state.write,
    };
    optimizer.finalize?.(parameters, context);
  });
  const writes = state.writes();
  return writes.length === 0 ? undefined : { inputs: [], outputs: [], writes };
}

/** The optimizer's state: made when its update is traced for the first time, the same variables ever after. */
export class OptimizerSlots {
  readonly #slots = new Map<Variable | undefined, Map<string, { variable: Variable; initial: number }>>();

  readonly get = (name: string, of: Variable | undefined, initial = 0, shape: Shape = of?.shape ?? []): Variable => {
    let named = this.#slots.get(of);
    if (named === undefined) {
      named = new Map();
      this.#slots.set(of, named);
    }
    let slot = named.get(name);
    if (slot === undefined) {
      const fullName = of === undefined ? `optimizer/${name}` : `optimizer/${of.name}/${name}`;
      slot = { variable: newVariable(fullName, shape, 'float32'), initial };
      named.set(name, slot);
    }
    return slot.variable;
  };

  /** All variables with their initial value, their name, and the parameter that they belong to, if any. */
  *all(): Generator<{ variable: Variable; initial: number; name: string; of: Variable | undefined }> {
    for (const [of, named] of this.#slots) {
      for (const [name, slot] of named) yield { ...slot, name, of };
    }
  }
}

/** Finds the slots that an optimizer keeps for a model, by tracing its update with unknown gradients. */
export function discoverSlots(
  trainable: readonly Weight[],
  optimizer: Optimizer,
  variables: StepVariables,
): OptimizerSlots {
  const slots = new OptimizerSlots();
  const gradientOf = (i: number): Tensor => {
    const { shape } = trainable[i] as Weight;
    return make('input', [], { slot: i }, shape, 'float32');
  };
  traceUpdate({ trainable, optimizer, variables, slots }, new StateTrace(plainStorage), gradientOf);
  return slots;
}
