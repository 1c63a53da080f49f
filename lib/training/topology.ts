import { withScope } from '../ir/build.js';
import { formatType, type Shape, type Tensor } from '../ir/graph.js';
import { argumentError, checkOptions, show } from '../layers/arguments.js';
import { takeOut } from '../layers/hand-over.js';
import { InputLayer, type InputOptions } from '../layers/input.js';
import type { Kernel, Quantization } from '../layers/kernel.js';
import { type CallContext, Layer, type Weight } from '../layers/layer.js';
import { formatSymbolic, type LayerCall, SymbolicTensor } from '../layers/symbolic.js';
import { formatSummary } from './summary.js';

export interface TopologyOptions {
  /** Values made by `input()`. */
  readonly inputs: SymbolicTensor | readonly SymbolicTensor[];
  /** Values that depend on all of the inputs and on nothing else. */
  readonly outputs: SymbolicTensor | readonly SymbolicTensor[];
  /** Shown in summaries. Default: 'model'. */
  readonly name?: string;
}

function symbolicList(where: string, argument: string, value: unknown): readonly SymbolicTensor[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw argumentError(where, argument, 'at least one symbolic tensor', value);
  for (const t of list) {
    if (!(t instanceof SymbolicTensor)) {
      throw argumentError(where, argument, `made by input() or by a layer's apply`, t);
    }
  }
  return list as readonly SymbolicTensor[];
}

/**
 * The layers of a model and how they are connected: a directed acyclic graph of layer calls from the inputs to the outputs.
 *
 * A topology is a layer itself, so that a model can be part of another one. It gives unique names to the layers that
 * have none: the kind and a number, in the order of the calls.
 */
export class Topology extends Layer {
  readonly kind = 'model';
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  /** Each call after those that it depends on; inputs are not among them. */
  readonly calls: readonly LayerCall[];
  /** Input layers in the order of `inputs`, then the others in the order of their first call. */
  readonly layers: readonly Layer[];

  /**
   * @throws Error when an output depends on a value that is not among the inputs, an input is not used by any output,
   *     an input is given twice or was not made by `input()`, or two layers have the same name
   */
  constructor(options: TopologyOptions) {
    checkOptions('model', options, ['inputs', 'outputs', 'name']);
    super({ name: options.name ?? 'model' });
    const where = `model '${this.name}'`;
    this.inputs = symbolicList(where, 'inputs', options.inputs);
    this.outputs = symbolicList(where, 'outputs', options.outputs);
    this.inputs.forEach((t, i) => {
      if (!(t.call.layer instanceof InputLayer)) {
        throw new Error(`${where}: inputs[${i}] must be made by input(), it is a result of ${t.call.layer.label}`);
      }
      if (this.inputs.indexOf(t) !== i) throw new Error(`${where}: inputs[${i}] is given twice`);
    });
    this.calls = this.#collectCalls(where);
    this.layers = [...new Set([...this.inputs.map((t) => t.call), ...this.calls].map((call) => call.layer))];
    nameLayers(where, this.layers);
    this.ensureBuilt([]); // its layers have built themselves when they were applied
  }

  override get weights(): readonly Weight[] {
    return [...new Set(this.layers.flatMap((layer) => layer.weights))];
  }

  override get trainableWeights(): readonly Weight[] {
    return this.trainable ? [...new Set(this.layers.flatMap((layer) => layer.trainableWeights))] : [];
  }

  override get kernels(): readonly Kernel[] {
    return [...new Set(this.layers.flatMap((layer) => layer.kernels))];
  }

  /** Each of its layers; it has nothing of its own. */
  override quantize(quantization: Quantization): void {
    for (const layer of this.layers) layer.quantize(quantization);
  }

  override get stateWeights(): readonly Weight[] {
    return [...new Set(this.layers.flatMap((layer) => layer.stateWeights))];
  }

  /** Names of all weights, unique in this model: 'dense_1/kernel'; in a nested model 'encoder/dense_1/kernel'. */
  get weightNames(): ReadonlyMap<Weight, string> {
    const names = new Map<Weight, string>();
    const add = (weight: Weight, name: string): void => {
      if (!names.has(weight)) names.set(weight, name);
    };
    const visit = (layer: Layer): void => {
      if (layer instanceof Topology) {
        for (const [weight, name] of layer.weightNames) add(weight, `${layer.path}/${name}`);
      } else {
        layer.parts.forEach(visit);
        for (const weight of layer.weights) add(weight, weight.name);
      }
    };
    this.layers.forEach(visit);
    return names;
  }

  /** @throws Error naming the layers that there are */
  getLayer(which: string | number): Layer {
    const layer = typeof which === 'number' ? this.layers.at(which) : this.layers.find((l) => l.name === which);
    if (layer !== undefined) return layer;
    throw new Error(
      `model '${this.name}': no layer ${show(which)}; there are ${this.layers.map((l) => l.name).join(', ')}`,
    );
  }

  /** @throws Error naming the layers that there are, or when the layer has not just one output here */
  outputOf(which: string | number): SymbolicTensor {
    const layer = this.getLayer(which);
    const outputs = [...this.inputs.map((t) => t.call), ...this.calls]
      .filter((call) => call.layer === layer)
      .flatMap((call) => call.outputs);
    const [only] = outputs;
    if (only !== undefined && outputs.length === 1) return only;
    throw new Error(`model '${this.name}': layer ${show(layer.name)} has ${outputs.length} outputs, expected one`);
  }

  /**
   * Traces the whole model.
   *
   * @param inputs in the order of `inputs`, with concrete shapes and one batch size
   * @throws Error naming the input that does not fit
   */
  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    this.#checkInputs(inputs);
    const values = new Map<SymbolicTensor, Tensor>(this.inputs.map((t, i) => [t, inputs[i] as Tensor]));
    for (const { layer, inputs: from, outputs } of this.calls) {
      const run = () =>
        layer.trace(
          from.map((t) => values.get(t) as Tensor),
          context,
        );
      const results = layer instanceof Topology ? withScope(layer.label, run) : run();
      outputs.forEach((t, i) => {
        values.set(t, results[i] as Tensor);
      });
    }
    return this.outputs.map((t) => values.get(t) as Tensor);
  }

  /** As `Layer.trace`, without the model's own name in front of the layers': a nested model's is added by the outer one. */
  override trace(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    return this.call(inputs, context);
  }

  /** `trace` of a whole model: its results are as its last layers computed them. */
  traceWhole(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    return this.call(inputs, context).map(takeOut);
  }

  /** The regularization penalties of all weights, each a rank-0 tensor to add to the training loss. */
  penalties(context: CallContext): readonly Tensor[] {
    return this.weights.flatMap((w) => (w.regularizer === undefined ? [] : [w.regularizer(context.read(w))]));
  }

  override getConfig(): Record<string, unknown> {
    return { name: this.name, inputs: this.inputs, outputs: this.outputs };
  }

  /** A table of the layers, their output shapes and numbers of parameters. */
  summary(): string {
    return formatSummary(this);
  }

  #collectCalls(where: string): LayerCall[] {
    const known = new Set(this.inputs);
    const used = new Set<SymbolicTensor>();
    const calls = new Set<LayerCall>();
    const pending = [...this.outputs];
    while (pending.length > 0) {
      const t = pending.pop() as SymbolicTensor;
      if (known.has(t)) {
        used.add(t);
      } else if (t.call.layer instanceof InputLayer) {
        throw new Error(
          `${where}: an output depends on the input ${t.call.layer.name || formatSymbolic(t)}, which is not among the inputs`,
        );
      } else if (!calls.has(t.call)) {
        calls.add(t.call);
        pending.push(...t.call.inputs);
      }
    }
    this.inputs.forEach((t, i) => {
      if (!used.has(t)) throw new Error(`${where}: no output depends on inputs[${i}] (${formatSymbolic(t)})`);
    });
    return [...calls].sort((a, b) => a.id - b.id);
  }

  #checkInputs(inputs: readonly Tensor[]): void {
    const where = `model '${this.name}'`;
    if (inputs.length !== this.inputs.length) {
      throw new Error(`${where}: takes ${this.inputs.length} inputs, got ${inputs.length}`);
    }
    const batch = inputs[0]?.shape[0];
    this.inputs.forEach((declared, i) => {
      const t = inputs[i] as Tensor;
      const fits = t.rank === declared.rank && declared.shape.every((n, axis) => (n ?? batch) === t.shape[axis]);
      if (!fits || t.dtype !== declared.dtype) {
        throw new Error(
          `${where}: input '${declared.call.layer.name}' expects ${formatSymbolic(declared)}, got ${formatType(t)}`,
        );
      }
    });
  }
}

/** Names layers that have no name yet, and checks that no two have the same. */
function nameLayers(where: string, layers: readonly Layer[]): void {
  const taken = new Set<string>();
  for (const layer of layers) {
    if (layer.name === '') continue;
    if (taken.has(layer.name)) {
      const how = layer instanceof Topology ? `: sequential(layers, { name: 'encoder' })` : '';
      throw new Error(`${where}: two layers are named '${layer.name}'; give one another name${how}`);
    }
    taken.add(layer.name);
  }
  const counters = new Map<string, number>();
  for (const layer of layers) {
    if (layer.name !== '') continue;
    let n = counters.get(layer.kind) ?? 0;
    do n++;
    while (taken.has(`${layer.kind}_${n}`));
    counters.set(layer.kind, n);
    layer.name = `${layer.kind}_${n}`;
    taken.add(layer.name);
  }
}

/** What a list of layers says about its own input: an input layer in front, or `inputShape` on the first layer. */
export function declaredInput(layers: readonly Layer[]): InputOptions | undefined {
  const [first] = layers;
  if (first instanceof InputLayer) return first.options;
  if (first instanceof Topology) {
    const [only] = first.inputs;
    return only && { shape: only.shape.slice(1) as Shape, dtype: only.dtype };
  }
  if (first?.inputShape === undefined) return undefined;
  return { shape: first.inputShape, dtype: first.inputDType };
}

/**
 * Connects layers one after another.
 *
 * @param layers at least one; an input layer only in front
 * @param input shape and dtype of the samples, when the layers do not say it themselves
 * @throws Error when the list is empty or holds anything but layers, when nothing tells the input's shape, or when a
 *     layer does not fit the one before it
 */
export function connectSequential(
  layers: readonly Layer[],
  options: { name?: string; input?: InputOptions } = {},
): Topology {
  const where = `sequential '${options.name ?? 'sequential'}'`;
  checkSequential(where, layers);
  const declared = declaredInput(layers) ?? options.input;
  if (declared === undefined) {
    throw new Error(
      `${where}: the input's shape is not known yet: give inputShape on the first layer, or fit the model`,
    );
  }
  const [first] = layers;
  const entrance = first instanceof InputLayer ? first : new InputLayer(declared);
  const body = first === entrance ? layers.slice(1) : layers;
  // named before they are connected, so that errors about shapes can name them
  nameLayers(where, [entrance, ...body]);
  const output = body.reduce((value, layer) => layer.apply(value), entrance.output);
  return new Topology({ inputs: entrance.output, outputs: output, name: options.name ?? 'sequential' });
}

/** @throws Error when `layers` is not a list that `connectSequential` could connect, whatever the input */
export function checkSequential(where: string, layers: unknown): asserts layers is readonly Layer[] {
  if (!Array.isArray(layers) || layers.length === 0) throw argumentError(where, 'layers', 'an array of layers', layers);
  layers.forEach((layer, i) => {
    if (!(layer instanceof Layer)) throw argumentError(where, `layers[${i}]`, 'a layer', layer);
    if (i > 0 && layer instanceof InputLayer)
      throw new Error(`${where}: layers[${i}] is an input layer; it can only be the first`);
    if (layers.indexOf(layer) !== i)
      throw new Error(`${where}: layers[${i}] is the same layer as layers[${layers.indexOf(layer)}]`);
  });
}
