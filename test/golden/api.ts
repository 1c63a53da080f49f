// What the golden runner uses of the library: public exports only, by the name that users import.
export {
  callbacks,
  grad,
  initializers,
  jit,
  layers,
  losses,
  ops,
  optimizers,
  regularizers,
  schedules,
  Tensor,
  tensor,
  valueAndGrad,
} from 'steepest';
