// map, and the epilogues of products, which are maps over the product.
#include "kernels/map.h"

#include "bind.h"

namespace steepest::cuda {

void addMap(const Program& program, int registers, const std::vector<Operand>& inputs, const std::vector<View>& outputs,
            Binder& binder) {
  const size_t inCount = static_cast<size_t>(program.inputCount), outCount = static_cast<size_t>(program.outputCount);
  MapArguments arguments{};
  std::vector<MapSegment> segments;
  for (size_t s = 0; s * outCount < outputs.size(); ++s) {
    const View& shape = outputs[s * outCount];
    if (shape.size() == 0) continue;
    std::vector<Operand> operands(inputs.begin() + static_cast<std::ptrdiff_t>(s * inCount),
                                  inputs.begin() + static_cast<std::ptrdiff_t>((s + 1) * inCount));
    for (size_t k = 0; k < outCount; ++k) operands.push_back(binder.operand(outputs[s * outCount + k]));
    MapSegment segment{domainOf(shape), arguments.size, nullptr};
    std::vector<int64_t*> strides;
    for (Operand& operand : operands) strides.push_back(operand.strides);
    collapse(&segment.domain, strides);
    segment.operands = binder.upload(operands);
    segments.push_back(segment);
    arguments.size += segment.domain.size;
  }
  arguments.program = program;
  arguments.segments = binder.upload(segments);
  arguments.segmentCount = static_cast<int32_t>(segments.size());
  binder.eachSliding(registers <= 16 ? "map16" : registers <= 64 ? "map64" : "map250", arguments.size, arguments);
}

void bindMap(const Instruction& in, Binder& binder) {
  std::vector<Operand> inputs;
  for (const View& view : in.inputs) inputs.push_back(binder.operand(view));
  addMap(binder.program(in.program), in.program.registers, inputs, in.outputs, binder);
}

}  // namespace steepest::cuda
