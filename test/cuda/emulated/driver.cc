// libcuda.so.1 for machines without a GPU: the entry points that native/cuda uses, on memory and kernels of the CPU. Misuse
// that a GPU would answer with a fault, or not at all, is an error here, and the reason goes to stderr.
//
// Work waits in its stream until somebody has to have it done, and then runs in one of two orders, both of which events allow:
// nothing of other streams that no event asks for ('late'), or as much of them as possible first ('early'). So a wait that is
// missing shows in one of them, every time.
//
//   STEEPEST_EMULATED_ORDER     late or early, late
//   STEEPEST_EMULATED_NO_WAITS  a mistake for tests to notice: 'host' does not wait for events, or the number of a stream (the
//                               first that the process makes is 1) that does not
//   STEEPEST_EMULATED_NO_GRAPHS 1: nothing can be captured
//   STEEPEST_EMULATED_DEVICES   how many devices there are, 1
//   STEEPEST_EMULATED_VERSION   of the driver, 13000
//   STEEPEST_EMULATED_CAPABILITY   80, 90 or 120; 90
//   STEEPEST_EMULATED_MULTIPROCESSORS   of a device, 2
//   STEEPEST_EMULATED_MEMORY    bytes of a device, 8 GB
//   STEEPEST_EMULATED_FAULT     the number of the launch that faults, from 1 on, on the first device
//   STEEPEST_EMULATED_REFUSE    the number of the launch that there is no memory for, from 1 on
//   STEEPEST_EMULATED_MISTAKE   'fault NAME', 'hang NAME', 'crash NAME' or 'skip NAME': what launches of kernels do whose names begin so
//   STEEPEST_EMULATED_TRACE     a file that the names of launched kernels are added to, a line each; of a graph, how many it has
//   STEEPEST_EMULATED_COPIES    a file that the bytes of copies to a device are added to, a line each
//   STEEPEST_EMULATED_PTX       a folder for the PTX that is assembled, a file for each
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
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
using steepest::emulated::Tensor;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

size_t number(const char* variable, size_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

size_t memoryLimit() { return number("STEEPEST_EMULATED_MEMORY", size_t{8} << 30); }

using Work = std::function<CUresult()>;

struct Context {
  DeviceMemory memory;
  CUresult fault = kSuccess;  // sticky
  size_t launches = 0;
};
// A point in a stream, by how many pieces of work are in front of it.
struct Event {
  struct Stream* stream = nullptr;
  uint64_t position = 0;
};
struct Item {
  Work work;   // or
  Event wait;  // for this
};
struct Graph {
  std::vector<Work> work;
};
struct Stream {
  Context* context;
  std::string number;  // from 1 on, in the order in which they are made
  std::deque<Item> queue;
  uint64_t done = 0, handedOver = 0;
  std::unique_ptr<Graph> captured;  // instead of the queue
};

std::recursive_mutex mutex;
Context contexts[16];
std::set<Stream*> streams;
std::set<Event*> events;
std::set<void*> pinned;
std::map<uintptr_t, size_t> pinnedBytes;
thread_local Context* current = nullptr;
int theModule;  // what handles point at

size_t capability() { return number("STEEPEST_EMULATED_CAPABILITY", 90); }
// Of dynamic shared memory, that a kernel may ask for.
int mostShared() { return capability() == 90 ? 232448 : capability() == 80 ? 166912 : 101376; }

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

void addLine(const char* variable, const std::string& line) {
  const char* const file = std::getenv(variable);
  if (file != nullptr && *file != '\0') std::ofstream(file, std::ios::app) << line << '\n';
}

void trace(const std::string& line) { addLine("STEEPEST_EMULATED_TRACE", line); }

// Whether the mistake is made that these do not wait.
bool forgetsWaits(const std::string& who) {
  const char* const text = std::getenv("STEEPEST_EMULATED_NO_WAITS");
  return text != nullptr && text == who;
}

// Whether a kernel is to make this mistake.
bool makes(const char* mistake, const std::string& kernel) {
  const char* const text = std::getenv("STEEPEST_EMULATED_MISTAKE");
  if (text == nullptr) return false;
  const std::string wanted = text, prefix = std::string(mistake) + " ";
  return wanted.rfind(prefix, 0) == 0 && kernel.rfind(wanted.substr(prefix.size()), 0) == 0;
}

using Lock = std::lock_guard<std::recursive_mutex>;

CUresult refuse(CUresult result, const std::string& why) {
  std::fprintf(stderr, "emulated CUDA driver: %s\n", why.c_str());
  return result;
}

// What every call but the first ones needs.
CUresult ready() {
  if (current == nullptr) return refuse(201, "a call without a current context");
  return current->fault;
}

Stream* streamOf(CUstream handle) { return reinterpret_cast<Stream*>(handle); }
Event* eventOf(CUevent handle) { return reinterpret_cast<Event*>(handle); }

CUresult checkStream(CUstream stream) {
  if (streams.count(streamOf(stream)) == 0) return refuse(400, "a stream that is none");
  return streamOf(stream)->context == current ? kSuccess : refuse(400, "a stream of another device");
}

void runOne(Stream& stream);

void runUntil(Stream& stream, uint64_t position) {
  while (stream.done < position && !stream.queue.empty()) runOne(stream);
}

void runOne(Stream& stream) {
  const Item item = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (item.wait.stream != nullptr && streams.count(item.wait.stream) > 0) {
    runUntil(*item.wait.stream, item.wait.position);
  } else if (item.work && stream.context->fault == kSuccess) {
    stream.context->fault = item.work();
  }
  ++stream.done;
}

// As much of the other streams of the device as does not wait for work that is still in a queue.
void runOthers(Stream& stream) {
  for (bool moved = true; moved;) {
    moved = false;
    for (Stream* const other : streams) {
      if (other == &stream || other->context != stream.context) continue;
      while (!other->queue.empty()) {
        const Event& wait = other->queue.front().wait;
        if (wait.stream != nullptr && streams.count(wait.stream) > 0 && wait.stream->done < wait.position) break;
        runOne(*other);
        moved = true;
      }
    }
  }
}

void finish(Stream& stream, uint64_t position) {
  const char* const order = std::getenv("STEEPEST_EMULATED_ORDER");
  const bool early = order != nullptr && std::string(order) == "early";
  while (stream.done < position && !stream.queue.empty()) {
    if (early) runOthers(stream);
    if (!stream.queue.empty() && stream.done < position) runOne(stream);
  }
}

void finishAll(Context* context) {
  for (Stream* const stream : streams) {
    if (stream->context == context) finish(*stream, stream->handedOver);
  }
}

void hand(Stream& stream, Item item) {
  stream.queue.push_back(std::move(item));
  ++stream.handedOver;
}
void hand(Stream& stream, Work work) {
  if (stream.captured) {
    stream.captured->work.push_back(std::move(work));
  } else {
    hand(stream, Item{std::move(work), {}});
  }
}

bool isPinned(const void* host, size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(host);
  auto block = pinnedBytes.upper_bound(address);
  if (block == pinnedBytes.begin()) return false;
  --block;
  return address + bytes <= block->first + block->second;
}

CUresult checkRanges(CUdeviceptr device, const void* host, size_t bytes, const char* what) {
  DeviceMemory& memory = current->memory;
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
    if (address && !current->memory.contains(word, 0)) return true;
  }
  return false;
}

}  // namespace

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
  *value = attribute == kAttributeMultiprocessors ? static_cast<int>(number("STEEPEST_EMULATED_MULTIPROCESSORS", 2))
           : attribute == kAttributeMajor         ? static_cast<int>(capability() / 10)
           : attribute == kAttributeMinor         ? static_cast<int>(capability() % 10)
           : attribute == kAttributeSharedOfBlock ? mostShared()
                                                  : 0;
  return kSuccess;
}
EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  *bytes = memoryLimit();
  return kSuccess;
}
EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  *context = reinterpret_cast<CUcontext>(&contexts[device % 16]);
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
  if (const CUresult result = ready()) return result;
  if (bytes == 0) return refuse(kInvalidValue, "allocates 0 bytes");
  *address = current->memory.allocate(bytes, memoryLimit());
  return *address != 0 ? kSuccess : kOutOfMemory;
}
// Waits for all work of the device, as freeing does.
EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
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
  if (const CUresult result = ready()) return result;
  *address = std::calloc(1, bytes + kPinnedGuard);
  if (*address == nullptr) return kOutOfMemory;
  std::memset(static_cast<char*>(*address) + bytes, kGuardByte, kPinnedGuard);
  pinned.insert(*address);
  pinnedBytes[reinterpret_cast<uintptr_t>(*address)] = bytes;
  return kSuccess;
}
EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* host, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (pinned.count(host) == 0) return refuse(kInvalidValue, "an address of host memory that is not mapped");
  *device = reinterpret_cast<CUdeviceptr>(host);
  return kSuccess;
}
EXPORT CUresult cuMemFreeHost(void* address) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  finishAll(current);
  if (pinned.erase(address) == 0) return refuse(kInvalidValue, "frees host memory that is not its own");
  const size_t bytes = pinnedBytes[reinterpret_cast<uintptr_t>(address)];
  const auto* const guard = static_cast<const unsigned char*>(address) + bytes;
  const bool whole = std::all_of(guard, guard + kPinnedGuard, [](unsigned char byte) { return byte == kGuardByte; });
  pinnedBytes.erase(reinterpret_cast<uintptr_t>(address));
  std::free(address);
  if (!whole) {
    refuse(kIllegalAddress, "the host wrote behind its page-locked memory");
    std::abort();
  }
  return current->fault;
}
// Page-locked memory is read when the copy runs, other memory at once.
EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkRanges(to, from, bytes, "copy to the device")) return result;
  addLine("STEEPEST_EMULATED_COPIES", std::to_string(bytes));
  std::shared_ptr<std::vector<char>> kept;
  if (!isPinned(from, bytes)) {
    const char* const begin = static_cast<const char*>(from);
    kept = std::make_shared<std::vector<char>>(begin, begin + bytes);
  }
  hand(*streamOf(stream), [=] {
    std::memcpy(reinterpret_cast<void*>(to), kept ? kept->data() : from, bytes);
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
EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  static int count = 0;
  auto* const made = new Stream{current, std::to_string(++count), {}, 0, 0, nullptr};
  streams.insert(made);
  *stream = reinterpret_cast<CUstream>(made);
  return kSuccess;
}
EXPORT CUresult cuStreamDestroy_v2(CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  finish(*streamOf(stream), streamOf(stream)->handedOver);
  streams.erase(streamOf(stream));
  delete streamOf(stream);
  return current->fault;
}
EXPORT CUresult cuStreamSynchronize(CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (streamOf(stream)->captured) return refuse(900, "waits for a stream that is captured");
  finish(*streamOf(stream), streamOf(stream)->handedOver);
  return current->fault;
}
EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (events.count(eventOf(event)) == 0) return refuse(400, "an event that is none");
  if (!forgetsWaits(streamOf(stream)->number)) hand(*streamOf(stream), Item{{}, *eventOf(event)});
  return kSuccess;
}
EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (number("STEEPEST_EMULATED_NO_GRAPHS", 0) != 0) return 801;  // not supported
  streamOf(stream)->captured = std::make_unique<Graph>();
  return kSuccess;
}
EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (!streamOf(stream)->captured) return refuse(kInvalidValue, "ends a capture that has not begun");
  *graph = reinterpret_cast<CUgraph>(streamOf(stream)->captured.release());
  return kSuccess;
}
EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* executable, CUgraph graph, unsigned long long) {
  *executable = reinterpret_cast<CUgraphExec>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return ready();
}
EXPORT CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  const std::vector<Work>& all = reinterpret_cast<Graph*>(executable)->work;
  trace("graph of " + std::to_string(all.size()));
  for (const Work& work : all) hand(*streamOf(stream), work);
  return kSuccess;
}
EXPORT CUresult cuGraphDestroy(CUgraph graph) {
  delete reinterpret_cast<Graph*>(graph);
  return kSuccess;
}
EXPORT CUresult cuGraphExecDestroy(CUgraphExec executable) {
  delete reinterpret_cast<Graph*>(executable);
  return kSuccess;
}
EXPORT CUresult cuEventCreate(CUevent* event, unsigned) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  auto* const made = new Event;
  events.insert(made);
  *event = reinterpret_cast<CUevent>(made);
  return kSuccess;
}
EXPORT CUresult cuEventDestroy_v2(CUevent event) {
  const Lock lock(mutex);
  events.erase(eventOf(event));
  delete eventOf(event);
  return kSuccess;
}
EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  *eventOf(event) = {streamOf(stream), streamOf(stream)->handedOver};
  return kSuccess;
}
EXPORT CUresult cuEventSynchronize(CUevent event) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  const Event& e = *eventOf(event);
  if (e.stream != nullptr && streams.count(e.stream) > 0 && !forgetsWaits("host")) finish(*e.stream, e.position);
  return current->fault;
}
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
namespace {

// What both kinds of tensor maps demand of the tensor, in swizzled runs of 128 bytes of bfloat16 or float32 numbers, which is what
// the library asks for; what is wrong, or nothing.
const char* wrongTensor(const void* map, int type, uint32_t rank, const void* address, const uint64_t* shape,
                        const uint64_t* strides, const uint32_t* elementStrides, uint64_t innerBytes, int interleave,
                        int swizzle, int promotion, int fill) {
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0) return "that is not at a multiple of 64 bytes";
  if (type != kTensorBfloat16 && type != kTensorFloat32) return "of no such numbers";
  if (reinterpret_cast<uint64_t>(address) % 16 != 0) return "of what is not at a multiple of 16 bytes";
  if (interleave != 0 || swizzle != kTensorSwizzle128 || promotion < 0 || promotion > 3 || fill != 0) {
    return "that the library does not ask for";
  }
  if (innerBytes == 0 || innerBytes > 128 || innerBytes % 16 != 0) return "with runs longer than the swizzle, or none";
  const uint64_t elementBytes = type == kTensorBfloat16 ? 2 : 4;
  for (uint32_t d = 0; d < rank; ++d) {
    if (shape[d] == 0 || shape[d] > uint64_t{1} << 32) return "with an axis that there cannot be";
    if (elementStrides[d] == 0 || elementStrides[d] > 8) return "with a step that is not 1 to 8";
    if (d + 1 == rank) continue;
    if (strides[d] % 16 != 0 || strides[d] >= uint64_t{1} << 40) return "with a stride that there cannot be";
    if (strides[d] < (d == 0 ? shape[0] * elementBytes : strides[d - 1] * shape[d])) return "whose axes overlap";
  }
  uint64_t bytes = shape[0] * elementBytes;
  for (uint32_t d = 1; d < rank; ++d) bytes += (shape[d] - 1) * strides[d - 1];
  if (!current->memory.contains(reinterpret_cast<uint64_t>(address), bytes)) return "of what is not inside device memory";
  return nullptr;
}

CUresult refuseMap(const char* why) { return refuse(kInvalidValue, std::string("a tensor map ") + why); }

Tensor tensorOf(int type, uint32_t rank, const void* address, const uint64_t* shape, const uint64_t* strides) {
  Tensor tensor{};
  tensor.magic = Tensor::kMagic;
  tensor.address = reinterpret_cast<uint64_t>(address);
  tensor.rank = rank;
  tensor.elementBytes = type == kTensorBfloat16 ? 2 : 4;
  std::copy(shape, shape + rank, tensor.shape);
  tensor.strides[0] = tensor.elementBytes;
  std::copy(strides, strides + rank - 1, tensor.strides + 1);
  return tensor;
}

}  // namespace

// Of three axes, for copyBox.
EXPORT CUresult cuTensorMapEncodeTiled(void* map, int type, uint32_t rank, void* address, const uint64_t* shape,
                                       const uint64_t* strides, const uint32_t* box, const uint32_t* elementStrides,
                                       int interleave, int swizzle, int promotion, int fill) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (rank != 3) return refuseMap("of boxes that has not three axes");
  if (const char* const wrong =
          wrongTensor(map, type, rank, address, shape, strides, elementStrides,
                      uint64_t{box[0]} * (type == kTensorBfloat16 ? 2 : 4), interleave, swizzle, promotion, fill)) {
    return refuseMap(wrong);
  }
  Tensor tensor = tensorOf(type, rank, address, shape, strides);
  for (uint32_t d = 0; d < rank; ++d) {
    if (box[d] == 0 || box[d] > 256) return refuseMap("with a box that is too long");
    if (elementStrides[d] != 1) return refuseMap("of boxes with steps");
    tensor.box[d] = box[d];
  }
  std::memcpy(map, &tensor, sizeof tensor);
  return kSuccess;
}
// For copyPatches: channels, one to three axes of images, images.
EXPORT CUresult cuTensorMapEncodeIm2col(void* map, int type, uint32_t rank, void* address, const uint64_t* shape,
                                        const uint64_t* strides, const int* lower, const int* upper, uint32_t channels,
                                        uint32_t pixels, const uint32_t* elementStrides, int interleave, int swizzle,
                                        int promotion, int fill) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (rank < 3 || rank > 5) return refuseMap("of patches that has not three to five axes");
  if (const char* const wrong =
          wrongTensor(map, type, rank, address, shape, strides, elementStrides,
                      uint64_t{channels} * (type == kTensorBfloat16 ? 2 : 4), interleave, swizzle, promotion, fill)) {
    return refuseMap(wrong);
  }
  if (channels > 256 || pixels == 0 || pixels > 1024) return refuseMap("with patches that are too large");
  Tensor tensor = tensorOf(type, rank, address, shape, strides);
  tensor.patches = 1;
  tensor.channels = static_cast<uint16_t>(channels);
  tensor.pixels = static_cast<uint16_t>(pixels);
  // The more axes, the fewer bits for each.
  const int most = rank == 3 ? 32767 : rank == 4 ? 127 : 15;
  for (uint32_t d = 0; d + 2 < rank; ++d) {
    if (lower[d] < -most - 1 || lower[d] > most || upper[d] < -most - 1 || upper[d] > most) {
      return refuseMap("with corners of too many bits");
    }
    if (static_cast<int64_t>(shape[1 + d]) + upper[d] <= lower[d]) return refuseMap("with an empty box");
    tensor.lower[d] = static_cast<int16_t>(lower[d]);
    tensor.upper[d] = static_cast<int16_t>(upper[d]);
    tensor.steps[d] = static_cast<uint8_t>(elementStrides[1 + d]);
  }
  std::memcpy(map, &tensor, sizeof tensor);
  return kSuccess;
}
EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (attribute != kFunctionMaxDynamicShared || value < 0 || value > mostShared()) {
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
  static size_t launches = 0;
  if (++launches == number("STEEPEST_EMULATED_REFUSE", 0)) return kOutOfMemory;
  if (sharedBytes > sharedLimitOf(function)) return refuse(kInvalidValue, "more shared memory than the kernel may have");
  const auto& kernel = *reinterpret_cast<const steepest::emulated::Kernel*>(function);
  trace(kernel.text != nullptr ? kernel.text->name : steepest::emulated::nameOf(kernel));
  if (hasHostAddress(parameters[0], kernel.parameterBytes)) {
    return current->fault = refuse(kIllegalAddress, "a host address among the parameters of a kernel");
  }
  const char* const begin = static_cast<const char*>(parameters[0]);
  // Aligned as what allocates aligns, which the structs need.
  const auto arguments = std::make_shared<std::vector<char>>(begin, begin + kernel.parameterBytes);
  Context* const context = current;
  hand(*streamOf(stream), [=, &kernel] {
    if (++context->launches == number("STEEPEST_EMULATED_FAULT", 0) && context == &contexts[0]) return kIllegalAddress;
    const std::string name = kernel.text != nullptr ? kernel.text->name : steepest::emulated::nameOf(kernel);
    if (makes("fault", name)) return kIllegalAddress;
    if (makes("skip", name)) return kSuccess;
    if (makes("hang", name)) sleep(20);  // nobody waits for longer
    if (makes("hang", name) || makes("crash", name)) std::abort();
    void* pointer = arguments->data();
    const steepest::emulated::Dimensions grid{gridX, gridY, gridZ}, block{blockX, blockY, blockZ};
    std::string wrong =
        kernel.text != nullptr
            ? steepest::emulated::ptx::run(*kernel.text, grid, block, sharedBytes, pointer,
                                           [context](uint64_t at) { return context->memory.blockOf(at); })
            : steepest::emulated::launch(kernel, grid, block, &pointer, sharedBytes);
    if (!wrong.empty()) {
      return refuse(wrong.find("an address") != std::string::npos ? kIllegalAddress : kLaunchFailed, wrong);
    }
    wrong = context->memory.damage();
    return wrong.empty() ? kSuccess : refuse(kIllegalAddress, "a kernel " + wrong);
  });
  return kSuccess;
}
