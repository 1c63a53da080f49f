import type { Job } from '../runtime/addon.js';
import { type Column, commonRows, type ModelData, readColumn, splitData } from './columns.js';
import { segmentRows } from './dataset.js';
import type { Engine } from './engine.js';
import { type Feeds, shareFeeds } from './feeds.js';
import type { CompiledObjective } from './objective.js';
import { inputTypes, readTarget, sampleShape } from './targets.js';
import type { Topology } from './topology.js';
import type { StepTypes } from './trace.js';
import { type WeightOptions, weightColumns } from './weighting.js';

/** Names of a model's inputs and outputs. */
export interface PortNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Data for training or evaluation, checked and not copied yet. */
export interface Batches {
  readonly rows: number;
  /** In the order of the feeds. */
  readonly columns: readonly Column[];
  readonly types: Omit<StepTypes, 'rows'>;
}

export interface BatchesOptions extends WeightOptions {
  /** Part of the rows, from the end, that validates. */
  readonly validationSplit?: number | undefined;
}

function readInputs(where: string, { inputs }: Topology, names: readonly string[], x: ModelData): Column[] {
  const parts = splitData(where, 'x', names, x);
  return inputTypes(inputs, names).map((type, i) => readColumn(where, type, parts[i] as Float32Array));
}

/** Data for prediction, checked. @throws Error naming what does not fit */
export function readPredictData(
  where: string,
  topology: Topology,
  names: readonly string[],
  x: ModelData,
): Feeds & { readonly rows: number } {
  const inputs = readInputs(where, topology, names, x);
  return { rows: commonRows(where, inputs), ...shareFeeds(inputs) };
}

/**
 * Checks data against what a model and its losses expect.
 *
 * @throws Error naming the argument, what was expected and what came
 */
export function readBatches(
  where: string,
  { topology, losses }: CompiledObjective,
  names: PortNames,
  x: ModelData,
  y: ModelData,
  { validationSplit = 0, ...weighting }: BatchesOptions = {},
): Batches {
  const inputs = readInputs(where, topology, names.inputs, x);
  const rows = commonRows(where, inputs);
  const yParts = splitData(where, 'y', names.outputs, y);
  const targets = topology.outputs.map((output, i) => {
    const label = topology.outputs.length === 1 ? 'y' : `y['${names.outputs[i]}']`;
    const loss = losses[i] as CompiledObjective['losses'][number];
    return readTarget(where, output, loss, yParts[i] as Float32Array, rows, label);
  });
  commonRows(where, [...inputs, ...targets]);
  const outputs = { names: names.outputs, shapes: topology.outputs.map(sampleShape), targets };
  const weights = weightColumns(where, rows, outputs, weighting, splitRow(rows, validationSplit));
  const { columns, types } = shareFeeds([...inputs, ...targets, ...weights]);
  const ends = [inputs.length, inputs.length + targets.length] as const;
  return {
    rows,
    columns,
    types: { inputs: types.slice(0, ends[0]), targets: types.slice(...ends), weights: types.slice(ends[1]) },
  };
}

/** The first row that validates; `rows` when none does. */
export const splitRow = (rows: number, validationSplit: number): number => Math.floor(rows * (1 - validationSplit));

/** The segments of an epoch, with their plans compiled. */
export function trainSegments(
  engine: Engine,
  types: Batches['types'],
  rows: number,
  batchSize: number,
): Job['segments'] {
  return segmentRows(rows, batchSize).map((s) => ({ ...s, plan: engine.trainPlan({ ...types, rows: s.rows }) }));
}

export function evalSegments(
  engine: Engine,
  types: Batches['types'],
  rows: number,
  batchSize: number,
): Job['segments'] {
  return segmentRows(rows, batchSize).map((s) => ({ ...s, plan: engine.evalPlan({ ...types, rows: s.rows }) }));
}
