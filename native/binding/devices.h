// The one place that knows all backends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../runtime/backend.h"

namespace steepest {

struct Devices {
  std::vector<DeviceDescription> list;
  std::string withoutCuda;  // why there is no CUDA device: what was tried. Empty when there is one
};

// Loads a driver when it is called for the first time; throws nothing for one that is not there.
Devices findDevices();

// The file with the kernels of CUDA devices, for when none lies beside the addon.
void setInstalledKernels(const std::string& file);

// By the name of its description. Throws DeviceError.
std::unique_ptr<Backend> openDevice(const std::string& name);

}  // namespace steepest
