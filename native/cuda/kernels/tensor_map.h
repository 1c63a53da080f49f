#pragma once

#include <stdint.h>

namespace steepest::cuda {

// The driver's description of a tensor, by which the device copies boxes of it to shared memory (CUtensorMap).
struct
#ifdef __CUDACC__
    alignas(64)
#endif
        TensorMap {
  uint64_t words[16];
};

}  // namespace steepest::cuda
