#include "step.h"

#include <cstddef>

#include "../kernels/step.h"
#include "block.h"
#include "lanes.h"
#include "memory.h"

namespace steepest::cuda::emit {
namespace {

constexpr uint32_t kHostUint8 = 2;  // HostType of native/runtime/kernel.h

Value wide(const Value& x) { return make(Bank::kLong, "cvt.u64.u32", {x}); }
Value product(const Value& a, int64_t b, const Value& more) {
  return make(Bank::kLong, "mad.lo.s64", {a, L(b).v, more});
}

// Numbers of `bytes` as they are, in one access.
void copy(const Value& from, const Value& to, int64_t bytes, bool quads) {
  Text& out = Text::now();
  const char* const type = bytes == 4 ? "b32" : bytes == 2 ? "u16" : "u8";
  Value lanes[4];
  for (Value& lane : lanes) lane = out.fresh(Bank::kWord);
  if (quads) {
    out.line("ld.global.v4.b32 {$, $, $, $}, [$];", {lanes[0], lanes[1], lanes[2], lanes[3], from});
    out.line("st.global.v4.b32 [$], {$, $, $, $};", {to, lanes[0], lanes[1], lanes[2], lanes[3]});
    return;
  }
  out.line((std::string("ld.global.") + type + " $, [$];").c_str(), {lanes[0], from});
  out.line((std::string("st.global.") + type + " [$], $;").c_str(), {to, lanes[0]});
}

// Bytes as numbers of four.
void widen(const Value& from, const Value& to, bool real, bool quads) {
  Text& out = Text::now();
  const Value bytes = out.fresh(Bank::kWord);
  out.line(quads ? "ld.global.b32 $, [$];" : "ld.global.u8 $, [$];", {bytes, from});
  Value lanes[4];
  for (int k = 0; k < (quads ? 4 : 1); ++k) {
    const I byte = quads ? I((U(bytes) >> U(static_cast<uint32_t>(8 * k)) & U(0xffu)).v) : I(bytes);
    lanes[k] = real ? toFloat(byte).v : byte.v;
  }
  const std::string type = real ? "f32" : "b32";
  if (quads) {
    out.line(("st.global.v4." + type + " [$], {$, $, $, $};").c_str(), {to, lanes[0], lanes[1], lanes[2], lanes[3]});
  } else {
    out.line(("st.global." + type + " [$], $;").c_str(), {to, lanes[0]});
  }
}

// Whether there is anything but zeros.
void asTruth(const Value& from, const Value& to) {
  Text& out = Text::now();
  const Value byte = out.fresh(Bank::kWord);
  out.line("ld.global.u8 $, [$];", {byte, from});
  out.line("st.global.u8 [$], $;", {to, choose(I(byte) != I(0), I(1), I(0)).v});
}

void writeFeed(const FeedLayout& layout, const Frame& frame) {
  Text& out = Text::now();
  const int64_t width = layout.quads ? 4 : 1;
  const auto bytes = static_cast<int64_t>(sizeOf(layout.dtype));
  const Value i = (U(frame.block) * U(uint32_t{kThreads}) + U(special("%tid.x"))).v;
  const int over = out.label();
  out.branchUnless(isBelow(i, layout.size / width), over);
  const Value stateAt = frame.fields().wide(0);
  const Fields state(stateAt, 0);
  const Fields slot(plus(state.wide(offsetof(StepState, feeds)), static_cast<int64_t>(layout.slot * sizeof(Slot))), 0);
  const auto [ownRow, group] = divided(i, layout.rowSize / width);
  const Value data = slot.wide(offsetof(Slot, data)), order = slot.wide(offsetof(Slot, order));

  const Value row = out.variable(Bank::kLong);
  const int staged = out.label(), asItComes = out.label();
  out.assign(row, wide(ownRow));
  out.branchUnless((U(slot.word(offsetof(Slot, staged))) == U(0u)).v, staged);
  out.assign(row, (L(row) + L(state.wide(offsetof(StepState, firstRow)))).v);
  out.place(staged);
  out.branchIf((L(order) == L(0)).v, asItComes);
  out.assign(row, wide(Fields(product(row, 4, order), 0).word(0)));
  out.place(asItComes);

  // Which element of the data.
  const Value inRow = width == 1 ? group : (U(group) * U(4u)).v;
  const Value from = product(row, layout.rowSize, wide(inRow));
  const Value to = plus(frame.fields().wide(8), i, width * bytes);
  if (layout.dtype == DType::kBool) {
    asTruth((L(data) + L(from)).v, to);
  } else if (bytes != 4) {
    copy(product(from, bytes, data), to, bytes, false);
  } else {
    const int areBytes = out.label();
    out.branchIf((U(slot.word(offsetof(Slot, type))) == U(kHostUint8)).v, areBytes);
    copy(product(from, bytes, data), to, bytes, layout.quads);
    out.branch(over);
    out.place(areBytes);
    widen((L(data) + L(from)).v, to, layout.dtype == DType::kFloat32, layout.quads);
  }
  out.place(over);
}

// Puts a number where nothing but the device writes, and the host looks once it is done.
void put(const Value& address, int64_t bytes, const Value& number) {
  Text& out = Text::now();
  const Value from = out.variable(number.bank);
  out.assign(from, number);
  out.line(number.bank == Bank::kLong ? "st.global.b64 [$], $;" : "st.global.b32 [$], $;",
           {plus(address, bytes), from});
}

void writeAdvance(const Frame& frame) {
  Text& out = Text::now();
  const int over = out.label(), fine = out.label(), noError = out.label();
  out.branchUnless((U(special("%tid.x")) == U(0u)).v, over);
  const Value at = frame.fields().wide(0);
  const Fields state(at, 0);
  const L step(state.wide(offsetof(StepState, step)));
  const Value watched = state.wide(offsetof(StepState, watched));
  out.branchIf((L(watched) == L(0)).v, fine);
  out.branchIf((L(state.wide(offsetof(StepState, nonFiniteStep))) >= L(0)).v, fine);
  // Infinity minus itself and NaN are NaN.
  Value number;
  load(DType::kFloat32, watched, 0, 1, &number);
  const F difference = F(number) - F(number);
  out.branchIf((difference == F(0.0f)).v, fine);
  put(at, offsetof(StepState, nonFiniteStep), step.v);
  out.place(fine);
  out.branchIf((U(state.word(offsetof(StepState, error))) == U(0u)).v, noError);
  put(state.wide(offsetof(StepState, attention)), 0, word(1));
  out.place(noError);
  const Value feeds = state.wide(offsetof(StepState, feeds)), next = state.wide(offsetof(StepState, nextFeeds));
  put(at, offsetof(StepState, feeds), next);
  put(at, offsetof(StepState, nextFeeds), feeds);
  const L row(state.wide(offsetof(StepState, firstRow))), rows(state.wide(offsetof(StepState, rows)));
  put(at, offsetof(StepState, firstRow), (row + rows).v);
  put(at, offsetof(StepState, step), (step + L(1)).v);
  out.place(over);
}

}  // namespace

int64_t feedBlocks(const FeedLayout& layout) {
  return (layout.size / (layout.quads ? 4 : 1) + kThreads - 1) / kThreads;
}

Part feedPart(const FeedLayout& layout) {
  return [=](const Frame& frame) {
    writeFeed(layout, frame);
    return 0u;
  };
}

Part advancePart() {
  return [](const Frame& frame) {
    writeAdvance(frame);
    return 0u;
  };
}

}  // namespace steepest::cuda::emit
