// A session on a GPU: a stream of its own, and the state of the step that is running in device memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../runtime/backend.h"
#include "kernels/step.h"
#include "stream.h"

namespace steepest::cuda {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(Device& device);

  std::unique_ptr<Buffer> allocate(uint64_t bytes) override;
  void write(uint8_t* to, const void* from, uint64_t bytes) override;
  void read(void* to, const uint8_t* from, uint64_t bytes) override;
  void clear(uint8_t* at, uint64_t bytes) override;
  std::vector<std::unique_ptr<Kernel>> bind(const std::vector<Instruction>& instructions,
                                            const Memory& memory) override;
  void begin(RunContext& context, const std::vector<View>& feeds, const std::vector<View>& fetches) override;
  void reorder(RunContext& context, uint64_t rows) override;
  uint64_t run(Executor& plan, RunContext& context, uint64_t most) override;
  void end(RunContext& context) override;
  void settle() override;

  // ---- for the families of kernels

  Stream& stream() { return stream_; }
  StepState* step() const { return reinterpret_cast<StepState*>(step_->data()); }
  // Memory that a kernel uses while it runs, number `i` of those that it has. Kernels run one after the other, so all share
  // it. Keep the pointer as long as the kernel.
  std::shared_ptr<Buffer> scratch(size_t i, uint64_t bytes);

 private:
  class Run;

  void handOver(Executor& plan, RunContext& context, uint64_t steps);
  std::unique_ptr<Buffer> take(uint64_t bytes);
  void giveBack(std::unique_ptr<Buffer> buffer);
  void activate(Run& run, RunContext& context);
  void report(RunContext& context);
  Run& runOf(RunContext& context);

  Device& device_;
  PinnedMemory attention_;  // the device writes here when the host has to look
  PinnedMemory sent_;       // the step's state on its way to the device
  Stream stream_;
  std::unique_ptr<Stream> copies_;  // of the rows of steps to come
  std::unique_ptr<Buffer> step_;
  Launch advance_;
  std::vector<std::shared_ptr<Buffer>> scratch_;
  std::vector<std::unique_ptr<Buffer>> spare_;  // of runs that have ended
  bool binding_ = false;                        // a plan
  Run* active_ = nullptr;                       // whose numbers are in step_
};

// By name: "cuda:0". Throws DeviceError.
std::unique_ptr<Backend> open(const std::string& name);

}  // namespace steepest::cuda
