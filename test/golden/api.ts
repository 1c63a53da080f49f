// What the golden runner uses of the library: public exports only, by the name that users import.
export { grad, initializers, jit, losses, ops, optimizers, regularizers, Tensor, tensor, valueAndGrad } from 'steepest';
