import path from 'node:path';
import { type Digest, InputFile } from '../io/files.js';
import { type Json, jsonInteger, jsonKeys, jsonObject, jsonString } from '../io/json.js';
import { SafetensorsFile } from '../io/safetensors-file.js';
import type { Engine } from './engine.js';
import { Model, type Restored, restoreModel } from './model.js';
import type { CompileOptions } from './objective.js';
import {
  configName,
  type TrainingState,
  tensorNames,
  trainingVariables,
  weightVariables,
} from './saving/checkpoint.js';
import { decodeModel, type ModelJson, readModelJSON, topologyFromJSON } from './saving/model-json.js';
import { checkPath } from './saving/options.js';
import { matchTensors, readVariable } from './saving/tensors.js';
import { decodeRecord } from './saving/values.js';
import { SumBlock } from './sums.js';
import type { Topology } from './topology.js';

const maxConfigBytes = 1 << 26;

/**
 * A model from what `model.toJSON` returned, or the text of it. It has new weights and is not compiled.
 *
 * @throws Error naming the place in the JSON that is not valid, or the kind of layer that is not registered
 *
 * @example
 * const copy = modelFromJSON(JSON.stringify(net));
 */
export const modelFromJSON = (json: ModelJson | string): Model => new Model(topologyFromJSON(json));

/**
 * Loads a model that `model.save` wrote: its predictions are the same, bit for bit. If it was saved with its optimizer, it
 * is compiled as it was, and `fit` with its `resumePoint` goes on as if training had never been interrupted.
 *
 * Files need not be trusted: everything is checked, and nothing in them is run.
 *
 * @throws Error (as a rejection) naming the file and what is wrong with it: missing, damaged, or not fitting together
 *
 * @example
 * const net = await loadModel('models/digits');
 * await net.fit(x, y, { epochs: 20, ...net.resumePoint });
 */
export async function loadModel(directory: string): Promise<Model> {
  checkPath('loadModel', directory);
  const where = path.join(directory, configName);
  const config = readModelJSON(where, await readText(where));
  jsonKeys(where, 'the content', config, ['format', 'version', 'model', 'training', 'id', 'files']);
  const id = jsonString(where, 'id', config.id);
  if (!/^[0-9a-f]{16}$/.test(id)) throw new Error(`${where}: id must be 16 hexadecimal digits`);
  const files = jsonObject(where, 'files', config.files);
  const topology = decodeModel(where, config.model);
  const training = config.training === undefined ? undefined : decodeTraining(where, config.training);
  const { model, start } = restore(where, topology, training);
  const opened: SafetensorsFile[] = [];
  const open = async (which: keyof typeof tensorNames): Promise<SafetensorsFile> => {
    const file = await openTensors(directory, tensorNames[which], id, readDigest(where, which, files[which]));
    opened.push(file);
    return file;
  };
  try {
    const weights = await open('weights');
    const expected = weightVariables(topology);
    matchTensors(weights, expected); // before memory is taken that the files do not account for
    const { objective, names } = start;
    const optimizer = objective && (await open('optimizer'));
    if (optimizer) {
      matchTensors(optimizer, trainingVariables(objective, new SumBlock('training', objective.metrics, names)));
    }
    const engine = start.engine();
    await fill(engine, weights, expected);
    if (optimizer) await fill(engine, optimizer, trainingVariables(objective, engine.training));
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    for (const file of opened) await file.close();
  }
}

function restore(where: string, topology: Topology, training: TrainingState | undefined): Restored {
  try {
    return restoreModel(topology, training);
  } catch (error) {
    throw new Error(`${where}: training: ${(error as Error).message}`);
  }
}

async function fill(
  engine: Engine,
  file: SafetensorsFile,
  variables: ReturnType<typeof weightVariables>,
): Promise<void> {
  for (const [variable, entry] of matchTensors(file, variables)) {
    engine.state.write(variable, await readVariable(file, variable, entry));
  }
}

async function readText(file: string): Promise<string> {
  const input = await InputFile.open(file);
  try {
    if (input.bytes > maxConfigBytes) throw new Error(`${file}: has ${input.bytes} bytes, more than ${maxConfigBytes}`);
    const bytes = new Uint8Array(input.bytes);
    await input.read(bytes, 0);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new Error(`${file}: is not valid UTF-8`);
    throw error;
  } finally {
    await input.close();
  }
}

function decodeTraining(where: string, json: Json): TrainingState {
  const at = `${where}: training`;
  const training = jsonObject(where, 'training', json);
  jsonKeys(where, 'training', training, ['compile', 'fits', 'resume']);
  const resume = jsonObject(at, 'resume', training.resume);
  jsonKeys(at, 'resume', resume, ['initialEpoch', 'initialStep', 'seed']);
  const count = (name: string, value: unknown): number => jsonInteger(at, name, value, 0, 0x7fffffff);
  return {
    compile: decodeRecord(`${at}.compile`, jsonObject(at, 'compile', training.compile)) as unknown as CompileOptions,
    fits: count('fits', training.fits),
    resume: {
      initialEpoch: count('resume.initialEpoch', resume.initialEpoch),
      initialStep: count('resume.initialStep', resume.initialStep),
      ...(resume.seed === undefined
        ? {}
        : { seed: jsonInteger(at, 'resume.seed', resume.seed, -0x80000000, 0x7fffffff) }),
    },
  };
}

function readDigest(where: string, which: string, json: unknown): Digest {
  const digest = jsonObject(where, `files.${which}`, json);
  return {
    bytes: jsonInteger(where, `files.${which}.bytes`, digest.bytes, 0, Number.MAX_SAFE_INTEGER),
    sha256: jsonString(where, `files.${which}.sha256`, digest.sha256),
  };
}

/** A save that was interrupted after its config was in place has left the tensors under the name with the id. */
async function openTensors(directory: string, name: string, id: string, digest: Digest): Promise<SafetensorsFile> {
  let file: SafetensorsFile;
  try {
    file = await SafetensorsFile.open(path.join(directory, `${name}.${id}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    file = await SafetensorsFile.open(path.join(directory, name));
  }
  try {
    const found = await file.file.digest();
    if (found.bytes === digest.bytes && found.sha256 === digest.sha256) return file;
    throw new Error(`${file.path}: is not the file that ${configName} describes: it is damaged or from another model`);
  } catch (error) {
    await file.close();
    throw error;
  }
}
