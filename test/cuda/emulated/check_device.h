// The emulated driver, for programs of the tests that call it as the library does.
#pragma once

#include "../../../native/cuda/driver_api.h"

#define ENTRY(name, symbol, parameters) extern "C" CUresult name parameters __asm__(symbol);
STEEPEST_CUDA_DRIVER(ENTRY)
#undef ENTRY

// A stream of the first device, whose context is the current one then.
inline CUstream openStream() {
  CUcontext context;
  CUstream stream;
  cuInit(0);
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxSetCurrent(context);
  cuStreamCreate(&stream, 0);
  return stream;
}

inline CUfunction findKernel(const char* name) {
  CUmodule module;
  CUfunction kernel;
  cuModuleLoadData(&module, nullptr);
  cuModuleGetFunction(&kernel, module, name);
  return kernel;
}
