// libcuda.so.1 for machines without a GPU: the entry points that native/cuda uses, on memory and kernels of the CPU. Misuse
// that a GPU would answer with a fault, or not at all, is an error here, and the reason goes to stderr. This file has those for
// devices and memory; settings.h says what the environment can change.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "context.h"
#include "settings.h"
#include "work.h"

using namespace steepest::emulated;

namespace {

std::map<uintptr_t, size_t> pinned;  // page-locked memory of the host, and how many bytes

bool isPinned(const void* host, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(host);
  const auto [begin, end] = steepest::emulated::pinnedBlockOf(address);
  return begin != 0 && address + bytes <= end;
}

}  // namespace

std::pair<uint64_t, uint64_t> steepest::emulated::pinnedBlockOf(uint64_t address) {
  auto block = pinned.upper_bound(address);
  if (block == pinned.begin()) return {0, 0};
  --block;
  return address < block->first + block->second ? std::pair<uint64_t, uint64_t>{block->first, block->first + block->second}
                                                : std::pair<uint64_t, uint64_t>{0, 0};
}

EXPORT CUresult cuInit(unsigned) {
  // When the process ends, whoever is in the driver gets done, and nobody comes in again: what is here is about to be destroyed.
  [[maybe_unused]] static const int registered = std::atexit([] { mutex.lock(); });
  return kSuccess;
}
EXPORT CUresult cuDriverGetVersion(int* version) {
  *version = static_cast<int>(number("STEEPEST_EMULATED_VERSION", 13000));
  return kSuccess;
}
EXPORT CUresult cuGetErrorName(CUresult error, const char** text) {
  *text = error == kOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == kNoDevice       ? "CUDA_ERROR_NO_DEVICE"
          : error == kInvalidValue   ? "CUDA_ERROR_INVALID_VALUE"
          : error == kInvalidImage   ? "CUDA_ERROR_INVALID_IMAGE"
          : error == kNoBinaryForGpu ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
          : error == kInvalidPtx     ? "CUDA_ERROR_INVALID_PTX"
          : error == kNoJitCompiler  ? "CUDA_ERROR_JIT_COMPILER_NOT_FOUND"
          : error == kJitDisabled    ? "CUDA_ERROR_JIT_COMPILATION_DISABLED"
          : error == kUnsupportedPtx ? "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
          : error == kIllegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : error == kLaunchFailed   ? "CUDA_ERROR_LAUNCH_FAILED"
                                     : "CUDA_ERROR";
  return kSuccess;
}
EXPORT CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = error == kNoDevice ? "no CUDA-capable device is detected" : "emulated";
  return kSuccess;
}
EXPORT CUresult cuDeviceGetCount(int* count) {
  *count = static_cast<int>(number("STEEPEST_EMULATED_DEVICES", 1));
  return kSuccess;
}
EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return kSuccess;
}
EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice) {
  std::snprintf(name, static_cast<size_t>(length), "emulated GPU");
  return kSuccess;
}
EXPORT CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice) {
  *value = attribute == kAttributeMultiprocessors ? static_cast<int>(multiprocessors())
           : attribute == kAttributeMajor         ? static_cast<int>(capability() / 10)
           : attribute == kAttributeMinor         ? static_cast<int>(capability() % 10)
           : attribute == kAttributeSharedOfBlock ? mostShared()
           : attribute == kAttributeCooperative   ? static_cast<int>(number("STEEPEST_EMULATED_COOPERATIVE", 1))
                                                  : 0;
  return kSuccess;
}
EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  *bytes = memoryLimit();
  return kSuccess;
}
EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  *context = reinterpret_cast<CUcontext>(&contexts[device % kMostDevices]);
  return kSuccess;
}
EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
  current = reinterpret_cast<Context*>(context);
  return current->fault;
}
EXPORT CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  *total = memoryLimit();
  *free = *total - std::min(*total, current->memory.used());
  return kSuccess;
}
EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  const Lock lock(mutex);
  if (const CUresult result = readyAndNotCapturing("memory is allocated")) return result;
  if (bytes == 0) return refuse(kInvalidValue, "allocates 0 bytes");
  *address = current->memory.allocate(bytes, memoryLimit());
  return *address != 0 ? kSuccess : kOutOfMemory;
}
// Waits for all work of the device, as freeing does.
EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
  const Lock lock(mutex);
  if (const CUresult result = readyAndNotCapturing("memory is freed")) return result;
  DeviceMemory& memory = current->memory;
  if (!memory.isBlock(address)) return refuse(kInvalidValue, "frees what is not allocated");
  finishAll(current);
  const std::string wrong = memory.damageOf(address);
  memory.release(address);
  if (!wrong.empty()) current->fault = refuse(kIllegalAddress, "a kernel " + wrong);
  return current->fault;
}
// Behind page-locked memory, so that a host that writes there is noticed when it is freed.
constexpr size_t kPinnedGuard = 1 << 16;
constexpr unsigned char kGuardByte = 0xa5;
EXPORT CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = readyAndNotCapturing("memory is allocated")) return result;
  *address = std::calloc(1, bytes + kPinnedGuard);
  if (*address == nullptr) return kOutOfMemory;
  std::memset(static_cast<char*>(*address) + bytes, kGuardByte, kPinnedGuard);
  pinned[reinterpret_cast<uintptr_t>(*address)] = bytes;
  return kSuccess;
}
EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* host, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (pinned.count(reinterpret_cast<uintptr_t>(host)) == 0) return refuse(kInvalidValue, "an address of host memory that is not mapped");
  *device = reinterpret_cast<CUdeviceptr>(host);
  return kSuccess;
}
EXPORT CUresult cuMemFreeHost(void* address) {
  const Lock lock(mutex);
  if (const CUresult result = readyAndNotCapturing("memory is freed")) return result;
  finishAll(current);
  const auto found = pinned.find(reinterpret_cast<uintptr_t>(address));
  if (found == pinned.end()) return refuse(kInvalidValue, "frees host memory that is not its own");
  const size_t bytes = found->second;
  const auto* const guard = static_cast<const unsigned char*>(address) + bytes;
  const bool whole = std::all_of(guard, guard + kPinnedGuard, [](unsigned char byte) { return byte == kGuardByte; });
  pinned.erase(found);
  std::free(address);
  if (!whole) {
    refuse(kIllegalAddress, "the host wrote behind its page-locked memory");
    std::abort();
  }
  return current->fault;
}
// Host memory is read when the copy runs. Drivers stage what is not page-locked before they return, but need not where a
// device reads any memory of the host.
EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(to, from, bytes, "copy to the device")) return result;
  addLine("STEEPEST_EMULATED_COPIES", std::to_string(bytes));
  hand(*streamOf(stream), [=] {
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
    return kSuccess;
  });
  return kSuccess;
}
// Into memory that is not page-locked it waits.
EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(from, to, bytes, "copy from the device")) return result;
  Stream& s = *streamOf(stream);
  hand(s, [=] {
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
    return kSuccess;
  });
  if (!isPinned(to, bytes)) finish(s, s.handedOver);
  return current->fault;
}
EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(to, nullptr, bytes, "setting memory")) return result;
  hand(*streamOf(stream), [=] {
    std::memset(reinterpret_cast<void*>(to), value, bytes);
    return kSuccess;
  });
  return kSuccess;
}
