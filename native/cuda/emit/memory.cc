#include "memory.h"

#include <string>

#include "lanes.h"

namespace steepest::cuda::emit {

void load(DType dtype, const Value& address, int64_t byteOffset, int width, Value* lanes) {
  Text& out = Text::now();
  const std::string at = "[$+" + std::to_string(byteOffset) + "];";
  const bool real = dtype == DType::kFloat32;
  if (sizeOf(dtype) == 4) {
    for (int k = 0; k < width; ++k) lanes[k] = out.fresh(real ? Bank::kFloat : Bank::kWord);
    const std::string type = real ? "f32" : "b32";
    if (width == 4) {
      out.line(("ld.global.v4." + type + " {$, $, $, $}, " + at).c_str(),
               {lanes[0], lanes[1], lanes[2], lanes[3], address});
    } else {
      out.line(("ld.global." + type + " $, " + at).c_str(), {lanes[0], address});
    }
    return;
  }
  if (dtype == DType::kBfloat16) {
    const Value words[2] = {out.fresh(Bank::kWord), out.fresh(Bank::kWord)};
    if (width == 4) {
      out.line(("ld.global.v2.b32 {$, $}, " + at).c_str(), {words[0], words[1], address});
    } else {
      out.line(("ld.global.u16 $, " + at).c_str(), {words[0], address});
    }
    for (int k = 0; k < width; ++k) {
      const I pair(words[k / 2]);
      lanes[k] = F(k % 2 == 0 ? pair << I(16) : pair & I(static_cast<int32_t>(0xffff0000u))).v;
    }
    return;
  }
  const bool truthValue = dtype == DType::kBool;
  const Value bytes = out.fresh(Bank::kWord);
  const char* const type = width == 4 ? "b32" : truthValue ? "u8" : "s8";
  out.line((std::string("ld.global.") + type + " $, " + at).c_str(), {bytes, address});
  for (int k = 0; k < width; ++k) {
    I byte(bytes);
    if (width == 4) byte = truthValue ? byte & I(0xff << (8 * k)) : (byte << I(24 - 8 * k)) >> I(24);
    lanes[k] = truthValue ? truth(byte != I(0)).v : toFloat(byte).v;
  }
}

void store(DType dtype, const Value& address, int width, const Value* lanes) {
  Text& out = Text::now();
  Value from[4];
  if (dtype == DType::kBool) {
    Value bytes{};
    for (int k = 0; k < width; ++k) {
      const I one = choose(asFloat(lanes[k]) != 0.0f, I(1 << (8 * k)), I(0));
      bytes = k == 0 ? one.v : (I(bytes) | one).v;
    }
    out.line(width == 4 ? "st.global.b32 [$], $;" : "st.global.u8 [$], $;", {address, bytes});
    return;
  }
  if (dtype == DType::kBfloat16) {
    for (int k = 0; k < width; k += 2) {
      const U low = U(asWhole(lanes[k])) >> 16u;
      from[k / 2] = width == 1 ? low.v : (low | (U(asWhole(lanes[k + 1])) & 0xffff0000u)).v;
    }
    if (width == 4) {
      out.line("st.global.v2.b32 [$], {$, $};", {address, from[0], from[1]});
    } else {
      out.line("st.global.u16 [$], $;", {address, from[0]});
    }
    return;
  }
  const bool real = dtype == DType::kFloat32;
  for (int k = 0; k < width; ++k) {
    from[k] = real ? asFloat(lanes[k]).v : asWhole(lanes[k]).v;
    if (!from[k].known()) continue;
    const Value stored = out.variable(from[k].bank);
    out.assign(stored, from[k]);
    from[k] = stored;
  }
  const std::string type = real ? "f32" : "b32";
  if (width == 4) {
    out.line(("st.global.v4." + type + " [$], {$, $, $, $};").c_str(), {address, from[0], from[1], from[2], from[3]});
  } else {
    out.line(("st.global." + type + " [$], $;").c_str(), {address, from[0]});
  }
}

}  // namespace steepest::cuda::emit
