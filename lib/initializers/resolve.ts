import { named, refuseFactory } from '../layers/arguments.js';
import type { InitializerFn } from '../layers/layer.js';
import { identity, ones, zeros } from './constant.js';
import * as initializers from './index.js';
import { randomNormal, truncatedNormal } from './normal.js';
import { orthogonal } from './orthogonal.js';
import {
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  lecunNormal,
  lecunUniform,
  varianceScaling,
} from './scaling.js';
import { randomUniform } from './uniform.js';

/** Initializers that have a name; the name means the default options. */
const table = {
  zeros,
  ones,
  identity,
  randomUniform,
  randomNormal,
  truncatedNormal,
  varianceScaling,
  glorotUniform,
  glorotNormal,
  heUniform,
  heNormal,
  lecunUniform,
  lecunNormal,
  orthogonal,
} as const satisfies Record<string, () => InitializerFn>;

export type InitializerName = keyof typeof table;

/** @throws Error listing the valid names */
export function resolveInitializer(where: string, name: string, value: InitializerName | InitializerFn): InitializerFn {
  refuseFactory(where, name, value, 'initializers', initializers);
  return typeof value === 'function' ? value : named<() => InitializerFn>(where, name, value, table)();
}
