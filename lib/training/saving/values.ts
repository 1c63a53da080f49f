import * as constraints from '../../constraints/index.js';
import * as initializers from '../../initializers/index.js';
import { type Json, jsonKeys, jsonString } from '../../io/json.js';
import { Layer } from '../../layers/layer.js';
import { recipeOf } from '../../layers/recipe.js';
import { nameOfFunction, registeredFunction } from '../../layers/registry.js';
import * as losses from '../../losses/index.js';
import * as metrics from '../../metrics/index.js';
import { GradientDescent } from '../../optimizers/descent.js';
import * as optimizers from '../../optimizers/index.js';
import * as regularizers from '../../regularizers/index.js';
import * as schedules from '../../schedules/index.js';
import { decodeLayer, encodeLayer } from './layers.js';

/**
 * Arguments in JSON. What JSON has stands for itself; anything else is { kind, config }: a factory of the library and its
 * argument, a layer, a registered function, or a number that JSON cannot write. Nothing in a file is ever run as code: a
 * kind that is not in these tables is an error.
 */

/** Factories that a file may name, by family: what the library exports. */
const families: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  constraints,
  initializers,
  losses,
  metrics,
  optimizers: { ...optimizers, lossScale: scaledOptimizer },
  regularizers,
  schedules,
};

/** The only factory of an optimizer with two arguments. */
function scaledOptimizer(config: { optimizer: optimizers.Optimizer } & optimizers.LossScaleOptions): unknown {
  const { optimizer, ...options } = config;
  return optimizers.lossScale(optimizer, options);
}

/** Numbers that JSON cannot write. */
const numbers: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '-0': -0,
};

const tagKeys = ['kind', 'config'];

/**
 * @param where names the layer or option in messages
 * @throws Error when the value, or a part of it, has no name that a file could hold
 */
export function encodeValue(where: string, value: unknown): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    const name = Object.keys(numbers).find((key) => Object.is(numbers[key], value));
    return name === undefined ? value : { kind: 'number', config: name };
  }
  if (Array.isArray(value)) return value.map((item, i) => encodeValue(`${where}[${i}]`, item));
  if (typeof value === 'function') return encodeFunction(where, value as (...args: never[]) => unknown);
  if (typeof value === 'object') return encodeObject(where, value);
  throw new Error(`${where}: a ${typeof value} cannot be saved`);
}

function encodeFunction(where: string, fn: (...args: never[]) => unknown): Json {
  const recipe = encodeRecipe(where, fn);
  if (recipe !== undefined) return recipe;
  const name = nameOfFunction(fn);
  if (name !== undefined) return { kind: `functions.${name}` };
  throw new Error(
    `${where}: a function of your own can only be saved by name; give it one with registerFunction(name, fn)`,
  );
}

function encodeObject(where: string, value: object): Json {
  if (value instanceof Layer) return encodeLayer(where, value);
  if (value instanceof GradientDescent && Object.hasOwn(optimizers, value.name)) {
    return { kind: `optimizers.${value.name}`, config: encodeValue(`${where}.${value.name}`, value.getConfig()) };
  }
  const recipe = encodeRecipe(where, value);
  if (recipe !== undefined) return recipe;
  if (ArrayBuffer.isView(value) && 'length' in value) return encodeValue(where, Array.from(value as Float32Array));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new Error(
      `${where}: an object (${value.constructor.name}) cannot be saved; saved are names and plain values`,
    );
  }
  if ('kind' in value) throw new Error(`${where}: an object with the key 'kind' cannot be saved`);
  return encodeRecord(where, value);
}

/** The values of a plain object that are not undefined. */
export function encodeRecord(where: string, value: object): { readonly [key: string]: Json } {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, encodeValue(`${where}: ${key}`, item)]));
}

function encodeRecipe(where: string, value: object): Json | undefined {
  const recipe = recipeOf(value);
  if (recipe === undefined) return undefined;
  const { kind, config } = recipe;
  return config === undefined ? { kind } : { kind, config: encodeValue(`${where}: ${kind}`, config) };
}

/**
 * The value that `encodeValue` made this from.
 *
 * @param where names the file and the place in it
 * @throws Error when a kind is unknown, or its factory refuses the arguments
 */
export function decodeValue(where: string, json: Json | undefined): unknown {
  if (Array.isArray(json)) return json.map((item, i) => decodeValue(`${where}[${i}]`, item));
  if (typeof json !== 'object' || json === null) return json;
  if (!Object.hasOwn(json, 'kind')) return decodeRecord(where, json as { [key: string]: Json });
  const { kind, config } = json as { [key: string]: Json };
  return decodeTagged(where, jsonString(where, 'kind', kind), config, json);
}

export function decodeRecord(where: string, json: { readonly [key: string]: Json }): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, decodeValue(`${where}.${key}`, item)]));
}

function decodeTagged(where: string, kind: string, config: Json | undefined, json: object): unknown {
  const dot = kind.indexOf('.');
  const [family, name] = [kind.slice(0, Math.max(dot, 0)), kind.slice(dot + 1)];
  if (family === 'layers') return decodeLayer(where, json);
  jsonKeys(where, `'${kind.slice(0, 100)}'`, json, tagKeys);
  if (kind === 'number') {
    if (typeof config === 'string' && Object.hasOwn(numbers, config)) return numbers[config];
  } else if (family === 'functions') {
    const fn = registeredFunction(name);
    if (fn !== undefined) return fn;
    throw new Error(
      `${where}: the function '${name.slice(0, 100)}' is not registered; call registerFunction before loading`,
    );
  } else if (Object.hasOwn(families, family)) {
    const members = families[family] as Readonly<Record<string, unknown>>;
    const factory = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof factory === 'function') return callFactory(where, factory as (config: unknown) => unknown, kind, config);
  }
  throw new Error(`${where}: unknown kind '${kind.slice(0, 100)}'`);
}

function callFactory(where: string, factory: (config: unknown) => unknown, kind: string, config: Json | undefined) {
  const argument = decodeValue(`${where}.config`, config);
  try {
    return argument === undefined ? (factory as () => unknown)() : factory(argument);
  } catch (error) {
    throw new Error(`${where}: ${kind}: ${(error as Error).message}`);
  }
}
