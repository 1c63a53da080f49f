#include "context.h"

#include <cstdio>

namespace steepest::emulated {

std::recursive_mutex mutex;
Context contexts[kMostDevices];
thread_local Context* current = nullptr;
thread_local int capturing = 0;

CUresult refuse(CUresult result, const std::string& why) {
  std::fprintf(stderr, "emulated CUDA driver: %s\n", why.c_str());
  return result;
}

CUresult ready() {
  if (current == nullptr) return refuse(201, "a call without a current context");
  return current->fault;
}

CUresult readyAndNotCapturing(const char* what) {
  if (capturing > 0) return refuse(kCannotCapture, std::string(what) + " by a thread that captures a stream");
  return ready();
}

CUresult checkRanges(CUdeviceptr device, const void* host, size_t bytes, const char* what) {
  DeviceMemory& memory = current->memory;
  if (!memory.contains(device, bytes)) return refuse(kInvalidValue, std::string(what) + ": not inside device memory");
  if (host != nullptr && memory.touches(host, bytes)) {
    return refuse(kInvalidValue, std::string(what) + ": a device address where a host address belongs");
  }
  return kSuccess;
}

}  // namespace steepest::emulated
