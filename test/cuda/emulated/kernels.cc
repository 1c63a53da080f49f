// The driver's entry points for modules, and for launching their kernels.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <memory>

#include <unistd.h>

#include "launch.h"
#include "ptx_text.h"
#include "settings.h"
#include "work.h"

using namespace steepest::emulated;

namespace {

int theModule;  // what handles point at

// Of a block's dynamic shared memory: what any kernel has, unless it has asked for more.
std::map<CUfunction, unsigned> sharedLimits;
unsigned sharedLimitOf(CUfunction function) {
  const auto found = sharedLimits.find(function);
  return found != sharedLimits.end() ? found->second : 48u << 10;
}

// A module of PTX, which has one kernel.
struct Assembled {
  ptx::Kernel text;
  Kernel kernel;
  bool isLoaded = false;
  std::shared_ptr<const int> uses = std::make_shared<int>();  // work, and graphs of it, have one each
};
std::map<CUfunction, std::unique_ptr<Assembled>> assembled;
// What is unloaded: handles are given again as by a driver, but so late that who uses them before is noticed.
std::deque<Assembled*> unloaded;
constexpr size_t kMostUnloaded = 16;

CUfunction functionOf(const Assembled& made) { return reinterpret_cast<CUfunction>(const_cast<Kernel*>(&made.kernel)); }

Assembled* newModule() {
  if (unloaded.size() > kMostUnloaded) {
    Assembled* const again = unloaded.front();
    unloaded.pop_front();
    return again;
  }
  auto made = std::make_unique<Assembled>();
  const CUfunction function = functionOf(*made);
  return (assembled[function] = std::move(made)).get();
}

// Null: of this library.
Assembled* moduleOf(CUfunction function) {
  const auto found = assembled.find(function);
  return found != assembled.end() ? found->second.get() : nullptr;
}
Assembled* moduleOf(CUmodule handle) {
  for (const auto& entry : assembled) {
    if (handle == reinterpret_cast<CUmodule>(entry.second.get())) return entry.second.get();
  }
  return nullptr;
}

CUresult checkFunction(CUfunction function) {
  const Assembled* const made = moduleOf(function);
  return made == nullptr || made->isLoaded ? kSuccess : refuse(400, "a kernel of a module that is unloaded");
}

void report(const char* what) {
  addLine("STEEPEST_EMULATED_MODULES", std::string(what) + " " + std::to_string(assembled.size() - unloaded.size()));
}

void keep(const std::string& text) {
  const char* const folder = std::getenv("STEEPEST_EMULATED_PTX");
  if (folder == nullptr) return;
  static size_t count = 0;
  const std::string name = std::to_string(getpid()) + "-" + std::to_string(count++) + ".ptx";
  std::ofstream(std::string(folder) + "/" + name) << text;
}

// The text without meeting number `n` of the blocks of a cluster or grid (native/cuda/emit/block.cc).
std::string withoutMeeting(std::string text, size_t n) {
  const bool cluster = text.find("barrier.cluster.arrive") != std::string::npos;
  size_t begin = 0;
  for (size_t k = 0; k < n && begin != std::string::npos; ++k) {
    begin = text.find(cluster ? "\tbarrier.cluster.arrive" : "\tatom.release", begin + (k > 0 ? 1 : 0));
  }
  if (begin == std::string::npos) return text;
  const size_t end = text.find('\n', text.find(cluster ? "\tbarrier.cluster.wait" : "\t@", begin));
  return text.erase(begin, end + 1 - begin);
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

// The kernels are in this library, whatever the image says: of a fat binary, whether its first entry is PTX.
EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  bool isPtx = false;
  uint64_t bytes = 0;
  if (image != nullptr && std::strncmp(static_cast<const char*>(image), "\x50\xed\x55\xba", 4) == 0) {
    uint16_t header, kind = 0;
    std::memcpy(&header, static_cast<const char*>(image) + 6, sizeof header);
    std::memcpy(&bytes, static_cast<const char*>(image) + 8, sizeof bytes);
    if (bytes > 0) std::memcpy(&kind, static_cast<const char*>(image) + header, sizeof kind);
    bytes += header;
    isPtx = kind == 1;
  }
  const int result = resultOfLoading(isPtx);
  addLine("STEEPEST_EMULATED_LOADED", (isPtx ? "ptx " : "code ") + std::to_string(bytes) + " " + std::to_string(result));
  if (result != 0) return result;
  *module = reinterpret_cast<CUmodule>(&theModule);
  return readyAndNotCapturing("a module is loaded");
}
EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, int* options, void** values) {
  const Lock lock(mutex);
  if (const CUresult result = readyAndNotCapturing("a module is loaded")) return result;
  if (const size_t result = number("STEEPEST_EMULATED_JIT", 0)) return static_cast<CUresult>(result);
  std::string text = static_cast<const char*>(image);
  if (const size_t meeting = number("STEEPEST_EMULATED_UNMET", 0)) text = withoutMeeting(std::move(text), meeting);
  keep(text);
  try {
    ptx::Kernel parsed = ptx::parse(text);
    if (parsed.members > 1 && capability() < 90) return refuse(kNoBinaryForGpu, "clusters, which the device has not");
    Assembled* const made = newModule();
    made->text = std::move(parsed);
    made->kernel = {nullptr, made->text.parameterBytes, &made->text, 1024, made->text.members};
    made->isLoaded = true;
    *module = reinterpret_cast<CUmodule>(made);
    report("loaded");
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
  const Assembled* const made = moduleOf(module);
  const Kernel* const kernel = made == nullptr ? findKernel(name) : made->text.name == name ? &made->kernel : nullptr;
  *function = reinterpret_cast<CUfunction>(const_cast<Kernel*>(kernel));
  return kernel != nullptr ? ready() : kNotFound;
}
// A driver may wait for what is under way, but need not.
EXPORT CUresult cuModuleUnload(CUmodule module) {
  const Lock lock(mutex);
  if (const CUresult result = readyAndNotCapturing("a module is unloaded")) return result;
  Assembled* const made = moduleOf(module);
  if (made == nullptr || !made->isLoaded) return refuse(400, "unloads a module that is not loaded");
  if (made->uses.use_count() > 1) {
    return current->fault = refuse(kIllegalAddress, "unloads a module whose kernel is under way, or in a graph");
  }
  made->isLoaded = false;
  made->text = {};
  sharedLimits.erase(functionOf(*made));
  unloaded.push_back(made);
  report("unloaded");
  return kSuccess;
}
EXPORT CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkFunction(function)) return result;
  if (attribute != kFunctionMaxDynamicShared || value < 0 || value > mostShared()) {
    return refuse(kInvalidValue, "an attribute that a kernel cannot have");
  }
  sharedLimits[function] = static_cast<unsigned>(value);
  return kSuccess;
}
EXPORT CUresult cuOccupancyMaxActiveClusters(int* clusters, CUfunction function, const LaunchConfig* config) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkFunction(function)) return result;
  const auto& kernel = *reinterpret_cast<const Kernel*>(function);
  if (kernel.members == 1 || config->attributes != nullptr || config->grid[0] % kernel.members != 0 || config->sharedBytes > sharedLimitOf(function)) {
    return refuse(kInvalidValue, "how many clusters there is room for, of a launch that cannot be");
  }
  *clusters = kernel.members <= mostMembers() ? std::max(static_cast<int>(multiprocessors() / kernel.members), 1) : 0;
  return kSuccess;
}
namespace {

CUresult launchKernel(CUfunction function, const Dimensions& grid, const Dimensions& block, unsigned sharedBytes,
                      CUstream stream, void** parameters, bool cooperative) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (const CUresult result = checkStream(stream)) return result;
  if (const CUresult result = checkFunction(function)) return result;
  const size_t threads = size_t{block.x} * block.y * block.z;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || threads == 0 || threads > 1024) {
    return refuse(kInvalidValue, "a grid or a block of no possible size");
  }
  static size_t launches = 0;
  if (++launches == number("STEEPEST_EMULATED_REFUSE", 0)) return kOutOfMemory;
  if (sharedBytes > sharedLimitOf(function)) return refuse(kInvalidValue, "more shared memory than the kernel may have");
  const auto& kernel = *reinterpret_cast<const Kernel*>(function);
  if (threads > kernel.mostThreads) return refuse(kInvalidValue, "more threads than the kernel is bounded to");
  if (kernel.members > mostMembers()) return refuse(912, "a cluster that there is no room for");
  if (grid.x % kernel.members != 0) return refuse(kInvalidValue, "a grid that is not of whole clusters");
  if (cooperative && (kernel.text == nullptr || grid.x > multiprocessors())) {
    return refuse(kCooperativeLaunchTooLarge, "more blocks than can run at once");
  }
  addLine("STEEPEST_EMULATED_TRACE", kernel.text != nullptr ? kernel.text->name : nameOf(kernel));
  if (hasHostAddress(parameters[0], kernel.parameterBytes)) {
    return current->fault = refuse(kIllegalAddress, "a host address among the parameters of a kernel");
  }
  const char* const begin = static_cast<const char*>(parameters[0]);
  // Aligned as what allocates aligns, which the structs need.
  const auto arguments = std::make_shared<std::vector<char>>(begin, begin + kernel.parameterBytes);
  Context* const context = current;
  const Assembled* const made = moduleOf(function);
  hand(*streamOf(stream), [=, &kernel, use = made != nullptr ? made->uses : nullptr] {
    if (++context->launches == number("STEEPEST_EMULATED_FAULT", 0) && context == &contexts[0]) return kIllegalAddress;
    const std::string name = kernel.text != nullptr ? kernel.text->name : nameOf(kernel);
    if (makes("fault", name)) return kIllegalAddress;
    if (makes("skip", name)) return kSuccess;
    if (makes("hang", name)) sleep(20);  // nobody waits for longer
    if (makes("hang", name) || makes("crash", name)) std::abort();
    void* pointer = arguments->data();
    std::string wrong =
        kernel.text != nullptr
            ? ptx::run(*kernel.text, grid, block, sharedBytes, pointer,
                       [context](uint64_t at) {
                         const auto found = context->memory.blockOf(at);
                         return found.first != 0 ? found : pinnedBlockOf(at);
                       },
                       cooperative)
            : launch(kernel, grid, block, &pointer, sharedBytes);
    if (!wrong.empty()) {
      return refuse(wrong.find("an address") != std::string::npos ? kIllegalAddress : kLaunchFailed, wrong);
    }
    wrong = context->memory.damage();
    return wrong.empty() ? kSuccess : refuse(kIllegalAddress, "a kernel " + wrong);
  });
  return kSuccess;
}

}  // namespace

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                               unsigned blockY, unsigned blockZ, unsigned sharedBytes, CUstream stream, void** parameters, void**) {
  return launchKernel(function, {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, stream, parameters, false);
}
EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                          unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                                          CUstream stream, void** parameters) {
  return launchKernel(function, {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, stream, parameters, true);
}
