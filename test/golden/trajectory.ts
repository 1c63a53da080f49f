import type { Adapter, Loaded, Numbers, Tensors } from './adapter';
import { rules } from './adapters/optimizers';
import { jit, type Tensor, tensor, valueAndGrad } from './api';
import { Stepper } from './stepper';

/** What a model computes from its weights, its buffers (moving averages) and a batch; `buffers` are their new values. */
export type Loss = (
  weights: Tensors,
  batch: Tensors,
  buffers: Tensors,
) => { readonly loss: Tensor; readonly buffers?: Tensors };

const load = (golden: Loaded, name: string): Tensor =>
  tensor(golden.values(name), [...(golden.inputs?.[name]?.shape ?? [])]);

/** Slice `step` of each array of batches, by its name. */
function batchOf({ inputs = {}, values }: Loaded, step: number): Tensors {
  const names = Object.keys(inputs).filter((name) => name.startsWith('batch.'));
  return Object.fromEntries(
    names.map((name) => {
      const { shape, dtype } = inputs[name];
      const size = shape.slice(1).reduce((a, b) => a * b, 1);
      const part = Array.from(values(name)).slice(step * size, (step + 1) * size);
      return [name.slice('batch.'.length), tensor(part, shape.slice(1), dtype === 'int32' ? 'int32' : 'float32')];
    }),
  );
}

/** In PyTorch's convention. */
function optimizerOf({ attrs }: Loaded) {
  const { optimizer, clip_global_norm_torch: clip, lr, ...rest } = attrs;
  const clipping = clip === undefined ? {} : { global_clipnorm: clip, clip_epsilon: 1e-6 };
  const nesterov = optimizer === 'nesterov' ? { nesterov: true } : {};
  const initial = typeof lr === 'number' ? lr : 0;
  return rules[nesterov.nesterov ? 'momentum' : optimizer]({ ...rest, ...clipping, ...nesterov, lr: initial }, 'torch');
}

/**
 * Trains a model for some steps: losses before each update, gradients of the first, weights after each.
 *
 * @param rate the learning rate of a step, from 0, where the case does not give a number
 */
export const trajectory = (loss: Loss, rate?: (step: number) => number): Adapter => ({
  computed: (golden) => {
    const initial = Object.keys(golden.inputs ?? {})
      .filter((name) => name.startsWith('init.'))
      .map((name) => name.slice('init.'.length));
    const names = initial.filter((name) => golden.outputs?.[`grad1.${name}`] !== undefined);
    const optimizer = optimizerOf(golden);
    const stepper = new Stepper(
      optimizer,
      names.map((name) => load(golden, `init.${name}`)),
    );
    let buffers: Tensors = Object.fromEntries(
      initial.filter((name) => !names.includes(name)).map((name) => [name, load(golden, `init.${name}`)]),
    );
    const gradient = jit((weights: Tensors, batch: Tensors, state: Tensors) => {
      let next = state;
      const both = valueAndGrad((w: Tensors) => {
        const result = loss(w, batch, state);
        next = result.buffers ?? state;
        return result.loss;
      })(weights);
      return { ...both, next };
    });

    const losses: number[] = [];
    const outputs: Record<string, Numbers> = { loss: losses };
    for (let step = 0; step < golden.attrs.steps; step++) {
      if (rate !== undefined) optimizer.learningRate = rate(step);
      const weights = Object.fromEntries(names.map((name, i) => [name, stepper.params[i]]));
      const { value, gradient: g, next } = gradient(weights, batchOf(golden, step), buffers);
      buffers = next;
      losses.push(value.item());
      stepper.apply(names.map((name) => g[name]));
      names.forEach((name, i) => {
        if (step === 0) outputs[`grad1.${name}`] = g[name].data;
        outputs[`w@${step + 1}.${name}`] = stepper.params[i].data;
      });
      for (const [name, t] of Object.entries(buffers)) outputs[`w@${step + 1}.${name}`] = t.data;
    }
    return outputs;
  },
});
