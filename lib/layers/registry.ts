import { activation } from './activation.js';
import { argumentError } from './arguments.js';
import { dense } from './dense.js';
import { dropout } from './dropout.js';
import { inputLayer } from './input.js';
import { type LambdaFn, lambda } from './lambda.js';
import type { Layer, LayerOptions } from './layer.js';
import { add, average, concatenate, maximum, minimum, multiply, subtract } from './merge.js';
import { flatten, reshape } from './reshape.js';

/** Makes a layer from what its `getConfig` returned. */
export type LayerFactory = (config: never) => Layer;

/**
 * Every kind of layer that a saved model may name. The key is the layer's `kind`, the factory takes its options.
 * A new layer is one line here.
 */
const builtin: Readonly<Record<string, LayerFactory>> = {
  activation,
  add,
  average,
  concatenate,
  dense,
  dropout,
  flatten,
  input: inputLayer,
  lambda: ({ fn, ...options }: { fn: LambdaFn } & LayerOptions) => lambda(fn, options),
  maximum,
  minimum,
  multiply,
  reshape,
  subtract,
};

const custom = new Map<string, LayerFactory>();

/** The kinds of the library, without those that were registered. */
export const layerKinds: readonly string[] = Object.keys(builtin);

/** The factory of a kind, or undefined when there is none. */
export const layerFactory = (kind: string): LayerFactory | undefined =>
  Object.hasOwn(builtin, kind) ? builtin[kind] : custom.get(kind);

/** Whether a kind was registered by the user of the library. */
export const isCustomKind = (kind: string): boolean => custom.has(kind);

const wordPattern = /^[A-Za-z_][\w.-]*$/;

function register<T>(where: string, what: string, table: Map<string, T>, name: unknown, value: T): void {
  if (typeof name !== 'string' || !wordPattern.test(name)) throw argumentError(where, what, 'a word', name);
  if (typeof value !== 'function') throw argumentError(where, 'the second argument', 'a function', value);
  const known = table.get(name);
  if (known !== undefined && known !== value) throw new Error(`${where}: '${name}' is registered already`);
  table.set(name, value);
}

/**
 * Makes a kind of layer of your own known, so that models with it can be saved, loaded and cloned. Do it before loading.
 *
 * @param kind what the layer has as its `kind`
 * @param factory makes the layer from its configuration: the `config` of `layers.define`, or what `getConfig` of your
 *     class returns
 * @throws Error when the kind is one of the library, or registered for another factory
 *
 * @example
 * const scale = ({ factor }: { factor: number }) =>
 *   layers.define({ kind: 'scale', config: { factor }, call: ([x]) => ops.multiply(x, factor) });
 * registerLayer('scale', scale);
 */
export function registerLayer(kind: string, factory: LayerFactory): void {
  const where = 'registerLayer';
  if (Object.hasOwn(builtin, kind) || kind === 'model') throw new Error(`${where}: '${kind}' is a layer of the library`);
  register(where, 'kind', custom, kind, factory);
}

// biome-ignore lint/suspicious/noExplicitAny: any function at all may stand in a configuration
type AnyFunction = (...args: any[]) => unknown;

const functions = new Map<string, AnyFunction>();
const names = new WeakMap<AnyFunction, string>();

/**
 * Gives a function a name in saved models: an activation, initializer, regularizer, loss, metric or the function of a
 * `lambda` layer. Loading finds it by this name, so register it before loading as well.
 *
 * @returns `fn`
 * @throws Error when another function is registered under the name
 *
 * @example
 * const squash = registerFunction('squash', (x: Tensor) => ops.divide(x, ops.add(ops.abs(x), 1)));
 * layers.dense({ units: 8, activation: squash });
 */
export function registerFunction<F extends AnyFunction>(name: string, fn: F): F {
  register<AnyFunction>('registerFunction', 'name', functions, name, fn);
  names.set(fn, name);
  return fn;
}

export const registeredFunction = (name: string): AnyFunction | undefined => functions.get(name);

export const nameOfFunction = (fn: AnyFunction): string | undefined => names.get(fn);
