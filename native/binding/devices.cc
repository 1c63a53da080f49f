#include "devices.h"

#include "../cpu/backend.h"
#include "../cuda/backend.h"
#include "../cuda/kernel_file.h"

namespace steepest {

Devices findDevices() {
  Devices found;
  found.list.push_back(describeCpu());
  for (DeviceDescription& device : cuda::describeDevices(&found.withoutCuda)) found.list.push_back(std::move(device));
  return found;
}

void setInstalledKernels(const std::string& file) { cuda::setInstalledKernels(file); }

std::unique_ptr<Backend> openDevice(const std::string& name) {
  if (name == "cpu") return openCpu();
  if (name.rfind("cuda:", 0) == 0) return cuda::open(name);
  throw DeviceError(DeviceError::Kind::kMissing,
                    "device: expected 'cpu' or 'cuda:0', 'cuda:1', ..., got '" + name + "'");
}

}  // namespace steepest
