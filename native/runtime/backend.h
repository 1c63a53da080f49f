// What plans run on: memory, kernels, and the order of steps. One backend for each session; the CPU (native/cpu/backend.h)
// and CUDA (native/cuda/backend.h) implement it, and nothing in this folder knows which one it has.
//
// Addresses are those of the device. Only the backend reads and writes there, so the runtime moves bytes through it.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernel.h"

namespace steepest {

class Executor;

// Memory of a device, freed with the object.
class Buffer {
 public:
  virtual ~Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

 protected:
  Buffer() = default;

  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

// A device that cannot be used, or no longer. Running out of memory is OutOfMemory instead.
struct DeviceError : std::runtime_error {
  enum class Kind {
    kMissing,  // no driver, no kernels, or no such device
    kTooOld,   // the driver is older than what is needed
    kLost,     // a fault: nothing runs on it any more in this process
    kFailed,   // something else went wrong; the message has the driver's words
  };
  DeviceError(Kind kind, const std::string& message) : std::runtime_error(message), kind(kind) {}
  const Kind kind;
};

struct DeviceDescription {
  std::string name;         // what `device` takes: 'cpu', 'cuda:0'
  std::string description;  // what people call it
  uint64_t bytes;           // of memory
};

class Backend {
 public:
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // ---- memory

  // Zeroed, aligned to kUnit or more. Throws OutOfMemory.
  virtual std::unique_ptr<Buffer> allocate(uint64_t bytes) = 0;
  // Between host and device, after all steps so far. They return when the host's memory is free or filled.
  virtual void write(uint8_t* to, const void* from, uint64_t bytes) = 0;
  virtual void read(void* to, const uint8_t* from, uint64_t bytes) = 0;
  virtual void clear(uint8_t* at, uint64_t bytes) = 0;

  // ---- kernels

  // Of instructions that run one after the other, a kernel for each. A kernel may do some of the work of others, as long as
  // all is done after the last one. Throws OutOfMemory, and std::exception when an instruction has no kernel.
  virtual std::vector<std::unique_ptr<Kernel>> bind(const std::vector<Instruction>& instructions,
                                                    const Memory& memory) = 0;

  // ---- steps, between begin and end. Only one thread at a time is there; DeviceError and OutOfMemory may be thrown.

  // Feeds and fetches of the context, for plans with these slots. They stay as they are until `end`.
  virtual void begin(RunContext&, const std::vector<View>& /* feeds */, const std::vector<View>& /* fetches */) {}
  // context.order has changed; it has `rows` entries.
  virtual void reorder(RunContext&, uint64_t /* rows */) {}
  // Runs a step of a plan, or several that follow each other, `most` of them at most. Returns how many, or how many it has
  // handed over: what became of them (RunContext::error and so on) is known after `end` at the latest. The step that
  // fails is named even if others ran after it. Steps that have to stop at a number that is not finite run one by one.
  virtual uint64_t run(Executor& plan, RunContext& context, uint64_t most) = 0;
  // All steps are done: fetches have their rows, and the context says what became of them.
  virtual void end(RunContext&) {}
  // The kernels handed over so far are done: for whoever measures them.
  virtual void settle() {}

 protected:
  Backend() = default;
};

}  // namespace steepest
