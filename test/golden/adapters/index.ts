import type { Adapter } from '../adapter';
import { activations } from './activations';
import { arrays } from './arrays';
import { elementwise } from './elementwise';
import { losses } from './losses';
import { optimizers } from './optimizers';
import { reductions } from './reductions';
import { regularizers } from './regularizers';
import { statistics } from './statistics';
import { training } from './training';

/** By operation, or by group/operation where a name means different things. */
export const adapters: Readonly<Record<string, Adapter>> = {
  ...activations,
  ...arrays,
  ...elementwise,
  ...losses,
  ...optimizers,
  ...reductions,
  ...regularizers,
  ...statistics,
  ...training,
};
