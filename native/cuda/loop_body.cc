#include "loop_body.h"

#include <algorithm>
#include <numeric>

#include "../plan/ops.h"
#include "bind.h"
#include "loop_join.h"

namespace steepest::cuda {
namespace {

using emit::Meeting;

bool overlaps(const Range& a, const Range& b) { return a.begin < b.end && b.begin < a.end; }
steepest::Program identity() {
  steepest::Program same;
  same.inputs = same.registers = 1;
  same.outputs = {0};
  return same;
}

std::string addMaps(const Instruction& in, LoopBody* body) {
  const auto inputs = static_cast<size_t>(in.program.inputs), outputs = in.program.outputs.size();
  for (size_t s = 0; s * outputs < in.outputs.size(); ++s) {
    LoopPart part;
    part.program = in.program;
    const auto slice = [s](const std::vector<View>& all, size_t count) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(s * count);
      return std::vector<View>(begin, begin + static_cast<std::ptrdiff_t>(count));
    };
    part.inputs = slice(in.inputs, inputs);
    part.outputs = slice(in.outputs, outputs);
    body->parts.push_back(std::move(part));
  }
  return emit::canEmit(in.program) ? "" : "it has a remainder of floating-point numbers";
}

std::string addProduct(const Instruction& in, LoopBody* body) {
  if (in.outputs[0].rank != 2) return "it has a product with more than two axes";
  if (in.inputs[0].dtype != DType::kFloat32 || in.inputs[1].dtype != DType::kFloat32)
    return "it has a product of bfloat16 numbers";
  if ((in.steady & 2) == 0) return "it has a product with a matrix that differs between steps";
  LoopPart part;
  part.product = &in;
  part.slices = 1;
  part.program = in.attrs[0] == 0 ? identity() : in.program;
  part.inputs.assign(in.inputs.begin() + 2, in.inputs.end());
  part.outputs = in.outputs;
  body->parts.push_back(std::move(part));
  return emit::canEmit(in.program) ? "" : "it has a remainder of floating-point numbers";
}

// ---- rows

struct Touch {
  const View* view;
  LoopAccess access;
  RowBytes bytes;
};

Touch touchOf(const View& view, const Memory& memory, bool written) {
  View now = view;
  now.steps = 0;
  return {&view, {rangeOf(view, memory), rangeOf(now, memory), slideOf(view), written, false}, rowOf(view, memory)};
}

// Touches of one region, some of which are written. Their rows have to lie one after the other, and steps to be whole batches:
// then a row's bytes are those with its number in (address - start) / row, modulo the rows of a batch.
bool rowsAreApart(std::vector<Touch*>& region, int64_t rows, int64_t units) {
  int64_t row = region[0]->bytes.row;
  if (rows == 1) {
    row = int64_t{1} << 40;
    for (const Touch* t : region) row = t->access.slide != 0 ? std::abs(t->access.slide) : row;
  }
  const int64_t period = rows * row;
  if (row <= 0) return false;
  for (const Touch* t : region) {
    if ((rows > 1 && t->bytes.row != row) || t->access.slide % period != 0) return rows == 1;
  }
  const auto fits = [&](int64_t start) {
    return std::all_of(region.begin(), region.end(),
                       [&](const Touch* t) { return modulo(t->bytes.first - start, period) + t->bytes.extent <= row; });
  };
  const auto found = std::find_if(region.begin(), region.end(), [&](const Touch* t) { return fits(t->bytes.first); });
  if (found == region.end()) return rows == 1;
  const int64_t start = (*found)->bytes.first;
  for (Touch* t : region) {
    const View& view = *t->view;
    const auto bytes = static_cast<int64_t>(sizeOf(view.dtype));
    const int64_t all = units * bytes;
    bool byUnit = units > 0 && view.rank > 1 && view.strides[view.rank - 1] == 1 &&
                  view.shape[view.rank - 1] % units == 0 && (t->bytes.first - start) % all == 0 && row % all == 0 &&
                  view.dtype == region[0]->view->dtype;
    for (int d = 1; d + 1 < view.rank; ++d) {
      byUnit = byUnit && (view.shape[d] == 1 || view.strides[d] * bytes % all == 0);
    }
    t->access.byUnit = byUnit;
  }
  return true;
}

std::string readRows(const Memory& memory, LoopBody* body) {
  std::vector<Touch> touches;
  for (const LoopPart& part : body->parts) {
    if (part.product != nullptr) touches.push_back(touchOf(part.product->inputs[0], memory, false));
    for (const View& view : part.inputs) touches.push_back(touchOf(view, memory, false));
    for (const View& view : part.outputs) touches.push_back(touchOf(view, memory, true));
  }
  // Regions: sorted by where they begin, those that overlap have one number.
  std::vector<Touch*> sorted;
  for (Touch& touch : touches) sorted.push_back(&touch);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Touch* a, const Touch* b) { return a->access.all.begin < b->access.all.begin; });
  std::vector<std::vector<Touch*>> regions;
  const uint8_t* end = nullptr;
  for (Touch* touch : sorted) {
    if (regions.empty() || touch->access.all.begin >= end) regions.emplace_back();
    regions.back().push_back(touch);
    end = std::max(end, touch->access.all.end);
  }
  for (std::vector<Touch*>& region : regions) {
    const bool written = std::any_of(region.begin(), region.end(), [](const Touch* t) { return t->access.written; });
    if (written && !rowsAreApart(region, body->rows, body->units)) return "its rows are not apart in memory";
  }
  size_t next = 0;
  for (LoopPart& part : body->parts) {
    if (part.product != nullptr) part.factor = touches[next++].access;
    for (size_t k = 0; k < part.inputs.size() + part.outputs.size(); ++k)
      part.accesses.push_back(touches[next++].access);
  }
  return "";
}

}  // namespace

RowBytes rowOf(const View& view, const Memory& memory) {
  const auto bytes = static_cast<int64_t>(sizeOf(view.dtype));
  RowBytes row{reinterpret_cast<int64_t>(memory.bytesAt(view)), bytes, view.rank == 0 ? 0 : view.strides[0] * bytes};
  for (int d = 1; d < view.rank; ++d) {
    const int64_t way = view.strides[d] * (view.shape[d] - 1) * bytes;
    row.first += std::min<int64_t>(way, 0);
    row.extent += std::abs(way);
  }
  return row;
}

std::string readLoop(const Instruction& loop, const Memory& memory, LoopBody* body) {
  body->steps = loop.attrs[0];
  for (const Instruction& in : loop.body) {
    std::string why;
    switch (static_cast<Opcode>(in.opcode)) {
      case Opcode::kMap:
        why = addMaps(in, body);
        break;
      case Opcode::kMatmul:
        why = addProduct(in, body);
        break;
      case Opcode::kCopy: {
        LoopPart copy;
        copy.program = identity();
        copy.inputs = in.inputs;
        copy.outputs = in.outputs;
        if (!joinCopy(copy, body->parts, memory)) body->parts.push_back(std::move(copy));
        break;
      }
      default:
        why = std::string("it has '") + nameOf(in) + "'";
    }
    if (!why.empty()) return why;
  }
  if (body->parts.empty()) return "it does nothing";
  joinMaps(body->parts, memory);
  body->rows = body->parts[0].domain().shape[0];
  body->units = INT64_MAX;
  for (const LoopPart& part : body->parts) {
    const View& view = part.domain();
    if (view.rank == 0 || view.shape[0] != body->rows || view.size() == 0)
      return "it has a value without the rows of others";
    body->units = std::min(body->units, view.rank == 1 ? 1 : view.shape[view.rank - 1]);
    const Domain domain = domainOf(view);
    for (const auto* views : {&part.inputs, &part.outputs}) {
      for (const View& v : *views) {
        if (!isShort(domain, v.strides)) return "its values are too large";
      }
    }
    if (part.product != nullptr && !isShort(domainOf(part.product->inputs[0]), part.product->inputs[0].strides)) {
      return "its values are too large";
    }
  }
  for (const LoopPart& part : body->parts) {
    const View& view = part.domain();
    if (view.rank == 1 || view.rank == kAxes || view.shape[view.rank - 1] % body->units != 0) body->units = 0;
    if (body->units == 0) break;
  }
  return readRows(memory, body);
}

// ---- meetings

namespace {

// Whether one touches what an earlier one has touched, in its step or, with `lastStep`, in steps before it.
bool conflict(const LoopAccess& earlier, const LoopAccess& later, bool lastStep, int64_t steps) {
  if ((!earlier.written && !later.written) || !overlaps(earlier.all, later.all)) return false;
  if (earlier.slide != later.slide) return true;
  for (int64_t step = lastStep ? 1 : 0; step < steps; ++step) {
    const int64_t way = step * later.slide;
    if (overlaps(earlier.first, {later.first.begin + way, later.first.end + way})) return true;
    if (way == 0) continue;
    // Further away with each step.
    if (way > 0 ? later.first.begin + way >= earlier.first.end : later.first.end + way <= earlier.first.begin)
      return false;
  }
  return false;
}

struct Pending {
  LoopAccess access;
  size_t part;
};

}  // namespace

LoopMeetings meetingsOf(const LoopBody& body, bool members) {
  const size_t count = body.parts.size();
  LoopMeetings meetings{std::vector<Meeting>(count, Meeting::kNone), std::vector<Meeting>(count, Meeting::kBlock)};
  // What was touched since the threads of a block, and since members, met. The second time round is that of later steps, in which a
  // meeting that it adds changes nothing of what was right without it.
  std::vector<Pending> sinceBlock, sinceCluster;
  const auto meet = [&](Meeting meeting) {
    if (meeting != Meeting::kNone) sinceBlock.clear();
    if (meeting == Meeting::kCluster) sinceCluster.clear();
  };
  const auto anyOf = [&](const std::vector<Pending>& earlier, const LoopAccess& later, size_t part, bool alsoByUnit) {
    return std::any_of(earlier.begin(), earlier.end(), [&](const Pending& e) {
      return conflict(e.access, later, e.part >= part, body.steps) && (alsoByUnit || !e.access.byUnit || !later.byUnit);
    });
  };
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < count; ++i) {
      const LoopPart& part = body.parts[i];
      LoopAccess factor = part.factor;
      factor.byUnit = false;  // every member reads all of it
      Meeting need = meetings.before[i];
      for (size_t k = 0; k <= part.accesses.size(); ++k) {
        const bool isFactor = k == part.accesses.size();
        if (isFactor && part.product == nullptr) continue;
        const LoopAccess& access = isFactor ? factor : part.accesses[k];
        if (members && anyOf(sinceCluster, access, i, false)) need = Meeting::kCluster;
        // Those of a product's map come after its own meetings.
        if ((isFactor || part.product == nullptr) && anyOf(sinceBlock, access, i, true))
          need = std::max(need, Meeting::kBlock);
      }
      meetings.before[i] = need;
      meet(need);
      if (part.product != nullptr) {
        sinceCluster.push_back({factor, i});
        // A product does not write what it reads, but a map that is its end can, as where a state has one place for all steps.
        if (members && std::any_of(part.accesses.begin(), part.accesses.end(),
                                   [&](const LoopAccess& access) { return conflict(factor, access, false, 1); })) {
          meetings.staged[i] = Meeting::kCluster;
        }
        meet(meetings.staged[i]);
      }
      for (const LoopAccess& access : part.accesses) {
        sinceBlock.push_back({access, i});
        sinceCluster.push_back({access, i});
      }
    }
  }
  return meetings;
}

}  // namespace steepest::cuda
