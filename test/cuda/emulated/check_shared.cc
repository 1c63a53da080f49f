// Shared memory that blocks of a kernel may have, as the library asks the driver for it (Device::allowShared). Linked with the
// library's sources by test/cuda/shared.test.ts, on the driver that STEEPEST_CUDA_DRIVER names; prints what came of it.
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "../../../native/cuda/device.h"

using namespace steepest;
using namespace steepest::cuda;

namespace {

// A launch of no work: the driver looks at its memory first.
std::string launch(Device& device, const char* kernel, uint32_t sharedBytes) {
  const Driver& driver = device.driver();
  CUstream stream = nullptr;
  device.use();
  device.check(driver.cuStreamCreate(&stream, kStreamNonBlocking), "making a stream");
  uint64_t arguments[512] = {};
  void* parameters[] = {arguments};
  const CUresult result = driver.cuLaunchKernel(device.function(kernel), 1, 1, 1, 32, 1, 1, sharedBytes, stream, parameters, nullptr);
  return result == kSuccess ? "launched" : driver.describe(result);
}

void say(const std::string& text) { std::printf("%s\n", text.c_str()); }

void ask(Device& device, const char* kernel, uint32_t bytes) {
  try {
    device.allowShared(device.function(kernel), bytes);
    say("allowed");
  } catch (const DeviceError& error) {
    say(error.what());
  }
}

}  // namespace

int main(int, char** words) {
  const std::string what = words[1];
  Device& device = Device::get(0);
  const char* const kernel = "copyElements";
  constexpr uint32_t kMuch = 100 << 10, kLess = 60 << 10, kTooMuch = 300 << 10;
  if (what == "nothing") {
    say(launch(device, kernel, kMuch));
  } else if (what == "more, then less") {
    ask(device, kernel, kMuch);
    ask(device, kernel, kLess);
    say(launch(device, kernel, kMuch));
  } else if (what == "less, then more") {
    ask(device, kernel, kLess);
    ask(device, kernel, kMuch);
    say(launch(device, kernel, kMuch));
  } else if (what == "too much, twice") {
    ask(device, kernel, kTooMuch);
    ask(device, kernel, kTooMuch);
  } else if (what == "on another thread") {
    const CUfunction function = device.function(kernel);  // which makes it the device of this thread only
    std::thread([&] {
      try {
        device.allowShared(function, kMuch);
        say("allowed");
      } catch (const DeviceError& error) {
        say(error.what());
      }
    }).join();
    say(launch(device, kernel, kMuch));
  }
  std::fflush(stdout);
}
