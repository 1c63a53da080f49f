// libcuda.so.1 for machines without a GPU: the entry points that native/cuda uses, on memory and kernels of the CPU. All work
// is done when it is handed over. Misuse that a GPU would answer with a fault, or not at all, is an error here, and the reason
// goes to stderr.
//
//   STEEPEST_EMULATED_DEVICES   how many devices there are, 1
//   STEEPEST_EMULATED_VERSION   of the driver, 13000
//   STEEPEST_EMULATED_CAPABILITY   80, 90 or 120; 90
//   STEEPEST_EMULATED_MEMORY    bytes of a device, 8 GB
//   STEEPEST_EMULATED_FAULT     the number of the launch that faults, from 1 on
//   STEEPEST_EMULATED_TRACE     a file that the names of launched kernels are added to, a line each
//   STEEPEST_EMULATED_PTX       a folder for the PTX that is assembled, a file for each
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <unistd.h>

#include "../../../native/cuda/driver_api.h"
#include "launch.h"
#include "memory.h"
#include "ptx_text.h"
#include "tensor_map.h"

using namespace steepest::cuda;
using steepest::emulated::DeviceMemory;
using steepest::emulated::Tensor16;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

size_t number(const char* variable, size_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

size_t memoryLimit() { return number("STEEPEST_EMULATED_MEMORY", size_t{8} << 30); }

std::recursive_mutex mutex;
DeviceMemory memory;
std::set<void*> pinned;
CUresult fault = kSuccess;  // sticky
size_t launches = 0;
thread_local CUcontext current = nullptr;
int theContext, theStream, theEvent, theModule;  // what handles point at

size_t capability() { return number("STEEPEST_EMULATED_CAPABILITY", 90); }

// Of a block's dynamic shared memory: what any kernel has, unless it has asked for more.
std::map<CUfunction, unsigned> sharedLimits;
unsigned sharedLimitOf(CUfunction function) {
  const auto found = sharedLimits.find(function);
  return found != sharedLimits.end() ? found->second : 48u << 10;
}

// A module of PTX, which has one kernel.
struct Assembled {
  steepest::emulated::ptx::Kernel text;
  steepest::emulated::Kernel kernel;
};
std::vector<std::unique_ptr<Assembled>> assembled;

void keep(const char* text) {
  const char* const folder = std::getenv("STEEPEST_EMULATED_PTX");
  if (folder == nullptr) return;
  const std::string name = std::to_string(getpid()) + "-" + std::to_string(assembled.size()) + ".ptx";
  std::ofstream(std::string(folder) + "/" + name) << text;
}

using Lock = std::lock_guard<std::recursive_mutex>;

CUresult refuse(CUresult result, const std::string& why) {
  std::fprintf(stderr, "emulated CUDA driver: %s\n", why.c_str());
  return result;
}

// What every call but the first ones needs.
CUresult ready() {
  if (fault != kSuccess) return fault;
  return current == nullptr ? refuse(201, "a call without a current context") : kSuccess;
}

CUresult checkStream(CUstream stream) {
  return stream == reinterpret_cast<CUstream>(&theStream) ? kSuccess : refuse(400, "a stream that is none");
}

CUresult checkRanges(CUdeviceptr device, const void* host, size_t bytes, const char* what) {
  if (!memory.contains(device, bytes)) return refuse(kInvalidValue, std::string(what) + ": not inside device memory");
  if (host != nullptr && memory.touches(host, bytes)) {
    return refuse(kInvalidValue, std::string(what) + ": a device address where a host address belongs");
  }
  return kSuccess;
}

// Host addresses among a kernel's parameters: numbers in the range of user space that are no device addresses.
bool hasHostAddress(const void* parameters, unsigned bytes) {
  for (unsigned at = 0; at + 8 <= bytes; at += 8) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char*>(parameters) + at, 8);
    const bool address = word >> 40 >= 0x55 && word >> 48 == 0;
    if (address && !memory.contains(word, 0)) return true;
  }
  return false;
}

}  // namespace

EXPORT CUresult cuInit(unsigned) { return kSuccess; }
EXPORT CUresult cuDriverGetVersion(int* version) {
  *version = static_cast<int>(number("STEEPEST_EMULATED_VERSION", 13000));
  return kSuccess;
}
EXPORT CUresult cuGetErrorName(CUresult error, const char** text) {
  *text = error == kOutOfMemory      ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == kNoDevice       ? "CUDA_ERROR_NO_DEVICE"
          : error == kInvalidValue   ? "CUDA_ERROR_INVALID_VALUE"
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
  *value = attribute == kAttributeMultiprocessors ? 2
           : attribute == kAttributeMajor         ? static_cast<int>(capability() / 10)
           : attribute == kAttributeMinor         ? static_cast<int>(capability() % 10)
                                                  : 0;
  return kSuccess;
}
EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  *bytes = memoryLimit();
  return kSuccess;
}
EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  *context = reinterpret_cast<CUcontext>(&theContext);
  return kSuccess;
}
EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
  current = context;
  return fault;
}
EXPORT CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  const Lock lock(mutex);
  *total = memoryLimit();
  *free = *total - memory.used();
  return ready();
}
EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (bytes == 0) return refuse(kInvalidValue, "allocates 0 bytes");
  *address = memory.allocate(bytes, memoryLimit());
  return *address != 0 ? kSuccess : kOutOfMemory;
}
EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (!memory.isBlock(address)) return refuse(kInvalidValue, "frees what is not allocated");
  const std::string wrong = memory.damageOf(address);
  memory.release(address);
  return wrong.empty() ? kSuccess : fault = refuse(kIllegalAddress, "a kernel " + wrong);
}
EXPORT CUresult cuMemAllocHost_v2(void** address, size_t bytes) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  *address = std::malloc(bytes);
  if (*address == nullptr) return kOutOfMemory;
  pinned.insert(*address);
  return kSuccess;
}
EXPORT CUresult cuMemFreeHost(void* address) {
  const Lock lock(mutex);
  if (pinned.erase(address) == 0) return refuse(kInvalidValue, "frees host memory that is not its own");
  std::free(address);
  return fault;
}
EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(to, from, bytes, "copy to the device")) return result;
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return kSuccess;
}
EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(from, to, bytes, "copy from the device")) return result;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return kSuccess;
}
EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(to, nullptr, bytes, "setting memory")) return result;
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return kSuccess;
}
EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned) {
  *stream = reinterpret_cast<CUstream>(&theStream);
  return ready();
}
EXPORT CUresult cuStreamDestroy_v2(CUstream) { return fault; }
EXPORT CUresult cuStreamSynchronize(CUstream) { return ready(); }
EXPORT CUresult cuEventCreate(CUevent* event, unsigned) {
  *event = reinterpret_cast<CUevent>(&theEvent);
  return ready();
}
EXPORT CUresult cuEventDestroy_v2(CUevent) { return fault; }
EXPORT CUresult cuEventRecord(CUevent, CUstream) { return ready(); }
EXPORT CUresult cuEventSynchronize(CUevent) { return ready(); }
// The kernels are in this library, whatever the image says.
EXPORT CUresult cuModuleLoadData(CUmodule* module, const void*) {
  *module = reinterpret_cast<CUmodule>(&theModule);
  return ready();
}
EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, int* options, void** values) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  const auto* const text = static_cast<const char*>(image);
  keep(text);
  try {
    auto made = std::make_unique<Assembled>();
    made->text = steepest::emulated::ptx::parse(text);
    made->kernel = {nullptr, made->text.parameterBytes, &made->text};
    *module = reinterpret_cast<CUmodule>(made.get());
    assembled.push_back(std::move(made));
    return kSuccess;
  } catch (const std::runtime_error& error) {
    char* log = nullptr;
    size_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == kJitErrorLog) log = static_cast<char*>(values[i]);
      if (options[i] == kJitErrorLogBytes) bytes = reinterpret_cast<size_t>(values[i]);
    }
    if (log != nullptr) std::snprintf(log, bytes, "%s", error.what());
    return refuse(kInvalidPtx, error.what());
  }
}
EXPORT CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  const Lock lock(mutex);
  const steepest::emulated::Kernel* kernel = steepest::emulated::findKernel(name);
  for (const auto& made : assembled) {
    if (module != reinterpret_cast<CUmodule>(made.get())) continue;
    kernel = made->text.name == name ? &made->kernel : nullptr;
  }
  *function = reinterpret_cast<CUfunction>(const_cast<steepest::emulated::Kernel*>(kernel));
  return kernel != nullptr ? ready() : kNotFound;
}
// What the library asks for: three axes of bfloat16 numbers in swizzled runs of 128 bytes.
EXPORT CUresult cuTensorMapEncodeTiled(void* map, int type, uint32_t rank, void* address, const uint64_t* shape,
                                       const uint64_t* strides, const uint32_t* box, const uint32_t* elementStrides,
                                       int interleave, int swizzle, int promotion, int fill) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  const auto at = reinterpret_cast<uint64_t>(address);
  bool valid = reinterpret_cast<uintptr_t>(map) % 64 == 0 && type == kTensorBfloat16 && rank == 3 && at % 16 == 0 &&
               interleave == 0 && swizzle == kTensorSwizzle128 && promotion >= 0 && promotion <= 3 && fill == 0 &&
               box[0] * 2 == 128;
  for (uint32_t d = 0; valid && d < rank; ++d) {
    valid = shape[d] > 0 && shape[d] <= uint64_t{1} << 32 && box[d] > 0 && box[d] <= 256 && elementStrides[d] == 1;
  }
  for (uint32_t d = 0; valid && d + 1 < rank; ++d) valid = strides[d] % 16 == 0 && strides[d] < uint64_t{1} << 40;
  if (!valid) return refuse(kInvalidValue, "a tensor map that there cannot be");
  if (!memory.contains(at, (shape[2] - 1) * strides[1] + (shape[1] - 1) * strides[0] + shape[0] * 2)) {
    return refuse(kInvalidValue, "a tensor map of what is not inside device memory");
  }
  const Tensor16 tensor = {Tensor16::kMagic, at,           {shape[0], shape[1], shape[2]},
                           {2, strides[0], strides[1]}, {box[0], box[1], box[2]}, 1};
  std::memcpy(map, &tensor, sizeof tensor);
  return kSuccess;
}
EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  const unsigned most = capability() == 90 ? 232448 : capability() == 80 ? 166912 : 101376;
  if (attribute != kFunctionMaxDynamicShared || value < 0 || static_cast<unsigned>(value) > most) {
    return refuse(kInvalidValue, "an attribute that a kernel cannot have");
  }
  sharedLimits[function] = static_cast<unsigned>(value);
  return kSuccess;
}
EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                               unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters, void**) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  const size_t threads = size_t{blockX} * blockY * blockZ;
  if (gridX == 0 || gridY == 0 || gridZ == 0 || threads == 0 || threads > 1024) {
    return refuse(kInvalidValue, "a grid or a block of no possible size");
  }
  if (sharedBytes > sharedLimitOf(function)) return refuse(kInvalidValue, "more shared memory than the kernel may have");
  if (++launches == number("STEEPEST_EMULATED_FAULT", 0)) return fault = kIllegalAddress;
  const auto& kernel = *reinterpret_cast<const steepest::emulated::Kernel*>(function);
  if (const char* const trace = std::getenv("STEEPEST_EMULATED_TRACE"); trace != nullptr && *trace != '\0') {
    std::ofstream(trace, std::ios::app) << steepest::emulated::nameOf(kernel) << '\n';
  }
  if (hasHostAddress(parameters[0], kernel.parameterBytes)) {
    return fault = refuse(kIllegalAddress, "a host address among the parameters of a kernel");
  }
  const steepest::emulated::Dimensions grid{gridX, gridY, gridZ}, block{blockX, blockY, blockZ};
  std::string wrong = kernel.text != nullptr ? steepest::emulated::ptx::run(*kernel.text, grid, block, parameters[0],
                                                                            [](uint64_t at) { return memory.blockOf(at); })
                                             : steepest::emulated::launch(kernel, grid, block, parameters, sharedBytes);
  if (!wrong.empty()) {
    return fault = refuse(wrong.find("an address") != std::string::npos ? kIllegalAddress : kLaunchFailed, wrong);
  }
  wrong = memory.damage();
  if (!wrong.empty()) return fault = refuse(kIllegalAddress, "a kernel " + wrong);
  return kSuccess;
}
