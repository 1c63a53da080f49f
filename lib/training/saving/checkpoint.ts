import { promises as fs } from 'node:fs';
import path from 'node:path';
import { type Digest, replaceFile, syncDirectory, uniqueSuffix, writeDurably } from '../../io/files.js';
import { parseJson } from '../../io/json.js';
import { type StoredTensor, safetensorsParts } from '../../io/safetensors.js';
import type { HostData, Variable } from '../../ir/graph.js';
import type { Engine } from '../engine.js';
import type { CompileOptions } from '../objective.js';
import type { ResumePoint } from '../resume.js';
import type { SumBlock } from '../sums.js';
import type { Topology } from '../topology.js';
import type { Objective } from '../trace.js';
import { configLimits, modelToJSON } from './model-json.js';
import { encodeRecord } from './values.js';

/**
 * A saved model is a directory of config.json, weights.safetensors and, to go on with training, optimizer.safetensors.
 *
 * Renaming is atomic for one file only. So the tensors are first written next to their place, as
 * weights.safetensors.<id>; then config.json, which names the id, takes the old one's place: that is the moment from which
 * on the new model counts. The tensors move to their place afterwards; who reads in between looks for <id> first.
 */
export const configName = 'config.json';
export const tensorNames = { weights: 'weights.safetensors', optimizer: 'optimizer.safetensors' } as const;

/** What a compiled model knows besides its tensors. */
export interface TrainingState {
  readonly compile: CompileOptions;
  /** Number of `fit` calls: the next one's seed follows from it. */
  readonly fits: number;
  readonly resume: ResumePoint;
}

export interface ModelState {
  readonly engine: Engine;
  /** Values of all variables at one moment. */
  readonly values: (variable: Variable) => HostData;
  readonly training: TrainingState | undefined;
}

/** The weights under the names that they have in files. */
export const weightVariables = (topology: Topology): Map<string, Variable> =>
  new Map([...topology.weightNames].map(([weight, name]) => [name, weight]));

/** What else a training step reads and writes, under the names of optimizer.safetensors. */
export function trainingVariables(objective: Objective, sums: SumBlock): Map<string, Variable> {
  const { topology, variables, slots } = objective;
  const names: ReadonlyMap<Variable, string> = topology.weightNames;
  const all = new Map<string, Variable>([
    ['step', variables.step],
    ['seed', variables.seed],
  ]);
  for (const { variable, name, of } of slots.all()) {
    all.set(of === undefined ? `slots/${name}` : `slots/${name}/${names.get(of)}`, variable);
  }
  sums.variables.forEach((variable, i) => {
    all.set(`sums/${i}`, variable);
  });
  return all;
}

export function storedTensors(
  variables: ReadonlyMap<string, Variable>,
  values: (variable: Variable) => HostData,
): Map<string, StoredTensor> {
  const store = (variable: Variable): StoredTensor => ({
    dtype: variable.dtype === 'bool' ? 'BOOL' : undefined,
    shape: variable.shape,
    values: values(variable),
  });
  return new Map([...variables].map(([name, variable]) => [name, store(variable)]));
}

/** Directories that are being written to by this process: one save after the other. */
const saving = new Map<string, Promise<void>>();

/** @throws Error when a part of the model cannot be saved, or a file cannot be written */
export async function saveModel(directory: string, state: ModelState): Promise<void> {
  const config = describeModel(state); // fails before anything is written, and describes the moment of the call
  const key = path.resolve(directory);
  const turn = (saving.get(key) ?? Promise.resolve()).then(() => writeModel(directory, state, config));
  const done = turn.catch(() => {});
  saving.set(key, done);
  try {
    await turn;
  } finally {
    if (saving.get(key) === done) saving.delete(key);
  }
}

function describeModel({ engine, training }: ModelState) {
  const model = modelToJSON(engine.topology);
  if (training === undefined) return { ...model };
  const { objective, topology } = engine;
  const frozen = topology.trainableWeights;
  if (objective === undefined || objective.trainable.some((w, i) => w !== frozen[i])) {
    throw new Error(
      'save: a layer was frozen or unfrozen after compile; call compile again, or save with includeOptimizer: false',
    );
  }
  const { compile, fits, resume } = training;
  return { ...model, training: { compile: encodeRecord('save: compile', compile), fits, resume: { ...resume } } };
}

async function writeModel(directory: string, state: ModelState, config: object): Promise<void> {
  const { engine, values, training } = state;
  const id = uniqueSuffix();
  const place = (name: string): string => path.join(directory, name);
  const staged: string[] = [];
  const stage = async (name: string, variables: ReadonlyMap<string, Variable>): Promise<Digest> => {
    const digest = await writeDurably(place(`${name}.${id}`), safetensorsParts(storedTensors(variables, values)));
    staged.push(name);
    return digest;
  };
  await fs.mkdir(directory, { recursive: true });
  try {
    const weights = await stage(tensorNames.weights, weightVariables(engine.topology));
    const files: Record<string, Digest> = { weights };
    if (training !== undefined && engine.objective !== undefined) {
      const variables = trainingVariables(engine.objective, engine.training);
      files.optimizer = await stage(tensorNames.optimizer, variables);
    }
    const text = `${JSON.stringify({ ...config, id, files }, undefined, 1)}\n`;
    parseJson(place(configName), text, configLimits); // what could not be loaded again is not saved
    await replaceFile(place(configName), [new TextEncoder().encode(text)]);
  } catch (error) {
    for (const name of staged) await fs.rm(place(`${name}.${id}`), { force: true });
    throw error;
  }
  for (const name of staged) await fs.rename(place(`${name}.${id}`), place(name));
  await removeLeftovers(directory, staged);
  await syncDirectory(directory);
}

/** What earlier saves that were interrupted left behind, and tensors that the model no longer has. */
async function removeLeftovers(directory: string, current: readonly string[]): Promise<void> {
  const names: readonly string[] = Object.values(tensorNames);
  for (const file of await fs.readdir(directory)) {
    const base = file.replace(/\.[0-9a-f]{16}$/, '');
    const interrupted = base !== file && [...names, configName].includes(base);
    if (interrupted || (names.includes(file) && !current.includes(file))) {
      await fs.rm(path.join(directory, file), { force: true });
    }
  }
}
