// Every operation on the emulated CUDA device: the kernels of native/cuda/kernels, run by the CPU.
import { cases } from '../helpers/cases';
import { checkOnDevice, problem } from '../helpers/native';
import { Random } from '../helpers/random';
import { onDevice } from './device';

const draws = 2;

onDevice.each([...new Set(cases.map((c) => c.family))])('%s on cuda:0', (family) => {
  test.each(cases.filter((c) => c.family === family && !c.large))('$name', ({ build, differentiable }) => {
    for (let seed = 1; seed <= draws; seed++) {
      checkOnDevice(problem(build(new Random(seed)), differentiable, seed), 'cuda:0');
    }
  });
});
