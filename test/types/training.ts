// Compiled by names.test.ts and never run: what must and must not be accepted by the compiler.

import { callbacks, sequential } from '../../lib/training/index';
import { layers, optimizers } from '../training/library';

export async function accepted(): Promise<void> {
  const net = sequential([layers.dense({ units: 2, activation: 'relu', inputShape: [4] })]);
  net.compile({ optimizer: 'adamw', loss: 'mse', metrics: ['accuracy', 'mae'] });
  net.compile({ optimizer: optimizers.adam(), loss: (yTrue) => yTrue, lossWeights: { out: 1 } });
  const { loss, accuracy } = await net.evaluate(new Float32Array(4), new Uint8Array(1));
  const sum: number = loss + (accuracy as number);
  const result: Float32Array = net.predictSync(new Float32Array(4));
  await net.fit([[sum]], [[result[0] as number]], {
    callbacks: [callbacks.earlyStopping({ mode: 'max' })],
    verbose: 2,
  });
}

export function refused(): void {
  const net = sequential([layers.dense({ units: 2, inputShape: [4] })]);
  // @ts-expect-error no such optimizer
  net.compile({ optimizer: 'adamw2', loss: 'mse' });
  // @ts-expect-error no such loss
  net.compile({ optimizer: 'adam', loss: 'msee' });
  // @ts-expect-error no such metric
  net.compile({ optimizer: 'adam', loss: 'mse', metrics: ['acuracy'] });
  // @ts-expect-error no such option
  net.compile({ optimizer: 'adam', loss: 'mse', metric: [] });
  // @ts-expect-error no loss
  net.compile({ optimizer: 'adam' });
  // @ts-expect-error no such activation
  layers.dense({ units: 2, activation: 'rellu' });
  // @ts-expect-error no such option
  void net.fit(new Float32Array(4), new Float32Array(2), { epoch: 3 });
  // @ts-expect-error no such mode
  callbacks.earlyStopping({ mode: 'maximum' });
  // @ts-expect-error 64-bit integers are not supported
  void net.predict(new BigInt64Array(4));
}
