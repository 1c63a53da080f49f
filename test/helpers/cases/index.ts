import { attention } from './attention';
import { axis } from './axis';
import type { Case } from './case';
import { conv } from './conv';
import { create } from './create';
import { einsum } from './einsum';
import { elementwise } from './elementwise';
import { image } from './image';
import { indexing } from './indexing';
import { int8Cases } from './int8';
import { integer } from './integer';
import { lossCases } from './losses';
import { matmul } from './matmul';
import { matrix } from './matrix';
import { narrow } from './narrow';
import { nn } from './nn';
import { normalization } from './normalization';
import { pool } from './pool';
import { precision } from './precision';
import { randomNumbers } from './random';
import { recurrent } from './recurrent';
import { reduce } from './reduce';
import { shape } from './shape';

export type { Case, Input, Instance } from './case';

/** THE list: correctness per CPU target, gradients and speed are all run from it. */
export const cases: readonly Case[] = [
  ...elementwise,
  ...integer,
  ...nn,
  ...reduce,
  ...shape,
  ...axis,
  ...indexing,
  ...matmul,
  ...precision,
  ...narrow,
  ...int8Cases,
  ...matrix,
  ...einsum,
  ...normalization,
  ...attention,
  ...conv,
  ...pool,
  ...image,
  ...recurrent,
  ...lossCases,
  ...create,
  ...randomNumbers,
];
