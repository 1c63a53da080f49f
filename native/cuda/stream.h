// The order of work on a device: what is handed over runs in that order, some time later.
#pragma once

#include <cstdint>
#include <vector>

#include "device.h"

namespace steepest::cuda {

// A kernel, ready to go.
struct Launch {
  CUfunction function = nullptr;
  const char* name = "";
  uint32_t grid = 1;
  uint32_t block = 1;
  uint32_t sharedBytes = 0;
  std::vector<uint64_t> arguments;  // the bytes of the one struct that it takes
};

class Stream {
 public:
  explicit Stream(Device& device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Does not throw; what goes wrong is kept for check() and ends what is handed over.
  void launch(const Launch& launch) noexcept;
  // Throws what went wrong so far, as far as it is known.
  void check();

  // These throw DeviceError. The host's memory may be used for something else once the copy is done.
  void copyIn(uint8_t* to, const void* from, uint64_t bytes);
  void copyOut(void* to, const uint8_t* from, uint64_t bytes);
  void clear(uint8_t* at, uint64_t bytes);
  // Waits until all is done.
  void wait();

  Device& device() const { return device_; }
  CUstream handle() const { return stream_; }

 private:
  Device& device_;
  CUstream stream_ = nullptr;
  CUresult failed_ = kSuccess;
  const char* failedKernel_ = "";
};

}  // namespace steepest::cuda
