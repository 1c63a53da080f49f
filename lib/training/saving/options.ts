import { argumentError } from '../../layers/arguments.js';

export interface SaveOptions {
  /**
   * Whether to save how the model was compiled and the state of the optimizer, to go on with training. Has no effect on a
   * model that is not compiled. Default: true.
   */
  readonly includeOptimizer?: boolean;
}

/** @throws Error when a path is not a string that can be one */
export function checkPath(where: string, value: unknown, name = 'the path'): asserts value is string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw argumentError(where, name, 'a string that is not empty', value);
  }
}
