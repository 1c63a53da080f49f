#include "totals.h"

#include <limits>

#include "../../plan/ops.h"
#include "lanes.h"

namespace steepest::cuda::emit {
Bank bankOf(uint32_t kind, bool whole) {
  if (whole) return Bank::kWord;
  const bool extreme = kind == STEEPEST_REDUCE_KINDS_MAX || kind == STEEPEST_REDUCE_KINDS_MIN;
  return extreme ? Bank::kFloat : Bank::kDouble;
}

Value identityOf(uint32_t kind, Bank bank) {
  const bool whole = bank == Bank::kWord;
  const float infinity = __builtin_inff();
  switch (kind) {
    case STEEPEST_REDUCE_KINDS_MAX:
      return whole ? I(std::numeric_limits<int32_t>::min()).v : F(-infinity).v;
    case STEEPEST_REDUCE_KINDS_MIN:
      return whole ? I(std::numeric_limits<int32_t>::max()).v : F(infinity).v;
    case STEEPEST_REDUCE_KINDS_PROD:
      return whole ? I(1).v : D(1.0).v;
    default:
      return whole ? I(0).v : D(0.0).v;
  }
}

Value combine(uint32_t kind, const Value& a, const Value& b) {
  const bool whole = a.bank == Bank::kWord;
  switch (kind) {
    case STEEPEST_REDUCE_KINDS_MAX:
      return whole ? vmax(I(a), I(b)).v : vmax(F(a), F(b)).v;
    case STEEPEST_REDUCE_KINDS_MIN:
      return whole ? vmin(I(a), I(b)).v : vmin(F(a), F(b)).v;
    case STEEPEST_REDUCE_KINDS_PROD:
      return whole ? (I(a) * I(b)).v : (D(a) * D(b)).v;
    default:
      return whole ? (I(a) + I(b)).v : (D(a) + D(b)).v;
  }
}

Value exchanged(const Value& value, uint32_t lanes) {
  Text& out = Text::now();
  const auto shuffle = [&](const Value& from) {
    return make(Bank::kWord, "shfl.sync.bfly.b32", {from, word(lanes), word(31), word(0xffffffffu)});
  };
  if (value.bank == Bank::kFloat) return F(I(shuffle(I(F(value)).v))).v;
  if (value.bank == Bank::kWord) return shuffle(value);
  const Value low = out.fresh(Bank::kWord), high = out.fresh(Bank::kWord), both = out.fresh(Bank::kDouble);
  out.line("mov.b64 {$, $}, $;", {low, high, value});
  const Value otherLow = shuffle(low), otherHigh = shuffle(high);
  out.line("mov.b64 $, {$, $};", {both, otherLow, otherHigh});
  return both;
}

Value overLanes(uint32_t kind, Value total) {
  for (uint32_t lanes = 16; lanes > 0; lanes /= 2) total = combine(kind, total, exchanged(total, lanes));
  return total;
}

Value widen(const Value& lane, Bank bank) {
  if (bank == Bank::kWord) return asWhole(lane).v;
  const F x = asFloat(lane);
  if (bank == Bank::kFloat) return x.v;
  return x.v.known() ? D(static_cast<double>(x.known())).v : lowDouble(x).v;
}

Value narrow(const Value& total) { return total.bank == Bank::kDouble ? joinDouble(D(total), D()).v : total; }

}  // namespace steepest::cuda::emit
