#include "reduce.h"

#include "lanes.h"
#include "memory.h"
#include "totals.h"

namespace steepest::cuda::emit {
namespace {

constexpr uint32_t kLanes = 32, kWarps = kThreads / kLanes;

// Threads that share an output.
uint32_t sharersOf(ReduceShape way) {
  switch (way) {
    case ReduceShape::kWarp:
      return kLanes;
    case ReduceShape::kBlock:
      return kThreads;
    case ReduceShape::kColumns:
      return kWarps;
    default:
      return 1;
  }
}

const char* typeOf(Bank bank) { return bank == Bank::kDouble ? "f64" : bank == Bank::kFloat ? "f32" : "b32"; }

void loadHeld(const Value& to, const char* space, const Value& address) {
  Text::now().line((std::string("ld.") + space + "." + typeOf(to.bank) + " $, [$];").c_str(), {to, address});
}
void storeHeld(const char* space, const Value& address, const Value& from) {
  Text::now().line((std::string("st.") + space + "." + typeOf(from.bank) + " [$], $;").c_str(), {address, from});
}

Value sharedAddress(const Value& index, int64_t bytes) {
  Text& out = Text::now();
  const Value base = out.fresh(Bank::kLong);
  out.line("mov.u64 $, shared;", {base});
  return make(Bank::kLong, "mad.wide.s32", {index, I(static_cast<int32_t>(bytes)).v, base});
}

}  // namespace

Bank ReduceLayout::bank() const { return bankOf(kind, whole); }

int64_t bytesOf(Bank bank) { return bank == Bank::kDouble ? 8 : 4; }

int64_t reduceBlocks(ReduceShape way, int64_t outputs) {
  const int64_t each = way == ReduceShape::kColumns ? kLanes : kThreads / sharersOf(way);
  return (outputs + each - 1) / each;
}

namespace {

unsigned writeReduce(const steepest::Program& program, const ReduceLayout& layout, const Frame& frame) {
  Text& out = Text::now();
  const ReduceShape way = layout.way;
  const bool columns = way == ReduceShape::kColumns;
  const int width = layout.width, keptRank = layout.keptRank, reducedRank = layout.reducedRank;
  const int rank = keptRank + reducedRank;
  const uint32_t sharers = sharersOf(way);
  const Bank bank = layout.bank();
  const int64_t heldBytes = bytesOf(bank);
  const size_t inputs = layout.operands.size() - 1;

  // An input changes with the term, or is the same for all terms of an output.
  std::vector<Rate> rates;
  for (size_t k = 0; k < inputs; ++k) {
    const int64_t* const strides = layout.operands[k].strides;
    Rate rate = Rate::kOnce;
    for (int d = keptRank; d < rank; ++d) {
      if (strides[d] != 0) rate = d == rank - 1 && width > 1 ? Rate::kElement : std::max(rate, Rate::kGroup);
    }
    rates.push_back(rate);
  }
  Steps steps(program, width, layout.fromParts ? std::vector<Rate>{} : rates);

  const Fields arguments = frame.fields();
  const Value thread = special("%tid.x");
  Value block = frame.block, part{};
  const U outputs(arguments.word(8)), allTerms(arguments.word(16));
  if (layout.parts) {
    const U parts(arguments.word(24));
    const Value outputsOfBlock = make(Bank::kWord, "div.u32", {block, parts.v});
    part = (U(block) - U(outputsOfBlock) * parts).v;
    block = outputsOfBlock;
  }
  // The output, and which of the threads that share it this is.
  const uint32_t eachBlock = columns ? kLanes : kThreads / sharers;
  const U inBlock = columns ? U(thread) & U(kLanes - 1) : U(divide(thread, sharers));
  const U sharer = columns ? U(thread) >> 5u : sharers == 1 ? U(0u) : U(thread) & U(sharers - 1);
  const U output = U(block) * U(eachBlock) + inBlock;
  const M inside = output < outputs;
  const int finished = out.label();
  // Threads of a block that meets at a barrier stay; they have no terms.
  if (!columns) out.branchUnless(inside.v, finished);

  U first(0u), end = allTerms;
  if (layout.parts) {
    const U each(arguments.word(32));
    first = U(part) * each;
    end = U(make(Bank::kWord, "min.u32", {(first + each).v, allTerms.v}));
  }
  if (columns) end = choose(inside, end, U(0u));
  const U step(sharers * static_cast<uint32_t>(width));
  const Value i = out.variable(Bank::kWord);
  out.assign(i, (first + sharer * U(static_cast<uint32_t>(width))).v);

  bool anySlides = false;
  for (const Layout& operand : layout.operands) anySlides = anySlides || operand.slides;
  const std::vector<Value> data = addressesOf(layout.operands, arguments, kReduceDataAt,
                                              kReduceDataAt + static_cast<int64_t>(8 * layout.operands.size()),
                                              anySlides ? arguments.wide(0) : Value{});
  const std::vector<Value> keptIndices = indicesOf(output.v, layout.shape, keptRank);
  Offsets kept;
  kept.add(keptIndices, std::vector<int64_t>(static_cast<size_t>(keptRank), 1));
  std::vector<Value> rows;  // addresses of an output's first terms
  for (size_t k = 0; k < inputs; ++k) {
    const Layout& from = layout.operands[k];
    const int64_t bytes = layout.fromParts ? heldBytes : static_cast<int64_t>(sizeOf(from.dtype));
    rows.push_back(kept.addressOf(data[k], from.strides, bytes));
  }
  const Value position = steps.positional() ? kept.at(layout.positions) : Value{};

  std::vector<Value> totals;
  for (int lane = 0; lane < width; ++lane) {
    totals.push_back(out.variable(bank));
    out.assign(totals.back(), identityOf(layout.kind, bank));
  }
  const int again = out.label(), over = out.label();
  out.branchIf((U(i) >= end).v, over);
  if (!layout.fromParts) {
    loadOnce(steps, inputs, layout.operands, rows);
    steps.writeOnce();
  }
  out.place(again);
  // Axes inside the first reduced one, of groups of terms.
  int64_t shape[kAxes];
  for (int d = 0; d < reducedRank; ++d) shape[d] = layout.shape[keptRank + d];
  Value group = i;
  if (width > 1) {
    shape[reducedRank - 1] /= width;
    group = (U(i) >> U(2u)).v;
  }
  Offsets terms;
  std::vector<int64_t> factors(static_cast<size_t>(reducedRank), 1);
  if (reducedRank > 0) factors.back() = width;
  terms.add(indicesOf(group, shape, reducedRank), factors);
  if (layout.fromParts) {
    const Value held = out.fresh(bank);
    loadHeld(held, "global", terms.addressOf(rows[0], layout.operands[0].strides + keptRank, heldBytes));
    out.assign(totals[0], combine(layout.kind, totals[0], held));
  } else {
    loadEach(steps, inputs, layout.operands, rows, {terms, keptRank, rank - 1, width, layout.aligned});
    steps.writeEach(steps.positional() ? (U(position) + U(terms.at(layout.positions + keptRank))).v : Value{});
    for (int lane = 0; lane < width; ++lane) {
      out.assign(totals[lane], combine(layout.kind, totals[lane], widen(steps.output(0, lane), bank)));
    }
  }
  out.assign(i, (U(i) + step).v);
  out.branchIf((U(i) < end).v, again);
  out.place(over);

  Value total = totals[0];
  if (width == 4) {
    total =
        combine(layout.kind, combine(layout.kind, totals[0], totals[1]), combine(layout.kind, totals[2], totals[3]));
  }
  unsigned sharedBytes = 0;
  if (way == ReduceShape::kWarp || way == ReduceShape::kBlock) total = overLanes(layout.kind, total);
  if (way == ReduceShape::kBlock || columns) {
    // Each warp leaves what it has; the first thread of an output takes them in order.
    const uint32_t apart = columns ? kLanes : 1;
    sharedBytes = static_cast<unsigned>(kWarps * apart * static_cast<uint32_t>(heldBytes));
    const int stored = out.label();
    if (!columns) out.branchIf(((U(thread) & U(kLanes - 1)) != U(0u)).v, stored);
    storeHeld("shared", sharedAddress(columns ? thread : (U(thread) >> 5u).v, heldBytes), total);
    out.place(stored);
    out.line("bar.sync 0;");
    out.branchIf((U(thread) >= U(apart)).v, finished);
    for (uint32_t w = 1; w < kWarps; ++w) {
      const Value other = out.fresh(bank);
      loadHeld(other, "shared", sharedAddress((U(thread) + U(w * apart)).v, heldBytes));
      total = combine(layout.kind, total, other);
    }
    if (columns) out.branchUnless(inside.v, finished);
  } else if (sharers > 1) {
    out.branchIf((sharer != U(0u)).v, finished);
  }
  const Layout& result = layout.operands.back();
  if (layout.parts) {
    const U at = output * U(arguments.word(24)) + U(part);
    storeHeld("global", make(Bank::kLong, "mad.wide.s32", {at.v, I(static_cast<int32_t>(heldBytes)).v, data.back()}),
              total);
  } else {
    const Value lane = narrow(total);
    const int64_t one = 1;
    Offsets linear;
    linear.add({output.v}, {1});
    store(result.dtype, linear.addressOf(data.back(), &one, static_cast<int64_t>(sizeOf(result.dtype))), 1, &lane);
  }
  out.place(finished);
  return sharedBytes;
}

}  // namespace

Part reducePart(const steepest::Program& program, const ReduceLayout& layout) {
  return [=](const Frame& frame) { return writeReduce(program, layout, frame); };
}

}  // namespace steepest::cuda::emit
