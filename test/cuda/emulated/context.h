// What all entry points of the emulated driver share: the device that the calling thread works with, one lock, and errors.
#pragma once

#include <mutex>
#include <string>

#include "../../../native/cuda/driver_api.h"
#include "memory.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace steepest::emulated {

using namespace steepest::cuda;

struct Context {
  DeviceMemory memory;
  CUresult fault = kSuccess;  // sticky
  size_t launches = 0;
};

constexpr int kMostDevices = 16;
extern Context contexts[kMostDevices];
extern thread_local Context* current;
extern thread_local int capturing;  // streams, by this thread
extern std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;

// Of page-locked host memory that an address lies in, which the device reaches too: its first byte and one past its last; {0, 0} if there is none.
std::pair<uint64_t, uint64_t> pinnedBlockOf(uint64_t address);

// `result`; the reason goes to stderr.
CUresult refuse(CUresult result, const std::string& why);
// What every call but the first ones needs.
CUresult ready();
// The same for what a thread must not do while it captures.
CUresult readyAndNotCapturing(const char* what);

// Device memory, host memory that it is copied from or to unless null.
CUresult checkRanges(CUdeviceptr device, const void* host, size_t bytes, const char* what);

}  // namespace steepest::emulated
