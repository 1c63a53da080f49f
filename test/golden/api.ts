// What the golden runner uses of the library: public exports only, by the name that users import.
export {
  callbacks,
  cpuInfo,
  grad,
  initializers,
  jit,
  layers,
  losses,
  ops,
  optimizers,
  regularizers,
  schedules,
  setThreads,
  Tensor,
  tensor,
  trainTestSplit,
  valueAndGrad,
} from 'steepest';
