import { type Json, jsonKeys, jsonObject, jsonString } from '../../io/json.js';
import { Layer } from '../../layers/layer.js';
import { layerFactory } from '../../layers/registry.js';
import { Topology } from '../topology.js';
import { decodeGraph, encodeGraph } from './graph.js';
import { decodeRecord, encodeRecord } from './values.js';

/** Layers in JSON: { kind: 'layers.dense', name: 'dense_1', trainable: false, quantization: 'int8', config: { units: 8 } }. */

const prefix = 'layers.';

/** @throws Error naming the layer when its kind is not registered, or an option cannot be saved */
export function encodeLayer(where: string, layer: Layer): Json {
  const kind = `${prefix}${layer.kind}`;
  const state = {
    ...(layer.name === '' ? {} : { name: layer.name }),
    ...(layer.trainable ? {} : { trainable: false }),
    ...(layer.quantization === undefined ? {} : { quantization: layer.quantization }),
  };
  if (layer instanceof Topology) return { kind, ...state, config: encodeGraph(where, layer) };
  if (layerFactory(layer.kind) === undefined) {
    throw new Error(
      `${where}: ${layer.label}: only registered kinds of layers can be saved; call registerLayer('${layer.kind}', ` +
        `factory)`,
    );
  }
  // what the layer is now, not what it was made with
  const { name: _name, trainable: _trainable, ...config } = layer.getConfig();
  return { kind, ...state, config: encodeRecord(`${where}: ${layer.label}`, config) };
}

/** @throws Error naming the file and the layer when it is not registered or its options are not valid */
export function decodeLayer(where: string, json: unknown): Layer {
  const entry = jsonObject(where, 'a layer', json);
  jsonKeys(where, 'a layer', entry, ['kind', 'name', 'trainable', 'quantization', 'config']);
  const kind = jsonString(where, 'kind', entry.kind);
  const config = jsonObject(where, 'config', entry.config ?? {});
  const { name = '', trainable = true, quantization } = entry;
  if (typeof name !== 'string' || (name !== '' && !/^[^/\s][^/]*$/.test(name))) {
    throw new Error(`${where}: name must be a string without slashes`);
  }
  if (typeof trainable !== 'boolean') throw new Error(`${where}: trainable must be true or false`);
  if (quantization !== undefined && quantization !== 'int8') throw new Error(`${where}: quantization must be 'int8'`);
  const layer = kind === `${prefix}model` ? decodeGraph(where, name, config) : makeLayer(where, kind, config);
  layer.name = name;
  layer.trainable = trainable;
  if (quantization !== undefined) layer.quantize(quantization);
  return layer;
}

function makeLayer(where: string, kind: string, config: { readonly [key: string]: Json }): Layer {
  const factory = kind.startsWith(prefix) ? layerFactory(kind.slice(prefix.length)) : undefined;
  if (factory === undefined) {
    throw new Error(
      `${where}: unknown kind of layer '${kind.slice(0, 100)}'; layers of your own need registerLayer before loading`,
    );
  }
  const options = decodeRecord(`${where}.config`, config);
  let layer: unknown;
  try {
    layer = factory(options as never);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`);
  }
  if (layer instanceof Layer && `${prefix}${layer.kind}` === kind) return layer;
  throw new Error(`${where}: the factory that is registered for '${kind}' did not make such a layer`);
}
