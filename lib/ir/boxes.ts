import { type Shape, sameShape, type Tensor } from './graph.js';
import { add } from './ops/elementwise.js';
import { zeros } from './ops/random.js';
import { concatenate, expandDims, pad, reshape, sliceAxis } from './ops/shape.js';

/** Values that belong at `start`, `start + step`, ... of a larger tensor, which is 0 elsewhere: the gradient of a slice. */
export interface Box {
  readonly value: Tensor;
  readonly start: readonly number[];
  readonly step: readonly number[];
}

/**
 * The sum of boxes in a zero tensor of the given shape.
 *
 * The parts of a split come back as one concatenation: boxes that differ along one axis only, and do not overlap there,
 * are joined first, axis after axis, so that n parts cost one pass over the result and not n.
 */
export function sumBoxes(shape: Shape, boxes: readonly Box[]): Tensor {
  let rest: readonly Box[] = boxes.map((box) => shape.reduce<Box>((b, _, axis) => spread(b, axis), box));
  for (let axis = shape.length - 1; axis >= 0; axis--) rest = joinAlong(axis, rest);
  return rest.map((box) => embed(box, shape)).reduce((sum, value) => add(sum, value));
}

const endOf = (box: Box, axis: number): number => (box.start[axis] as number) + (box.value.shape[axis] as number);

/** The same box with step 1 along an axis: zeros between its values. */
function spread(box: Box, axis: number): Box {
  const step = box.step[axis] as number;
  const n = box.value.shape[axis] as number;
  const dense = box.step.map((s, i) => (i === axis ? 1 : s));
  if (step === 1 || n <= 1) return { ...box, step: dense };
  const column = expandDims(box.value, axis + 1);
  const gap = zeros(column.shape.map((m, i) => (i === axis + 1 ? step - 1 : m)));
  const long = reshape(
    concatenate([column, gap], axis + 1),
    box.value.shape.map((m, i) => (i === axis ? n * step : m)),
  );
  return { value: sliceAxis(long, axis, 0, (n - 1) * step + 1), start: box.start, step: dense };
}

/** Joins boxes that agree on all other axes and do not overlap along this one. */
function joinAlong(axis: number, boxes: readonly Box[]): Box[] {
  const groups = new Map<string, Box[]>();
  for (const box of boxes) {
    const key = box.start.map((s, i) => (i === axis ? '' : `${s}+${box.value.shape[i]}`)).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [box]);
    else group.push(box);
  }
  return [...groups.values()].flatMap((group) => {
    const chains: Box[][] = [];
    for (const box of group.sort((a, b) => (a.start[axis] as number) - (b.start[axis] as number))) {
      const free = chains.find((chain) => endOf(chain.at(-1) as Box, axis) <= (box.start[axis] as number));
      if (free === undefined) chains.push([box]);
      else free.push(box);
    }
    return chains.map((chain) => joinChain(axis, chain));
  });
}

function joinChain(axis: number, chain: readonly Box[]): Box {
  const first = chain[0] as Box;
  const parts = chain.flatMap((box, i) => {
    const gap = i === 0 ? 0 : (box.start[axis] as number) - endOf(chain[i - 1] as Box, axis);
    return gap === 0 ? [box.value] : [zeros(box.value.shape.map((n, d) => (d === axis ? gap : n))), box.value];
  });
  return { ...first, value: concatenate(parts, axis) };
}

function embed(box: Box, shape: Shape): Tensor {
  if (sameShape(box.value.shape, shape)) return box.value;
  return pad(
    box.value,
    shape.map((n, axis) => [box.start[axis] as number, n - endOf(box, axis)] as const),
  );
}
