#include "block.h"

#include <string>

#include "kernel.h"
#include "lanes.h"

namespace steepest::cuda::emit {
namespace {

// The first block adds what flips the top bit once all have arrived, the others add 1: so the count never has to be set back, and
// whoever saw the bit as it was waits until it is another one.
Value ownArrival() {
  const U others = U(0x80000001u) - U(special("%nctaid.x"));
  return choose(U(special("%ctaid.x")) == U(0u), others, U(1u)).v;
}
Value isSameSide(const Value& a, const Value& b) { return (((U(a) ^ U(b)) & U(0x80000000u)) == U(0u)).v; }

void meetGrid(const Value& count) {
  Text& out = Text::now();
  const int over = out.label(), again = out.label();
  out.line("bar.sync 0;");
  out.branchUnless((U(special("%tid.x")) == U(0u)).v, over);
  const Value before = out.fresh(Bank::kWord), now = out.fresh(Bank::kWord);
  out.line("atom.release.gpu.global.add.u32 $, [$], $;", {before, count, ownArrival()});
  out.place(again);
  out.line("ld.acquire.gpu.global.b32 $, [$];", {now, count});
  out.branchIf(isSameSide(before, now), again);
  out.place(over);
  out.line("bar.sync 0;");
}

}  // namespace

void meet(Meeting meeting, const Value& count) {
  Text& out = Text::now();
  switch (meeting) {
    case Meeting::kNone:
      break;
    case Meeting::kBlock:
      out.line("bar.sync 0;");
      break;
    case Meeting::kCluster:
      out.line("barrier.cluster.arrive;");
      out.line("barrier.cluster.wait;");
      break;
    case Meeting::kGrid:
      meetGrid(count);
  }
}

void afterAll(Meeting meeting, const Value& count, const std::function<void()>& body) {
  Text& out = Text::now();
  const int over = out.label();
  if (meeting == Meeting::kGrid) {
    out.line("bar.sync 0;");
    out.branchUnless((U(special("%tid.x")) == U(0u)).v, over);
    const Value before = out.fresh(Bank::kWord), own = ownArrival();
    out.line("atom.acq_rel.gpu.global.add.u32 $, [$], $;", {before, count, own});
    out.branchIf(isSameSide(before, (U(before) + U(own)).v), over);
  } else {
    meet(meeting);
    out.branchUnless((U(special("%ctaid.x")) == U(0u)).v, over);
  }
  body();
  out.place(over);
}

Value isBelow(const Value& number, int64_t end) { return (U(number) < U(static_cast<uint32_t>(end))).v; }
Value sumOf(const Value& number, int64_t more) { return (U(number) + U(static_cast<uint32_t>(more))).v; }

Value plus(const Value& address, int64_t bytes) {
  return bytes == 0 ? address : make(Bank::kLong, "add.s64", {address, L(bytes).v});
}
Value plus(const Value& address, const Value& index, int64_t bytes) {
  return make(Bank::kLong, "mad.wide.s32", {index, I(static_cast<int32_t>(bytes)).v, address});
}

std::pair<Value, Value> divided(const Value& index, int64_t divisor) {
  const Value quotient = divide(index, divisor);
  if (divisor == 1) return {quotient, word(0)};
  return {quotient, (I(index) - I(quotient) * I(static_cast<int32_t>(divisor))).v};
}

Value sharedMemory() {
  const Value address = Text::now().fresh(Bank::kLong);
  Text::now().line("mov.u64 $, shared;", {address});
  return address;
}

void loadShared(const Value& address, int64_t bytes, int width, Value* lanes) {
  Text& out = Text::now();
  for (int k = 0; k < width; ++k) lanes[k] = out.fresh(Bank::kFloat);
  const std::string at = "[$+" + std::to_string(bytes) + "];";
  if (width == 4) {
    out.line(("ld.shared.v4.f32 {$, $, $, $}, " + at).c_str(), {lanes[0], lanes[1], lanes[2], lanes[3], address});
  } else {
    out.line(("ld.shared.f32 $, " + at).c_str(), {lanes[0], address});
  }
}
void storeShared(const Value& address, int64_t bytes, int width, const Value* lanes) {
  Text& out = Text::now();
  const std::string at = "[$+" + std::to_string(bytes) + "], ";
  if (width == 4) {
    out.line(("st.shared.v4.f32 " + at + "{$, $, $, $};").c_str(), {address, lanes[0], lanes[1], lanes[2], lanes[3]});
  } else {
    out.line(("st.shared.f32 " + at + "$;").c_str(), {address, lanes[0]});
  }
}

Value toBfloat16(const Value& x) {
  const U bits(I(F(x)).v);
  const U rounded = (bits + U(0x7fffu) + ((bits >> U(16u)) & U(1u))) & U(0xffff0000u);
  const U normal = choose((bits & U(0x7f800000u)) == U(0u), bits & U(0x80000000u), rounded);
  return choose(F(x) != F(x), F(x), F(I(normal.v))).v;
}

}  // namespace steepest::cuda::emit
