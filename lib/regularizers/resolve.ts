import { named, refuseFactory } from '../layers/arguments.js';
import type { RegularizerFn } from '../layers/layer.js';
import * as regularizers from './index.js';
import { orthogonal } from './orthogonal.js';
import { l1, l1l2, l2 } from './penalties.js';

/** Regularizers that have a name; the name means a factor of 0.01. */
const table = { l1, l2, l1l2, orthogonal } as const satisfies Record<string, () => RegularizerFn>;

export type RegularizerName = keyof typeof table;

/** @throws Error listing the valid names */
export function resolveRegularizer(where: string, name: string, value: RegularizerName | RegularizerFn): RegularizerFn {
  refuseFactory(where, name, value, 'regularizers', regularizers);
  return typeof value === 'function' ? value : named<() => RegularizerFn>(where, name, value, table)();
}
