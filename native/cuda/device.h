// A GPU: its context, memory and kernels, shared by all sessions of the process that use it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "../runtime/backend.h"
#include "driver.h"
#include "kernel_file.h"
#include "modules.h"

namespace steepest::cuda {

class Device {
 public:
  // Number `ordinal` of the driver, opened once and never closed. Throws DeviceError.
  static Device& get(int ordinal);

  // ---- all of these throw DeviceError, and OutOfMemory where memory is asked for

  // Makes it the device of the calling thread; to be called before anything else is.
  void use();
  // The same for destructors. False when it is lost, and all that was on it.
  bool tryUse() noexcept;
  // A result of the driver as an exception. After a fault the device is lost for the rest of the process.
  void check(CUresult result, const char* what);
  // A kernel by its name.
  CUfunction function(const char* name);
  // Lets the blocks of a kernel have so much shared memory, or what others asked for, who may launch it still.
  void allowShared(CUfunction function, uint32_t bytes);
  // How many clusters of so many blocks run at the same time, as not every part of a GPU has the multiprocessors for one.
  int clustersOf(CUfunction function, int members, int threads, uint32_t sharedBytes);
  // That a block may have if it asks for it.
  int64_t sharedBytes() const;
  // Blocks of a launch can wait for each other when there are no more of them than multiprocessors.
  bool launchesCooperatively() const;
  // STEEPEST_CUDA_STRICT=1, for tests and measurements: what the device refuses (graphs, clusters, PTX) is an error, where something
  // slower would take its place.
  bool isStrict() const { return strict_; }
  // 90 is compute capability 9.0.
  int capability() const;
  // Whether the driver assembles PTX: its assembler is a library of its own, which containers may lack. Asked once, with a kernel that
  // does nothing; when it does not, a line on stderr says so, and see isStrict.
  bool assembles();
  // The kernel of a module that is PTX, assembled by the driver once for each text. It stays loaded while somebody has it, who lets go
  // when no work that uses it is under way.
  std::shared_ptr<const Assembled> assemble(const std::string& text, const char* name);
  // Not zeroed, aligned to 256 bytes. Copies of storages that no job uses go first where there is not enough.
  std::unique_ptr<Buffer> allocate(uint64_t bytes);

  const Driver& driver() const { return driver_; }
  const std::string& name() const { return name_; }  // "cuda:0"
  int multiprocessors() const { return multiprocessors_; }

 private:
  Device(const Driver& driver, int ordinal);
  void loadKernels();
  CUmodule load(const KernelImages& images, const std::string& file);
  CUresult tryAssemble(const std::string& text, const char* name, Modules::Place* place, std::string* what);
  void release(Modules::Place place) noexcept;
  void throwIfLost() const;

  const Driver& driver_;
  const int ordinal_;
  const std::string name_;
  CUcontext context_ = nullptr;
  int multiprocessors_ = 1;
  bool strict_ = false;

  std::mutex asking_;
  std::optional<bool> assembles_;  // under `asking_`

  std::mutex mutex_;
  std::string lost_;  // why; under the mutex
  std::atomic<bool> isLost_{false};
  std::vector<KernelImages> images_;  // the driver may read them later
  std::vector<CUmodule> modules_;     // of `images_`
  std::unordered_map<std::string, CUfunction> functions_;
  Modules assembled_;
  std::unordered_map<CUfunction, uint32_t> shared_;  // that was asked for
};

// Page-locked host memory, which copies go to and from without a detour.
class PinnedMemory {
 public:
  PinnedMemory(Device& device, uint64_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  uint8_t* data() const { return static_cast<uint8_t*>(data_); }
  // Where kernels find it.
  uint8_t* onDevice() const;

 private:
  Device& device_;
  void* data_ = nullptr;
};

// Of all devices there are; when there is none, `*why` says what was tried.
std::vector<DeviceDescription> describeDevices(std::string* why);

}  // namespace steepest::cuda
