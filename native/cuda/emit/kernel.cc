#include "kernel.h"

#include <algorithm>
#include <bit>

#include "lanes.h"
#include "memory.h"

namespace steepest::cuda::emit {

Value Fields::word(int64_t at) const {
  Text& out = Text::now();
  const Value to = out.fresh(Bank::kWord);
  const std::string offset = std::to_string(offset_ + at) + "];";
  if (address_.nothing()) {
    out.line(("ld.param.b32 $, [arguments+" + offset).c_str(), {to});
  } else {
    out.line(("ld.global.b32 $, [$+" + offset).c_str(), {to, address_});
  }
  return to;
}

Value Fields::wide(int64_t at) const {
  Text& out = Text::now();
  const Value to = out.fresh(Bank::kLong);
  const std::string offset = std::to_string(offset_ + at) + "];";
  if (address_.nothing()) {
    out.line(("ld.param.b64 $, [arguments+" + offset).c_str(), {to});
  } else {
    out.line(("ld.global.b64 $, [$+" + offset).c_str(), {to, address_});
  }
  return to;
}

Value special(const char* name) {
  Text& out = Text::now();
  const Value to = out.fresh(Bank::kWord);
  out.line((std::string("mov.u32 $, ") + name + ";").c_str(), {to});
  return to;
}

Kernel emitAlone(const char* name, const Part& part, size_t words) {
  Text out;
  const unsigned shared = part({special("%ctaid.x"), 0});
  out.line("ret;");
  return {out.module({name, static_cast<unsigned>(8 * words), kThreads, shared}), name};
}

Kernel emitTogether(const std::vector<Part>& parts, const std::vector<size_t>& words) {
  Text out;
  const Value block = special("%ctaid.x");
  const Fields firsts(8);
  std::vector<int> labels;
  for (size_t i = 0; i < parts.size(); ++i) labels.push_back(out.label());
  for (size_t i = parts.size(); i-- > 1;) {
    out.branchIf((U(block) >= U(firsts.word(static_cast<int64_t>(4 * i)))).v, labels[i]);
  }
  unsigned shared = 0;
  auto at = static_cast<int64_t>(8 + 8 * ((parts.size() + 1) / 2));
  for (size_t i = 0; i < parts.size(); ++i) {
    out.place(labels[i]);
    const Value own = (U(block) - U(firsts.word(static_cast<int64_t>(4 * i)))).v;
    shared = std::max(shared, parts[i]({own, at}));
    out.line("ret;");
    at += static_cast<int64_t>(8 * words[i]);
  }
  return {out.module({"together", static_cast<unsigned>(at), kThreads, shared}), "together"};
}

std::vector<Value> addressesOf(const std::vector<Layout>& layouts, const Fields& fields, int64_t data, int64_t slides,
                               const Value& loopStep) {
  std::vector<Value> addresses;
  for (size_t k = 0; k < layouts.size(); ++k) {
    const auto at = static_cast<int64_t>(8 * k);
    Value address = fields.wide(data + at);
    if (layouts[k].slides) address = make(Bank::kLong, "mad.lo.s64", {fields.wide(slides + at), loopStep, address});
    addresses.push_back(address);
  }
  return addresses;
}

Value divide(const Value& i, int64_t divisor) {
  if (divisor == 1) return i;
  const auto d = static_cast<uint64_t>(divisor);
  const int bits = static_cast<int>(std::bit_width(d - 1));  // 2^(bits - 1) < d <= 2^bits
  if (std::has_single_bit(d)) return (U(i) >> U(static_cast<uint32_t>(bits))).v;
  // Exact below 2^31 (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
  const uint64_t magic = (uint64_t{1} << (31 + bits)) / d + 1;
  return (multiplyHigh(U(i), U(static_cast<uint32_t>(magic))) >> U(static_cast<uint32_t>(bits - 1))).v;
}

std::vector<Value> indicesOf(const Value& i, const int64_t* shape, int rank) {
  std::vector<Value> indices(static_cast<size_t>(rank));
  Value rest = i;
  for (int d = rank; d-- > 1;) {
    const Value quotient = divide(rest, shape[d]);
    indices[static_cast<size_t>(d)] =
        shape[d] == 1 ? word(0) : (I(rest) - I(quotient) * I(static_cast<int32_t>(shape[d]))).v;
    rest = quotient;
  }
  if (rank > 0) indices[0] = rest;
  return indices;
}

void Offsets::add(const std::vector<Value>& indices, const std::vector<int64_t>& factors) {
  indices_.insert(indices_.end(), indices.begin(), indices.end());
  factors_.insert(factors_.end(), factors.begin(), factors.end());
}

Value Offsets::at(const int64_t* strides) {
  const std::vector<int64_t> key(strides, strides + indices_.size());
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  Value sum = word(0);
  for (size_t d = 0; d < indices_.size(); ++d) {
    const auto stride = static_cast<int32_t>(strides[d] * factors_[d]);
    if (stride == 0) continue;
    if (indices_[d].known()) {
      sum = (I(sum) + I(indices_[d]) * I(stride)).v;
    } else if (sum.known() && sum.bits == 0) {
      sum = stride == 1 ? indices_[d] : (I(indices_[d]) * I(stride)).v;
    } else {
      sum =
          stride == 1 ? (I(sum) + I(indices_[d])).v : make(Bank::kWord, "mad.lo.s32", {indices_[d], I(stride).v, sum});
    }
  }
  return known_[key] = sum;
}

Value Offsets::addressOf(const Value& base, const int64_t* strides, int64_t elementBytes) {
  const Value offset = at(strides);
  if (offset.known() && offset.bits == 0) return base;
  return make(Bank::kLong, "mad.wide.s32", {offset, I(static_cast<int32_t>(elementBytes)).v, base});
}

void loadOnce(Steps& steps, size_t inputs, const std::vector<Layout>& operands, const std::vector<Value>& addresses) {
  for (size_t k = 0; k < inputs; ++k) {
    if (steps.rateOfInput(static_cast<int>(k)) != Rate::kOnce) continue;
    Value lane;
    load(operands[k].dtype, addresses[k], 0, 1, &lane);
    steps.setInput(static_cast<int>(k), 0, lane);
  }
}

void loadEach(Steps& steps, size_t inputs, const std::vector<Layout>& operands, const std::vector<Value>& addresses,
              const Neighbours& neighbours) {
  const auto& [offsets, firstAxis, lastAxis, width, aligned, firstInput] = neighbours;
  for (size_t k = firstInput; k < inputs; ++k) {
    const Rate rate = steps.rateOfInput(static_cast<int>(k));
    if (rate == Rate::kOnce) continue;
    const Layout& from = operands[k];
    const auto bytes = static_cast<int64_t>(sizeOf(from.dtype));
    const Value address = offsets.addressOf(addresses[k], from.strides + firstAxis, bytes);
    Value lanes[4];
    if (rate == Rate::kElement && !aligned[k]) {
      for (int lane = 0; lane < width; ++lane) {
        load(from.dtype, address, lane * from.strides[lastAxis] * bytes, 1, lanes + lane);
      }
    } else {
      load(from.dtype, address, 0, rate == Rate::kElement ? width : 1, lanes);
    }
    for (int lane = 0; lane < width; ++lane) steps.setInput(static_cast<int>(k), lane, lanes[lane]);
  }
}

}  // namespace steepest::cuda::emit
