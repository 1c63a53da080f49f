// A bound instruction on the device: launches that are handed over one after the other. Families build theirs with a Binder.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../runtime/kernel.h"
#include "backend.h"
#include "emit/kernel.h"
#include "kernels/program.h"
#include "together.h"

namespace steepest::cuda {

// Of dynamic shared memory, that a block may have without asking for it.
constexpr uint32_t kSharedBytes = 48 << 10;

// So many blocks, which have to fit a launch. Throws std::length_error.
uint32_t gridOf(const char* kernel, int64_t blocks);

// `grid` blocks of `block` threads; `arguments` is the struct that the kernel takes. Throws DeviceError.
template <typename Arguments>
Launch prepare(Device& device, const char* kernel, int64_t grid, int block, const Arguments& arguments,
               uint32_t sharedBytes = 0) {
  static_assert(sizeof(Arguments) <= 4096, "what a kernel can take");
  Launch launch;
  launch.function = device.function(kernel);
  launch.name = kernel;
  launch.grid = gridOf(kernel, grid);
  launch.block = static_cast<uint32_t>(block);
  launch.sharedBytes = sharedBytes;
  if (sharedBytes > kSharedBytes) device.allowShared(launch.function, sharedBytes);
  launch.arguments.resize((sizeof(Arguments) + 7) / 8);
  std::memcpy(launch.arguments.data(), &arguments, sizeof arguments);
  return launch;
}

const char* nameOf(const Instruction& instruction);

Domain domainOf(const View& view);

// Joins neighbouring axes that all operands walk through as one, and leaves out those of one element.
void collapse(Domain* domain, const std::vector<int64_t*>& strides);

// Builds the kernel of an instruction: addresses and tables on the device, copies of operands with gaps, launches.
class Binder {
 public:
  // What waits for other instructions, `waiting`, is launched before this one's launches where they need it.
  Binder(CudaBackend& backend, const Memory& memory, const Instruction& instruction, Together& waiting)
      : backend_(backend),
        memory_(memory),
        waiting_(waiting),
        touched_(touchedBy(instruction, memory)),
        operation_(nameOf(instruction)),
        instruction_(instruction.number) {}

  // ---- operands

  template <typename T>
  T* at(const View& view) const {
    return memory_.at<T>(view);
  }
  uint8_t* bytesAt(const View& view) const { return memory_.bytesAt(view); }
  // Any strided view, for kernels that walk through strides. It slides when the view does.
  Operand operand(const View& view) const;
  // The view without gaps: itself, or a copy that is made before the launches that are added later.
  template <typename T>
  const T* dense(const View& view) {
    return reinterpret_cast<const T*>(denseBytes(view));
  }
  StepState* step() const { return backend_.step(); }
  const Memory& memory() const { return memory_; }
  Device& device() const { return backend_.stream().device(); }

  // Another instruction whose results this one makes too, or null.
  const Instruction* also() const { return also_; }
  void setAlso(const Instruction& instruction);

  // ---- memory

  // Used by this kernel while it runs, of no meaning afterwards.
  uint8_t* scratch(uint64_t bytes);
  // Nobody else's.
  uint8_t* own(uint64_t bytes);
  // A table on the device.
  template <typename T>
  const T* upload(const std::vector<T>& values) {
    return reinterpret_cast<const T*>(uploadBytes(values.data(), values.size() * sizeof(T)));
  }
  Program program(const steepest::Program& program);

  // ---- launches

  // One thread for each of `threads` items (kernels go on in strides when there are more than a grid should have).
  template <typename Arguments>
  void each(const char* kernel, int64_t threads, const Arguments& arguments) {
    blocks(kernel, blocksFor(threads), arguments);
  }
  template <typename Arguments>
  void blocks(const char* kernel, int64_t count, const Arguments& arguments, int threads = STEEPEST_BLOCK,
              uint32_t sharedBytes = 0) {
    if (count > 0) add(prepare(backend_.stream().device(), kernel, count, threads, arguments, sharedBytes));
  }
  // The same for arguments whose member `loopStep` says how often operands have moved on.
  template <typename Arguments>
  void eachSliding(const char* kernel, int64_t threads, const Arguments& arguments) {
    static_assert(offsetof(Arguments, loopStep) == 0, "launches find it there");
    each(kernel, threads, arguments);
    if (threads > 0) sliding_.push_back(launches_.size() - 1);
  }
  template <typename Arguments>
  void blocksSliding(const char* kernel, int64_t count, const Arguments& arguments, int threads = STEEPEST_BLOCK,
                     uint32_t sharedBytes = 0) {
    static_assert(offsetof(Arguments, loopStep) == 0, "launches find it there");
    blocks(kernel, count, arguments, threads, sharedBytes);
    if (count > 0) sliding_.push_back(launches_.size() - 1);
  }

  // An emitted kernel. The first word of its arguments says how often operands have moved on.
  void emitted(const char* name, const emit::Part& part, int64_t blocks, std::vector<uint64_t> arguments);
  // One whose arguments do not slide, with so much memory that its blocks share.
  void emitted(const emit::Kernel& kernel, int64_t blocks, std::vector<uint64_t> arguments, uint32_t sharedBytes);
  int multiprocessors() const { return backend_.stream().device().multiprocessors(); }

  // ---- launches that wait, to be one with others. They must not slide, nor use scratch memory.

  void wait(const Touched& touched, std::vector<MapSegments> maps);  // which do not depend on each other
  void wait(const Touched& touched, WaitingPart part);
  void wait(const Touched& touched, const FeedArguments& feed);
  // What this instruction touches, and where another one's results are made too, that.
  const Touched& touched() const { return touched_; }
  // Everything that can be a part of a launch waits.
  bool inSequence() const { return waiting_.inSequence(); }
  // Launches of this instruction that do not wait touch these only.
  void touches(Touched touched) { touched_ = std::move(touched); }
  // Launches all that waits.
  void settle();

  std::unique_ptr<Kernel> finish();
  // Puts the launches behind those of a kernel that `finish` made.
  void addTo(Kernel& kernel);

 private:
  void add(Launch launch);
  void launch(std::vector<Together::Group> groups);
  void launch(Together::Group& group);
  void launchSequence(std::vector<Together::Group>& groups);
  std::vector<WaitingPart> partsOf(Together::Group& group);
  Together::Group& groupFor(const Touched& touched, size_t words);
  const uint8_t* denseBytes(const View& view);
  const uint8_t* uploadBytes(const void* data, uint64_t bytes);
  int64_t blocksFor(int64_t threads) const;

  CudaBackend& backend_;
  const Memory& memory_;
  Together& waiting_;
  Touched touched_;
  const Instruction* also_ = nullptr;
  const char* const operation_;  // for messages
  const uint32_t instruction_;
  bool waits_ = false;  // a launch of this instruction does
  std::vector<Launch> launches_;
  std::vector<size_t> sliding_;
  std::vector<std::shared_ptr<Buffer>> kept_;
  size_t scratches_ = 0;
};

}  // namespace steepest::cuda
