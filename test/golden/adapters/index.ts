import type { Adapter } from '../adapter';
import type { GoldenCase } from '../set';
import { activations } from './activations';
import { arrays } from './arrays';
import { attention } from './attention';
import { elementwise } from './elementwise';
import { losses } from './losses';
import { normalizations } from './normalizations';
import { onnx } from './onnx/index';
import { optimizers } from './optimizers';
import { recurrents } from './recurrent';
import { reductions } from './reductions';
import { regularizers } from './regularizers';
import { schedules } from './schedules';
import { spatial } from './spatial';
import { statistics } from './statistics';
import { training } from './training';

/** By operation, or by group/operation where a name means different things. */
const adapters: Readonly<Record<string, Adapter>> = {
  ...activations,
  ...arrays,
  ...attention,
  ...elementwise,
  ...losses,
  ...normalizations,
  ...onnx,
  ...optimizers,
  ...recurrents,
  ...reductions,
  ...regularizers,
  ...schedules,
  ...spatial,
  ...statistics,
  ...training,
};

export const adapterOf = ({ group, op }: GoldenCase): Adapter | undefined =>
  adapters[`${group}/${op}`] ?? adapters[op] ?? adapters[`${group}/*`];
