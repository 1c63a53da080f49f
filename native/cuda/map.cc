// map, and the epilogues of products, which are maps over the product.
#include "kernels/map.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "bind.h"
#include "emit/map.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kBlocksEach = 2048 / emit::kThreads;  // as many as a multiprocessor holds

struct Segment {
  Domain domain;
  std::vector<Operand> operands;
};

// ---- emitted

emit::MapLayout layoutOf(const Segment& segment, size_t inputs) {
  emit::MapLayout layout;
  const int rank = layout.rank = segment.domain.rank;
  std::copy(segment.domain.shape, segment.domain.shape + rank, layout.shape);
  bool wide = rank > 0 && layout.shape[rank - 1] % 4 == 0;
  for (size_t k = 0; k < segment.operands.size(); ++k) {
    const Operand& operand = segment.operands[k];
    emit::Layout o{static_cast<DType>(operand.dtype), operand.slide != 0, {}};
    std::copy(operand.strides, operand.strides + rank, o.strides);
    layout.operands.push_back(o);
    layout.aligned.push_back(isAligned(operand, rank));
    wide = wide && (k < inputs || layout.aligned[k]);
  }
  layout.width = wide ? 4 : 1;
  return layout;
}

std::vector<uint64_t> segmentWords(const Segment& segment, int width, const Binder& binder) {
  const int64_t count = segment.domain.size / width;
  const int64_t blocks =
      std::min((count + emit::kThreads - 1) / emit::kThreads, binder.multiprocessors() * kBlocksEach);
  std::vector<uint64_t> words = {static_cast<uint64_t>(blocks) << 32, static_cast<uint64_t>(count)};
  for (const Operand& o : segment.operands) words.push_back(reinterpret_cast<uint64_t>(o.data));
  for (const Operand& o : segment.operands) words.push_back(static_cast<uint64_t>(o.slide));
  return words;
}

// What a launch need not take goes through memory.
bool inTable(const MapSegments& map) { return map.segments.size() > 1 || map.segments[0].size() > 64; }

void addEmitted(const steepest::Program& program, const std::vector<Segment>& segments, Binder& binder, bool mayWait) {
  const auto inputs = static_cast<size_t>(program.inputs);
  // By kernel, in the order in which they come.
  std::vector<MapSegments> groups;
  std::map<std::string, size_t> known;
  Touched touched;
  int64_t elements = 0;
  for (const Segment& segment : segments) {
    emit::MapLayout layout = layoutOf(segment, inputs);
    const auto [found, isNew] = known.try_emplace(layout.key(), groups.size());
    if (isNew) groups.push_back({program, layout, {}});
    groups[found->second].segments.push_back(segmentWords(segment, layout.width, binder));
    elements += segment.domain.size;
    for (size_t k = 0; k < segment.operands.size(); ++k) {
      const Operand& operand = segment.operands[k];
      (k < inputs ? touched.read : touched.written).push_back(rangeOf(operand, segment.domain));
      mayWait = mayWait && operand.slide == 0;
    }
  }
  size_t arguments = 0;
  for (const MapSegments& group : groups) arguments += argumentWords(group);
  if (mayWait && elements <= kFewElements && (arguments <= Together::kWordsOfOne || binder.inSequence())) {
    return binder.wait(touched, std::move(groups));
  }
  for (const MapSegments& group : groups) {
    MapWords words = wordsOf(group, binder);
    binder.emitted("map", emit::mapPart(program, group.layout, words.several), words.blocks,
                   std::move(words.arguments));
  }
}

// ---- interpreted

void addInterpreted(const steepest::Program& program, const std::vector<Segment>& segments, Binder& binder) {
  MapArguments arguments{};
  std::vector<MapSegment> table;
  for (const Segment& segment : segments) {
    table.push_back({segment.domain, arguments.size, binder.upload(segment.operands)});
    arguments.size += segment.domain.size;
  }
  arguments.program = binder.program(program);
  arguments.segments = binder.upload(table);
  arguments.segmentCount = static_cast<int32_t>(table.size());
  const int registers = program.registers;
  binder.eachSliding(registers <= 16 ? "map16" : registers <= 64 ? "map64" : "map250", arguments.size, arguments);
}

}  // namespace

bool emits(Device& device) {
  const char* const interpret = std::getenv("STEEPEST_CUDA_INTERPRET");
  return (interpret == nullptr || std::string(interpret) != "1") && device.assembles();
}

bool emits(const steepest::Program& program, Device& device) { return emit::canEmit(program) && emits(device); }

bool isShort(const Domain& domain, const int64_t* strides) {
  int64_t extent = domain.size;
  for (int d = 0; d < domain.rank; ++d) extent += std::abs(strides[d]) * (domain.shape[d] - 1);
  return extent < INT32_MAX;
}

bool isAligned(const Operand& operand, int axes) {
  if (axes == 0 || operand.strides[axes - 1] != 1) return false;
  const auto bytes = static_cast<int64_t>(4 * sizeOf(static_cast<DType>(operand.dtype)));
  if (reinterpret_cast<int64_t>(operand.data) % bytes != 0 || operand.slide % bytes != 0) return false;
  return std::all_of(operand.strides, operand.strides + axes - 1, [](int64_t stride) { return stride % 4 == 0; });
}

MapWords wordsOf(const MapSegments& map, Binder& binder) {
  std::vector<uint64_t> words;
  uint64_t blocks = 0;
  for (const std::vector<uint64_t>& segment : map.segments) {
    words.push_back(segment[0] | blocks);
    words.insert(words.end(), segment.begin() + 1, segment.end());
    blocks += segment[0] >> 32;
  }
  const bool several = inTable(map);
  std::vector<uint64_t> arguments = {0, 0, map.segments.size()};
  if (several) {
    arguments[1] = reinterpret_cast<uint64_t>(binder.upload(words));
  } else {
    arguments.insert(arguments.end(), words.begin(), words.end());
  }
  return {std::move(arguments), static_cast<int64_t>(blocks), several};
}

size_t argumentWords(const MapSegments& map) { return inTable(map) ? 3 : 3 + map.segments[0].size(); }

void addMap(const steepest::Program& program, const std::vector<Operand>& inputs, const std::vector<View>& outputs,
            Binder& binder, bool mayWait) {
  const size_t inCount = static_cast<size_t>(program.inputs), outCount = program.outputs.size();
  std::vector<Segment> segments;
  bool emit = emits(program, binder.device());
  for (size_t s = 0; s * outCount < outputs.size(); ++s) {
    const View& shape = outputs[s * outCount];
    if (shape.size() == 0) continue;
    Segment segment{domainOf(shape),
                    {inputs.begin() + static_cast<std::ptrdiff_t>(s * inCount),
                     inputs.begin() + static_cast<std::ptrdiff_t>((s + 1) * inCount)}};
    for (size_t k = 0; k < outCount; ++k) segment.operands.push_back(binder.operand(outputs[s * outCount + k]));
    std::vector<int64_t*> strides;
    for (Operand& operand : segment.operands) strides.push_back(operand.strides);
    collapse(&segment.domain, strides);
    for (const Operand& operand : segment.operands) emit = emit && isShort(segment.domain, operand.strides);
    segments.push_back(std::move(segment));
  }
  if (segments.empty()) return;
  if (emit) {
    addEmitted(program, segments, binder, mayWait);
  } else {
    addInterpreted(program, segments, binder);
  }
}

void bindMap(const Instruction& in, Binder& binder) {
  std::vector<Operand> inputs;
  for (const View& view : in.inputs) inputs.push_back(binder.operand(view));
  addMap(in.program, inputs, in.outputs, binder, true);
}

}  // namespace steepest::cuda
