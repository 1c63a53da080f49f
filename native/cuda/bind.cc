#include "bind.h"

#include <string>

#include "../plan/ops.h"
#include "../plan/table.h"

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

std::unique_ptr<Kernel> bindInstruction(const Instruction& instruction, const Memory& memory, CudaBackend& backend) {
  const auto opcode = static_cast<Opcode>(instruction.opcode);
  if (opcode == Opcode::kLoop) return bindLoop(instruction, memory, backend);
  const Bind bind = familyOf(opcode);
  const InstructionInfo* const info = instructionInfo(instruction.opcode);
  const char* const name = info != nullptr ? info->name : "?";
  if (bind == nullptr) {
    throw DeviceError(DeviceError::Kind::kMissing, std::string("there is no CUDA kernel for '") + name + "' yet");
  }
  Binder binder(backend, memory);
  bind(instruction, binder);
  return binder.finish(name, instruction.number);
}

}  // namespace steepest::cuda
