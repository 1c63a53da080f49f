import { type Adapter, type Loaded, type Numbers, type Tensors, unsupported } from './adapter';
import { ruleOf } from './adapters/optimizers';
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
function optimizerOf({ attrs }: Loaded, rate: number) {
  const { optimizer, clip_global_norm_torch: globalClipnorm } = attrs;
  const clipping = globalClipnorm === undefined ? {} : { globalClipnorm, clipEpsilon: 1e-6 };
  const nesterov = optimizer === 'nesterov' ? { nesterov: true } : {};
  return ruleOf(optimizer, attrs, 'torch', { learningRate: rate, ...clipping, ...nesterov });
}

/**
 * Trains a model for some steps: losses before each update, gradients of the first, weights after each.
 *
 * @param only what the case may say of the model
 * @param rates learning rates of the steps from 0, by how the case writes them where it does not give a number
 */
export const trajectory = (
  loss: Loss,
  only: Adapter['only'],
  rates: Readonly<Record<string, (step: number) => number>> = {},
): Adapter => ({
  only,
  computed: (golden) => {
    const { lr, steps } = golden.attrs;
    const rate: (step: number) => number =
      typeof lr === 'number' ? () => lr : (rates[lr] ?? unsupported(`attribute lr is ${lr}`));
    const initial = Object.keys(golden.inputs ?? {})
      .filter((name) => name.startsWith('init.'))
      .map((name) => name.slice('init.'.length));
    const names = initial.filter((name) => golden.outputs?.[`grad1.${name}`] !== undefined);
    const optimizer = optimizerOf(golden, rate(0));
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
    for (let step = 0; step < steps; step++) {
      optimizer.learningRate = rate(step);
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
