#include "device.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "../runtime/allocator.h"
#include "../runtime/storage.h"
#include "emit/text.h"

namespace steepest::cuda {
namespace {

using Kind = DeviceError::Kind;

class DeviceBuffer final : public Buffer {
 public:
  DeviceBuffer(Device& device, CUdeviceptr address, uint64_t bytes) : device_(device) {
    data_ = reinterpret_cast<uint8_t*>(address);
    size_ = bytes;
  }
  ~DeviceBuffer() override {
    if (device_.tryUse()) device_.driver().cuMemFree(reinterpret_cast<CUdeviceptr>(data_));
  }

 private:
  Device& device_;
};

// After these nothing works any more in the process's context.
bool isFault(CUresult result) {
  return result == kUncorrectableError || result == kNvlinkError || result == kContainedError ||
         (result >= kIllegalAddress && result <= kLaunchFailed && result != kOutOfResources && result != 704 &&
          result != 705 && result != 708) ||
         result == kUnknown;
}

// A driver reads no binaries of a newer major version of the compiler, nor text of a newer minor one.
bool cannotRead(CUresult result) { return result == kUnsupportedPtx || result == kInvalidImage; }

// What is missing where a driver assembles no PTX at all. Null for other failures.
const char* missingToAssemble(CUresult result) {
  switch (result) {
    case kNoJitCompiler:
      return "libnvidia-ptxjitcompiler.so.1, a library of the driver's, is missing";
    case kUnsupportedPtx:
      return "a newer driver is needed";
    case kJitDisabled:
      return "CUDA_DISABLE_PTX_JIT or CUDA_DISABLE_JIT forbids it";
    default:
      return nullptr;
  }
}

std::string joined(const std::string& name, const std::string& text) { return name + ": " + text; }

}  // namespace

Device& Device::get(int ordinal) {
  static std::mutex mutex;
  // Never destroyed: threads and buffers may outlive any order of destruction at the end of the process.
  static auto* const devices = new std::unordered_map<int, Device*>;
  const DriverResult& found = loadDriver();
  const std::string name = "cuda:" + std::to_string(ordinal);
  if (found.driver == nullptr) {
    throw DeviceError(found.tooOld ? Kind::kTooOld : Kind::kMissing, joined(name, found.tried));
  }
  if (ordinal >= found.driver->devices) {
    throw DeviceError(Kind::kMissing, joined(name, "there are " + std::to_string(found.driver->devices) +
                                                       " CUDA devices (" + found.tried + ")"));
  }
  const std::lock_guard lock(mutex);
  Device*& device = (*devices)[ordinal];
  if (device == nullptr) device = new Device(*found.driver, ordinal);
  return *device;
}

Device::Device(const Driver& driver, int ordinal)
    : driver_(driver), ordinal_(ordinal), name_("cuda:" + std::to_string(ordinal)) {
  const char* const strict = std::getenv("STEEPEST_CUDA_STRICT");
  strict_ = strict != nullptr && std::string(strict) == "1";
  CUdevice device = 0;
  check(driver_.cuDeviceGet(&device, ordinal), "opening the device");
  check(driver_.cuDeviceGetAttribute(&multiprocessors_, kAttributeMultiprocessors, device), "asking for its size");
  check(driver_.cuDevicePrimaryCtxRetain(&context_, device), "making a context");
  check(driver_.cuCtxSetCurrent(context_), "using the context");
  loadKernels();
}

void Device::loadKernels() {
  const std::string file = kernelFile();
  try {
    images_ = readKernels(file);
  } catch (const std::runtime_error& error) {
    throw DeviceError(Kind::kMissing, joined(name_, "cannot read kernels from " + file + ": " + error.what()));
  }
  if (images_.empty()) {
    throw DeviceError(Kind::kMissing, joined(name_, "this build has no CUDA kernels: " + file +
                                                        " is not there; npm install steepest-cuda brings them"));
  }
  for (const KernelImages& images : images_) modules_.push_back(load(images, file));
}

CUmodule Device::load(const KernelImages& images, const std::string& file) {
  CUmodule module = nullptr;
  const CUresult first = driver_.cuModuleLoadData(&module, images.code.data());
  if (!cannotRead(first) && first != kNoBinaryForGpu) {
    check(first, "loading kernels");
    return module;
  }
  std::string why = driver_.describe(first);
  bool tooOld = cannotRead(first);
  if (!images.ptx.empty()) {
    const CUresult second = driver_.cuModuleLoadData(&module, images.ptx.data());
    if (second == kSuccess) return module;
    if (second == kOutOfMemory || isFault(second)) check(second, "assembling kernels");
    why = "machine code: " + why + "; PTX: " + driver_.describe(second);
    tooOld = tooOld || cannotRead(second);
  }
  const std::string by = "the driver, for CUDA " + versionText(driver_.version);
  const int is = capability();
  throw DeviceError(
      tooOld ? Kind::kTooOld : Kind::kMissing,
      joined(name_, tooOld
                        ? by + ", cannot read the kernels in " + file +
                              ": a driver for the CUDA that they were compiled by, or newer, can (" + why + ")"
                        : "no kernels for this GPU, of compute capability " + std::to_string(is / 10) + "." +
                              std::to_string(is % 10) + ", in " + file + " that " + by + ", can read (" + why + ")"));
}

void Device::throwIfLost() const {
  if (isLost_.load(std::memory_order_acquire)) throw DeviceError(Kind::kLost, joined(name_, lost_));
}

void Device::use() {
  throwIfLost();
  // Every time, as other libraries of the process may have chosen another one for the thread.
  check(driver_.cuCtxSetCurrent(context_), "using the context");
}

bool Device::tryUse() noexcept {
  return !isLost_.load(std::memory_order_acquire) && driver_.cuCtxSetCurrent(context_) == kSuccess;
}

void Device::check(CUresult result, const char* what) {
  if (result == kSuccess) return;
  const std::string text = std::string(what) + ": " + driver_.describe(result);
  if (result == kOutOfMemory) throw OutOfMemory(0, joined(name_, text));
  if (!isFault(result)) throw DeviceError(Kind::kFailed, joined(name_, text));
  {
    const std::lock_guard lock(mutex_);
    if (lost_.empty()) lost_ = "the device was lost to a fault while " + text;
    isLost_.store(true, std::memory_order_release);
  }
  throwIfLost();
}

CUfunction Device::function(const char* name) {
  use();
  const std::lock_guard lock(mutex_);
  CUfunction& function = functions_[name];
  for (size_t i = 0; function == nullptr && i < modules_.size(); ++i) {
    if (driver_.cuModuleGetFunction(&function, modules_[i], name) != kSuccess) function = nullptr;
  }
  if (function == nullptr) throw DeviceError(Kind::kMissing, joined(name_, "no kernel is called " + std::string(name)));
  return function;
}

void Device::allowShared(CUfunction function, uint32_t bytes) {
  use();
  std::unique_lock lock(mutex_);
  uint32_t& most = shared_[function];
  if (bytes <= most) return;
  const CUresult result = driver_.cuFuncSetAttribute(function, kFunctionMaxDynamicShared, static_cast<int>(bytes));
  if (result == kSuccess) most = bytes;
  lock.unlock();  // check() takes it
  check(result, "asking for shared memory");
}

int Device::clustersOf(CUfunction function, int members, int threads, uint32_t sharedBytes) {
  use();
  const auto size = static_cast<unsigned>(members);  // that of its clusters, which its text says
  const LaunchConfig config{{size, 1, 1}, {static_cast<unsigned>(threads), 1, 1}, sharedBytes, nullptr, nullptr, 0};
  int clusters = 0;
  // An error says that there is none, too.
  const CUresult result = driver_.cuOccupancyMaxActiveClusters(&clusters, function, &config);
  if (strict_) check(result, "asking for room for clusters");
  return result == kSuccess ? clusters : 0;
}

int64_t Device::sharedBytes() const {
  CUdevice device = 0;
  int bytes = 0;
  if (driver_.cuDeviceGet(&device, ordinal_) != kSuccess) return 0;
  driver_.cuDeviceGetAttribute(&bytes, kAttributeSharedOfBlock, device);
  return bytes;
}

bool Device::launchesCooperatively() const {
  CUdevice device = 0;
  int can = 0;
  if (driver_.cuDeviceGet(&device, ordinal_) != kSuccess) return false;
  driver_.cuDeviceGetAttribute(&can, kAttributeCooperative, device);
  return can != 0;
}

int Device::capability() const {
  CUdevice device = 0;
  int major = 0, minor = 0;
  if (driver_.cuDeviceGet(&device, ordinal_) != kSuccess) return 0;
  driver_.cuDeviceGetAttribute(&major, kAttributeMajor, device);
  driver_.cuDeviceGetAttribute(&minor, kAttributeMinor, device);
  return major * 10 + minor;
}

bool Device::assembles() {
  use();
  const std::lock_guard lock(asking_);
  if (assembles_) return *assembles_;
  emit::Text nothing;
  nothing.line("ret;");
  Modules::Place place;
  std::string what;
  const CUresult result = tryAssemble(nothing.module({"nothing", 8, 32}), "nothing", &place, &what);
  if (result == kSuccess) release(place);
  const char* const missing = missingToAssemble(result);
  if (missing == nullptr || strict_) check(result, what.c_str());
  if (missing != nullptr) {
    std::fprintf(
        stderr,
        "steepest: %s is slow at maps and reductions, which are interpreted, and at loops and small models, whose "
        "kernels are launched one by one: the driver assembles no PTX (%s): %s\n",
        name_.c_str(), driver_.describe(result).c_str(), missing);
  }
  assembles_ = missing == nullptr;
  return *assembles_;
}

std::shared_ptr<const Assembled> Device::assemble(const std::string& text, const char* name) {
  use();
  Modules::Place place;
  std::string what;
  check(tryAssemble(text, name, &place, &what), what.c_str());
  return {&*place, [this, place](const Assembled*) { release(place); }};
}

// `*what` is for the message about its result.
CUresult Device::tryAssemble(const std::string& text, const char* name, Modules::Place* place, std::string* what) {
  const std::lock_guard lock(mutex_);
  if (assembled_.hold(text, place)) return kSuccess;
  std::vector<char> log(8192, '\0');
  int options[] = {kJitErrorLog, kJitErrorLogBytes};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size() - 1)};
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUresult result = driver_.cuModuleLoadDataEx(&module, text.c_str(), 2, options, values);
  const bool loaded = result == kSuccess;
  if (loaded) result = driver_.cuModuleGetFunction(&function, module, name);
  *what = std::string(loaded ? "finding" : "assembling") + " the kernel " + name + " (" + log.data() + ")";
  if (result == kSuccess) *place = assembled_.add(text, module, function);
  return result;
}

void Device::release(Modules::Place place) noexcept {
  std::list<Assembled> unused;
  {
    const std::lock_guard lock(mutex_);
    unused = assembled_.release(place);
    // Another kernel may get its handle as soon as it is unloaded.
    for (const Assembled& one : unused) shared_.erase(one.function);
  }
  if (unused.empty() || !tryUse()) return;
  for (const Assembled& one : unused) driver_.cuModuleUnload(one.module);
}

std::unique_ptr<Buffer> Device::allocate(uint64_t bytes) {
  use();
  CUdeviceptr address = 0;
  CUresult result = kSuccess;
  do {
    result = driver_.cuMemAlloc(&address, std::max<uint64_t>(bytes, kUnit));
  } while (result == kOutOfMemory && freeUnusedCopy(this));
  if (result == kOutOfMemory) {
    size_t free = 0, total = 0;
    driver_.cuMemGetInfo(&free, &total);
    throw OutOfMemory(bytes, "out of memory on " + name_ + ": " + std::to_string(bytes) + " bytes wanted, " +
                                 std::to_string(free) + " of " + std::to_string(total) + " free");
  }
  check(result, "allocating memory");
  return std::make_unique<DeviceBuffer>(*this, address, bytes);
}

PinnedMemory::PinnedMemory(Device& device, uint64_t bytes) : device_(device) {
  device.use();
  const CUresult result = device.driver().cuMemHostAlloc(&data_, std::max<uint64_t>(bytes, 1), kHostDeviceMap);
  if (result == kOutOfMemory) throw OutOfMemory(bytes);
  device.check(result, "allocating page-locked memory");
}

uint8_t* PinnedMemory::onDevice() const {
  CUdeviceptr address = 0;
  device_.check(device_.driver().cuMemHostGetDevicePointer(&address, data_, 0), "mapping page-locked memory");
  return reinterpret_cast<uint8_t*>(address);
}

PinnedMemory::~PinnedMemory() {
  if (device_.tryUse()) device_.driver().cuMemFreeHost(data_);
}

std::vector<DeviceDescription> describeDevices(std::string* why) {
  std::vector<DeviceDescription> list;
  const DriverResult& found = loadDriver();
  if (found.driver == nullptr) {
    *why = found.tried;
    return list;
  }
  const Driver& driver = *found.driver;
  for (int i = 0; i < driver.devices; ++i) {
    CUdevice device = 0;
    char name[256] = "";
    size_t bytes = 0;
    if (driver.cuDeviceGet(&device, i) != kSuccess) continue;
    driver.cuDeviceGetName(name, sizeof name, device);
    driver.cuDeviceTotalMem(&bytes, device);
    list.push_back({"cuda:" + std::to_string(i), name, bytes});
  }
  return list;
}

}  // namespace steepest::cuda
