import { broadcastTo, make, scalar } from '../build.js';
import type { AttributesOf, DType, Tensor } from '../graph.js';
import { opInfo, type ScalarOp } from '../optable.js';

/** The operations of a program, on operands of one shape. */
export function mapByParts(inputs: readonly Tensor[], { program, segments }: AttributesOf<'map'>): readonly Tensor[] {
  if (segments !== 1) throw new Error('gradients: the graph has been fused; gradients are taken before fusion');
  const { shape } = inputs[0] as Tensor;
  const constants = program.constants.map(({ value, lanes }) =>
    broadcastTo(scalar(value, lanes === 'i' ? 'int32' : 'float32'), shape),
  );
  const registers = [...inputs, ...constants];
  for (const { op, args } of program.steps) {
    const operands = args.map((r) => registers[r] as Tensor);
    registers.push(make(op, operands, {}, shape, resultType(op, operands.at(-1) as Tensor)));
  }
  return program.outputs.map((r) => registers[r] as Tensor);
}

const casts: { readonly [O in ScalarOp]?: DType } = {
  castFloat: 'float32',
  castInt: 'int32',
  castBfloat16: 'bfloat16',
  widen: 'float32',
};

const resultType = (op: ScalarOp, operand: Tensor): DType =>
  opInfo(op).predicate === true ? 'bool' : (casts[op] ?? operand.dtype);
