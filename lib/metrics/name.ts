import { argumentError, checkOptions } from '../layers/arguments.js';

export interface NamedOptions {
  /** Reported under this name. Default: the name of the metric. */
  readonly name?: string;
}

/**
 * What a metric may be reported as: a key of the logs, plain objects, where '__proto__' would not be one.
 *
 * @throws Error naming the argument
 */
export function checkName(where: string, argument: string, name: unknown): string {
  if (typeof name === 'string' && name !== '' && name !== '__proto__') return name;
  const expected = name === '__proto__' ? 'another string' : 'a string that is not empty';
  throw argumentError(where, argument, expected, name);
}

/** @throws Error when there is an option that is not known, or the name is not valid */
export function nameOption(kind: string, options: NamedOptions, known: readonly string[] = ['name']): string {
  const where = `metrics.${kind}`;
  checkOptions(where, options, known);
  return options.name === undefined ? kind : checkName(where, 'name', options.name);
}
