import type { Variable } from '../ir/graph.js';
import { argumentError, checkOptions, numberIn, show } from '../layers/arguments.js';

/** A part of a weight's name, or an expression that finds one. */
export type NamePattern = string | RegExp;

/** What can be set for some weights only. */
export interface GroupSettings {
  /** Factor on the learning rate, 0 freezes. Default: 1. */
  readonly learningRateMultiplier?: number;
  /** In place of the optimizer's `weightDecay`. */
  readonly weightDecay?: number;
}

/** Settings for the weights whose name has a pattern. */
export interface ParameterGroup extends GroupSettings {
  readonly match: NamePattern;
}

/**
 * A list in which the first group that matches counts, or a function from a weight to its settings.
 *
 * @example
 * [{ match: 'embedding', learningRateMultiplier: 0.1 }, { match: /bias$/, weightDecay: 0 }]
 */
export type ParameterGroups = readonly ParameterGroup[] | ((variable: Variable) => GroupSettings | undefined);

export const matches = (pattern: NamePattern, name: string): boolean =>
  typeof pattern === 'string' ? name.includes(pattern) : name.search(pattern) >= 0;

const isPattern = (value: unknown): boolean => (typeof value === 'string' && value !== '') || value instanceof RegExp;

/** @throws Error when it is not an array of strings and regular expressions */
export function checkPatterns(where: string, name: string, patterns: unknown): void {
  if (!Array.isArray(patterns) || !patterns.every(isPattern)) {
    throw argumentError(where, name, 'an array of strings and regular expressions', patterns);
  }
}

function checkSettings(where: string, settings: unknown, keys: readonly string[]): void {
  checkOptions(where, settings, [...keys, 'learningRateMultiplier', 'weightDecay']);
  const { learningRateMultiplier = 1, weightDecay = 0 } = settings as GroupSettings;
  numberIn(where, 'learningRateMultiplier', learningRateMultiplier, { min: 0 });
  numberIn(where, 'weightDecay', weightDecay, { min: 0 });
}

/** @throws Error naming what is not valid */
export function checkGroups(where: string, groups: unknown): void {
  if (typeof groups === 'function') return;
  if (!Array.isArray(groups)) throw argumentError(where, 'parameterGroups', 'an array or a function', groups);
  for (const [i, group] of groups.entries()) {
    const at = `${where}: parameterGroups[${i}]`;
    checkSettings(at, group, ['match']);
    if (!isPattern(group.match)) throw argumentError(at, 'match', 'a string or a regular expression', group.match);
  }
}

/** @throws Error when a function of the user returns settings that are not valid */
export function settingsOf(where: string, groups: ParameterGroups | undefined, variable: Variable): GroupSettings {
  if (groups === undefined) return {};
  if (typeof groups !== 'function') return groups.find(({ match }) => matches(match, variable.name)) ?? {};
  const settings = groups(variable);
  if (settings !== undefined && (typeof settings !== 'object' || settings === null)) {
    throw new Error(
      `${where}: parameterGroups must return settings or undefined, for ${variable.name} got ${show(settings)}`,
    );
  }
  if (settings !== undefined) checkSettings(`${where}: parameterGroups for ${variable.name}`, settings, []);
  return settings ?? {};
}
