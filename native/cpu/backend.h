// The CPU as a backend: host memory, and kernels that run on the caller's thread and the pool.
#pragma once

#include <memory>

#include "../runtime/backend.h"

namespace steepest {

std::unique_ptr<Backend> openCpu();

// Its memory is what the machine has.
DeviceDescription describeCpu();

}  // namespace steepest
