import { type Json, jsonObject, parseJson } from '../../io/json.js';
import { Topology } from '../topology.js';
import { decodeLayer, encodeLayer } from './layers.js';

const format = 'steepest';
const version = 1;

/** A model without weights: names of layers, their options and connections. */
export interface ModelJson {
  readonly [key: string]: Json;
  readonly format: typeof format;
  readonly version: typeof version;
  readonly model: Json;
}

/** Ten models inside of each other, or some thousand layers. */
export const configLimits = { depth: 32, values: 200_000 };

/** @throws Error naming the layer or option that cannot be saved */
export const modelToJSON = (topology: Topology): ModelJson => ({
  format,
  version,
  model: encodeLayer('toJSON', topology),
});

/**
 * @param where names the file in messages
 * @returns the object that the text holds
 * @throws Error when it is not the JSON of a model, or of a later version
 */
export function readModelJSON(where: string, text: string): { readonly [key: string]: Json } {
  const json = jsonObject(where, 'the content', parseJson(where, text, configLimits));
  if (json.format !== format) throw new Error(`${where}: is not a saved model: format must be '${format}'`);
  if (json.version !== version) {
    throw new Error(`${where}: has version ${String(json.version)} of the format; this library reads ${version}`);
  }
  return json;
}

/** @throws Error naming the place in the JSON that is not valid */
export function topologyFromJSON(json: unknown, where = 'modelFromJSON'): Topology {
  const text = typeof json === 'string' ? json : (JSON.stringify(json) ?? '');
  return decodeModel(where, readModelJSON(where, text).model);
}

/** @throws Error when it is a layer, but not a model */
export function decodeModel(where: string, json: Json | undefined): Topology {
  const layer = decodeLayer(`${where}: model`, json);
  if (layer instanceof Topology) return layer;
  throw new Error(`${where}: model must be of kind layers.model, is ${layer.label}`);
}
