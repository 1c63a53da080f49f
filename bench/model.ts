import { layers, type Model, sequential } from 'steepest';
import type { Case } from './cases.js';

/** The network of a case, not compiled. */
export function buildModel({ units, head, image, sequence }: Case): Model {
  const features = units[0] as number;
  const convolutions = image && [
    layers.reshape({ targetShape: image.shape, inputShape: [features] }),
    ...image.filters.flatMap((filters) => [
      layers.conv2d({ filters, kernelSize: 3, activation: 'relu' }),
      layers.maxPooling2d({ poolSize: 2 }),
    ]),
    layers.flatten(),
    layers.dropout({ rate: image.dropout }),
  ];
  const recurrent = sequence && [
    layers.reshape({ targetShape: sequence.shape, inputShape: [features] }),
    layers.lstm({ units: sequence.units }),
  ];
  const before = convolutions ?? recurrent;
  const dense = units.slice(1).map((n, i) =>
    layers.dense({
      units: n,
      activation: i < units.length - 2 ? 'relu' : head,
      ...(i === 0 && before === undefined ? { inputShape: [features] } : {}),
    }),
  );
  return sequential([...(before ?? []), ...dense]);
}
