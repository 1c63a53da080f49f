#include "map.h"

#include "elements.h"
#include "lanes.h"

namespace steepest::cuda::emit {
namespace {

// The segment that a block belongs to: the last one that begins at it or before, by bisection.
Value segmentOf(const Value& block, const Value& table, const Value& count, int64_t segmentBytes) {
  Text& out = Text::now();
  const Value low = out.variable(Bank::kWord), high = out.variable(Bank::kWord);
  const int again = out.label(), done = out.label();
  out.assign(low, word(0));
  out.assign(high, (U(count) - U(1u)).v);
  out.place(again);
  out.branchIf((U(low) >= U(high)).v, done);
  const U middle = (U(low) + U(high) + U(1u)) >> 1u;
  const Value at = make(Bank::kLong, "mad.wide.s32", {middle.v, I(static_cast<int32_t>(segmentBytes)).v, table});
  const M after = U(Fields(at, 0).word(0)) > U(block);
  out.assign(high, choose(after, middle - U(1u), U(high)).v);
  out.assign(low, choose(after, U(low), middle).v);
  out.branch(again);
  out.place(done);
  return make(Bank::kLong, "mad.wide.s32", {low, I(static_cast<int32_t>(segmentBytes)).v, table});
}

}  // namespace

std::string MapLayout::key() const {
  std::string key = std::to_string(width) + ":";
  for (int d = 1; d < rank; ++d) key += std::to_string(shape[d]) + ",";
  for (size_t k = 0; k < operands.size(); ++k) {
    const Layout& o = operands[k];
    key += ";" + std::to_string(static_cast<int>(o.dtype)) + (o.slides ? "s" : "") + (aligned[k] ? "a" : "");
    for (int d = 0; d < rank; ++d) key += "," + std::to_string(o.strides[d]);
  }
  return key;
}

Rate MapLayout::rateOf(size_t operand) const {
  const int64_t* const strides = operands[operand].strides;
  Rate often = Rate::kOnce;
  for (int d = 0; d < rank; ++d) {
    if (strides[d] != 0) often = d == rank - 1 && width > 1 ? Rate::kElement : std::max(often, Rate::kGroup);
  }
  return often;
}

namespace {

void writeMap(const steepest::Program& program, const MapLayout& layout, bool several, const Frame& frame) {
  Text& out = Text::now();
  const int rank = layout.rank, width = layout.width;
  const size_t count = layout.operands.size();
  const auto segmentBytes = static_cast<int64_t>(16 + 16 * count);

  const Value block = frame.block, thread = special("%tid.x");
  const Fields arguments = frame.fields();
  Value inSegment = block;
  Fields segment = frame.fields(kMapSegmentAt);
  if (several) {
    const Value at = segmentOf(block, arguments.wide(8), arguments.word(16), segmentBytes);
    segment = Fields(at, 0);
    inSegment = (U(block) - U(segment.word(0))).v;
  }
  const Value groups = segment.word(8);
  const Value i = out.variable(Bank::kWord);
  const int again = out.label(), done = out.label();
  out.assign(i, (U(inSegment) * U(uint32_t{kThreads}) + U(thread)).v);
  out.branchIf((U(i) >= U(groups)).v, done);
  const Value stride = (U(segment.word(4)) * U(uint32_t{kThreads})).v;
  bool anySlides = false;
  for (const Layout& operand : layout.operands) anySlides = anySlides || operand.slides;
  const Value loopStep = anySlides ? arguments.wide(0) : Value{};
  const std::vector<Value> data =
      addressesOf(layout.operands, segment, kMapDataAt, kMapDataAt + static_cast<int64_t>(8 * count), loopStep);
  Elements elements(program, layout, data);

  out.place(again);
  int64_t shape[kAxes];
  for (int d = 0; d < rank; ++d) shape[d] = layout.shape[d];
  if (rank > 0) shape[rank - 1] /= width;
  Offsets offsets;
  std::vector<int64_t> factors(static_cast<size_t>(rank), 1);
  if (rank > 0) factors.back() = width;
  offsets.add(indicesOf(i, shape, rank), factors);
  elements.write(offsets, elements.positional() ? (U(i) * U(static_cast<uint32_t>(width))).v : Value{});
  out.assign(i, (U(i) + U(stride)).v);
  out.branchIf((U(i) < U(groups)).v, again);
  out.place(done);
}

}  // namespace

Part mapPart(const steepest::Program& program, const MapLayout& layout, bool several) {
  return [=](const Frame& frame) {
    writeMap(program, layout, several, frame);
    return 0u;
  };
}

}  // namespace steepest::cuda::emit
