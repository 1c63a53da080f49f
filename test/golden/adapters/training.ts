import { type Adapter, type Loaded, type Numbers, unsupported } from '../adapter';
import { jit, losses, ops, optimizers, type Tensor, tensor, valueAndGrad } from '../api';
import { Stepper } from '../stepper';
import { adam } from './optimizers';

type Weights = Record<'w1' | 'b1' | 'w2' | 'b2' | 'w3' | 'b3', Tensor>;

const crossentropy = losses.sparseCategoricalCrossentropy({ fromLogits: true });

function mlpLoss({ w1, b1, w2, b2, w3, b3 }: Weights, x: Tensor, y: Tensor): Tensor {
  const first = ops.relu(ops.add(ops.matmul(x, w1), b1));
  const second = ops.tanh(ops.add(ops.matmul(first, w2), b2));
  return ops.mean(crossentropy(y, ops.add(ops.matmul(second, w3), b3)));
}

/** In PyTorch's convention. */
function makeOptimizer(attrs: Loaded['attrs']) {
  const { optimizer, lr, momentum } = attrs;
  if (optimizer === 'rmsprop') return unsupported('the convention of torch');
  if (optimizer === 'adam') return adam(optimizers.adam)(attrs, 'torch');
  if (optimizer === 'adamw') return adam(optimizers.adamw)(attrs, 'torch');
  const rule = optimizers.sgd({ learningRate: lr, momentum });
  return () => rule;
}

/** Slice `step` of an array of batches. */
function batch({ inputs = {}, values }: Loaded, name: string, step: number): Tensor {
  const { shape, dtype } = inputs[name];
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  const all = Array.from(values(name));
  return tensor(all.slice(step * size, (step + 1) * size), shape.slice(1), dtype === 'int32' ? 'int32' : 'float32');
}

export const training: Record<string, Adapter> = {
  'train/mlp': {
    computed: (golden) => {
      const names = ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'] as const;
      const initial = names.map((name) => {
        const entry = golden.inputs?.[`init.${name}`];
        return tensor(golden.values(`init.${name}`), [...(entry?.shape ?? [])]);
      });
      const stepper = new Stepper(makeOptimizer(golden.attrs), initial);
      const gradient = jit(valueAndGrad(mlpLoss));
      const losses: number[] = [];
      const outputs: Record<string, Numbers> = { loss: losses };
      for (let step = 0; step < golden.attrs.steps; step++) {
        const weights = Object.fromEntries(names.map((name, i) => [name, stepper.params[i]])) as Weights;
        const { value, gradient: g } = gradient(
          weights,
          batch(golden, 'batch.x', step),
          batch(golden, 'batch.y', step),
        );
        losses.push(value.item());
        stepper.apply(names.map((name) => g[name]));
        names.forEach((name, i) => {
          if (step === 0) outputs[`grad1.${name}`] = g[name].data;
          outputs[`w@${step + 1}.${name}`] = stepper.params[i].data;
        });
      }
      return outputs;
    },
  },
};
