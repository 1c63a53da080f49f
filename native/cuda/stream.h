// The order of work on a device: what is handed over runs in that order, some time later.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device.h"

namespace steepest::cuda {

// A kernel, ready to go.
struct Launch {
  CUfunction function = nullptr;
  std::shared_ptr<const Assembled> assembled;  // whose function it is, or null
  std::string name;
  uint32_t grid = 1;
  uint32_t block = 1;
  uint32_t sharedBytes = 0;
  bool cooperative = false;         // its blocks wait for each other, so all of them have to run at once
  bool advances = false;            // it moves the step's state on
  std::vector<uint64_t> arguments;  // the bytes of the one struct that it takes
  const char* operation = "";       // whose it is
  uint32_t instruction = 0;         // of the plan
};

// A point in a stream that another stream, or the host, can wait for.
class Event {
 public:
  explicit Event(Device& device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  // The host waits. Nothing when it was never recorded.
  void wait();
  CUevent handle() const { return event_; }

 private:
  Device& device_;
  CUevent event_ = nullptr;
};

// Launches that are handed over as one. It keeps their arguments.
class Graph {
 public:
  Graph(Device& device, CUgraphExec executable) : device_(device), executable_(executable) {}
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  CUgraphExec handle() const { return executable_; }

 private:
  Device& device_;
  const CUgraphExec executable_;
};

class Stream {
 public:
  explicit Stream(Device& device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Does not throw; what goes wrong is kept for check() and ends what is handed over.
  void launch(const Launch& launch) noexcept;
  // Whether a launch since the last question was one that moves the step's state on.
  bool takeAdvanced() { return std::exchange(advanced_, false); }
  // Throws what went wrong so far, as far as it is known.
  void check();

  // How many launches `work` makes; none of them is handed over.
  template <typename Work>
  size_t count(Work&& work) {
    counting_ = true;
    counted_ = 0;
    work();
    counting_ = false;
    return counted_;
  }
  // The launches that `work` makes, for later. Null when the driver cannot; see Device::isStrict.
  template <typename Work>
  std::unique_ptr<Graph> capture(Work&& work) {
    if (!beginCapture()) return nullptr;
    work();
    return endCapture();
  }
  // These throw DeviceError.
  void launch(const Graph& graph);
  void record(Event& event);
  void waitFor(const Event& event);
  // STEEPEST_CUDA_SYNC=1: after each launch, so that a fault is known where it happens.
  bool waitsAfterLaunches() const { return synchronous_; }

  // These throw DeviceError. The host's memory may be used for something else once the copy is done.
  void copyIn(uint8_t* to, const void* from, uint64_t bytes);
  void copyOut(void* to, const uint8_t* from, uint64_t bytes);
  void clear(uint8_t* at, uint64_t bytes);
  // Waits until all is done.
  void wait();

  Device& device() const { return device_; }
  CUstream handle() const { return stream_; }

 private:
  bool beginCapture();
  std::unique_ptr<Graph> endCapture();

  Device& device_;
  const bool synchronous_;
  CUstream stream_ = nullptr;
  CUresult failed_ = kSuccess;
  const Launch* failedLaunch_ = nullptr;
  bool advanced_ = false;
  bool counting_ = false;
  size_t counted_ = 0;
};

}  // namespace steepest::cuda
