import type { Adapter } from '../../adapter';
import { arrays } from './arrays';
import { elementwise } from './elementwise';
import { normalizations } from './normalizations';
import { reductions } from './reductions';
import { sequences } from './sequences';
import { spatial } from './spatial';

/** ONNX operators, by their names in ONNX. What the set leaves out, and why: ../../onnx.md. */
export const onnx: Readonly<Record<string, Adapter>> = {
  ...arrays,
  ...elementwise,
  ...normalizations,
  ...reductions,
  ...sequences,
  ...spatial,
};
