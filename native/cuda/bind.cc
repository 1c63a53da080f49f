#include "bind.h"

#include <string>

#include "../plan/loss_of.h"
#include "../plan/ops.h"
#include "loop.h"
#include "sequence.h"

namespace steepest::cuda {
namespace {

using Bind = void (*)(const Instruction&, Binder&);

// Opcode to family; null for one without a kernel.
Bind familyOf(Opcode opcode) {
  switch (opcode) {
    case Opcode::kFeed:
      return bindFeed;
    case Opcode::kFetch:
      return bindFetch;
    case Opcode::kCopy:
      return bindCopy;
    case Opcode::kMap:
      return bindMap;
    case Opcode::kReduce:
      return bindReduce;
    case Opcode::kMatmul:
      return bindMatmul;
    case Opcode::kMatmulInt8:
      return bindMatmulInt8;
    case Opcode::kGather:
      return bindGather;
    case Opcode::kScatterAdd:
      return bindScatterAdd;
    case Opcode::kSoftmax:
      return bindSoftmax;
    case Opcode::kSoftmaxGrad:
      return bindSoftmaxGrad;
    case Opcode::kSoftmaxCrossEntropy:
      return bindSoftmaxCrossEntropy;
    case Opcode::kSoftmaxCrossEntropyGrad:
      return bindSoftmaxCrossEntropyGrad;
    case Opcode::kArgReduce:
      return bindArgReduce;
    case Opcode::kCumsum:
      return bindCumsum;
    case Opcode::kArgsort:
      return bindArgsort;
    case Opcode::kConv:
      return bindConv;
    case Opcode::kConvInputGrad:
      return bindConvInputGrad;
    case Opcode::kConvKernelGrad:
      return bindConvKernelGrad;
    case Opcode::kMaxPool:
      return bindMaxPool;
    case Opcode::kAveragePool:
      return bindAveragePool;
    case Opcode::kMaxPoolGrad:
      return bindMaxPoolGrad;
    case Opcode::kAveragePoolGrad:
      return bindAveragePoolGrad;
    case Opcode::kNormalize:
      return bindNormalize;
    case Opcode::kNormalizeGrad:
      return bindNormalizeGrad;
    case Opcode::kAttention:
      return bindAttention;
    case Opcode::kAttentionGrad:
      return bindAttentionGrad;
    default:
      return nullptr;
  }
}

}  // namespace

std::vector<std::unique_ptr<Kernel>> bindInstructions(const std::vector<Instruction>& instructions,
                                                      const Memory& memory, CudaBackend& backend, bool isPlan) {
  std::vector<std::unique_ptr<Kernel>> kernels;
  Together waiting;
  const auto settle = [&] {
    if (kernels.empty()) return;
    Binder rest(backend, memory, instructions[kernels.size() - 1], waiting);
    rest.settle();
    rest.addTo(*kernels.back());
  };
  std::vector<bool> made(instructions.size());  // by others
  std::vector<SequenceRun> runs = runsOf(instructions, memory, backend.stream().device());
  for (const Instruction& instruction : instructions) {
    // A run may begin where another one ends.
    if (!runs.empty() && kernels.size() == runs.front().end) {
      settle();
      waiting.setWays({});
      runs.erase(runs.begin());
    }
    if (!runs.empty() && kernels.size() == runs.front().first) waiting.setWays(std::move(runs.front().ways));
    const auto opcode = static_cast<Opcode>(instruction.opcode);
    if (opcode == Opcode::kLoop) {
      settle();
      std::unique_ptr<Kernel> together = bindLoopTogether(instruction, memory, backend, waiting);
      kernels.push_back(together ? std::move(together) : bindLoop(instruction, memory, backend));
      continue;
    }
    const Bind bind = familyOf(opcode);
    if (bind == nullptr) {
      throw DeviceError(DeviceError::Kind::kMissing,
                        std::string("there is no CUDA kernel for '") + nameOf(instruction) + "' yet");
    }
    Binder binder(backend, memory, instruction, waiting);
    if (const size_t loss = lossOf(kernels.size(), instructions); loss < instructions.size()) {
      made[loss] = true;
      binder.setAlso(instructions[loss]);
    }
    if (!made[kernels.size()]) bind(instruction, binder);
    kernels.push_back(binder.finish());
  }
  if (isPlan && waiting.inSequence() && waiting.any()) waiting.setLast(partOfAdvance(backend.step()));
  settle();
  return kernels;
}

}  // namespace steepest::cuda
