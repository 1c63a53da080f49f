// map: a fused elementwise program over one or several domains, one thread for each element.
#include "interpret.h"
#include "kernel.h"
#include "map.h"
#include "strides.h"

namespace steepest::cuda {

template <int kRegisters>
STEEPEST_INLINE void mapElements(const MapArguments& a) {
  uint32_t registers[kRegisters];
  int s = 0;
  STEEPEST_EACH(i, a.size) {
    while (s + 1 < a.segmentCount && a.segments[s + 1].begin <= i) ++s;
    const MapSegment& segment = a.segments[s];
    const int64_t at = i - segment.begin;
    const Operand* operand = segment.operands;
    for (int k = 0; k < a.program.inputCount; ++k, ++operand) {
      registers[k] = loadLane(operand->data + a.loopStep * operand->slide, operand->dtype,
                              offsetOf(segment.domain, operand->strides, at));
    }
    interpret(a.program, registers, static_cast<uint64_t>(at));
    for (int k = 0; k < a.program.outputCount; ++k, ++operand) {
      storeLane(operand->data + a.loopStep * operand->slide, operand->dtype,
                offsetOf(segment.domain, operand->strides, at), registers[a.program.outputs[k]]);
    }
  }
}

// By the number of registers, which are memory of each thread.
STEEPEST_KERNEL(map16, MapArguments a) { mapElements<16>(a); }
STEEPEST_KERNEL(map64, MapArguments a) { mapElements<64>(a); }
STEEPEST_KERNEL(map250, MapArguments a) { mapElements<kMaxRegisters>(a); }

}  // namespace steepest::cuda
