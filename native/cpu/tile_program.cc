#include "tile_program.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "domain.h"

namespace steepest {
namespace {

thread_local TileWorker threadWorker;

}  // namespace

TileWorker& TileProgram::begin() const {
  TileWorker& w = threadWorker;
  const uintptr_t bases[] = {0, reinterpret_cast<uintptr_t>(w.scratch)};
  void** to = w.slots;
  const Slot* const end = slots_.data() + slots_.size();
  for (const Slot* slot = slots_.data(); slot != end; ++slot) {
    *to++ = reinterpret_cast<void*>(bases[slot->scratch] + slot->address);
  }
  w.row = w.block = -1;
  if (size_ == 0) return w;
  for (const SimdStep& s : uniformSteps_) s.run(s, w.slots, 1, 0);
  for (const Operand& o : periodic_) spread(w, o, 0);
  return w;
}

// The pattern from element `i` on once, then copies of it: any tile finds its phase inside.
void TileProgram::spread(TileWorker& w, const Operand& o, int64_t i) const {
  uint8_t* const pattern = w.scratch + o.scratch;
  const int64_t total = o.period + tile_;
  stage(o, i, std::min(o.period, size_), pattern);
  for (int64_t filled = o.period; filled < total; filled *= 2) {
    std::memcpy(pattern + filled * 4, pattern, static_cast<size_t>(std::min(filled, total - filled)) * 4);
  }
}

void TileProgram::move(int64_t steps) {
  for (Slot& slot : slots_) slot.address += static_cast<uintptr_t>(steps * slot.slide);
  for (std::vector<Operand>* operands : {&walking_, &byRow_, &periodic_, &blockPeriodic_, &staged_}) {
    for (Operand& o : *operands) o.base += steps * o.slide;
  }
  if (plain_ != nullptr) plain_ += steps * plainSlide_;
}

int64_t TileProgram::offsetOf(const std::vector<int64_t>& strides, int64_t row) const {
  int64_t offset = 0;
  size_t axis = shape_.size() - 1;
  for (; axis > 1 && row != 0; row /= shape_[axis]) {
    --axis;
    offset += row % shape_[axis] * strides[axis];
  }
  return axis > 0 ? offset + row * strides[0] : offset;
}

void TileProgram::enterRow(TileWorker& w, int64_t row) const {
  w.row = row;
  for (size_t k = 0; k < walking_.size(); ++k) {
    w.rows[k] = walking_[k].base + offsetOf(walking_[k].strides, row) * walking_[k].bytes;
  }
  for (const Operand& o : byRow_) w.slots[o.slot] = o.base + offsetOf(o.strides, row) * o.bytes;
  for (const SimdStep& s : rowSteps_) s.run(s, w.slots, 1, 0);
}

void TileProgram::enterBlock(TileWorker& w, int64_t block) const {
  w.block = block;
  for (const Operand& o : blockPeriodic_) spread(w, o, block * block_);
}

void TileProgram::run(TileWorker& w, int64_t i, int64_t count) const {
  int64_t position = i;
  if (flat()) {
    for (const Operand& o : walking_) w.slots[o.slot] = o.base + i * o.bytes;
    for (const Operand& o : periodic_) w.slots[o.slot] = w.scratch + o.scratch + i % o.period * 4;
    if (block_ != 0) {
      if (const int64_t block = i / block_; block != w.block) enterBlock(w, block);
      for (const Operand& o : blockPeriodic_) w.slots[o.slot] = w.scratch + o.scratch + i % o.period * 4;
    }
  }
  if (!flat() || !byRow_.empty()) {
    const bool same = w.row >= 0 && i >= w.row * columns_ && i < (w.row + 1) * columns_;
    if (!same) enterRow(w, i / columns_);
    const int64_t column = i - w.row * columns_;
    for (size_t k = 0; k < walking_.size(); ++k) w.slots[walking_[k].slot] = w.rows[k] + column * walking_[k].bytes;
    if (!positions_.empty()) position = offsetOf(positions_, w.row) + column * positions_.back();
  }
  for (const Operand& o : staged_) stage(o, i, count, w.slots[o.slot]);
  for (const SimdStep& s : tileSteps_) s.run(s, w.slots, count, position);
}

void TileProgram::runLines(TileWorker& w, int64_t i, int64_t rows, int64_t pitch, int64_t count, const float* product,
                           int64_t ld) const {
  const SimdStep& step = tileSteps_.front();
  int64_t strides[FusedRun::kMaxOperands + FusedRun::kMaxOutputs] = {};
  const auto walk = [&](uint16_t slot, int64_t bytes) {
    for (size_t k = 0; k < std::size(step.fused); ++k) {
      if (step.fused[k] == slot) strides[k] = bytes;
    }
  };
  w.slots[productSlot_] = const_cast<float*>(product);
  walk(productSlot_, ld * 4);
  for (const Operand& o : walking_) {
    const bool oneLine = shape_.size() == 1;
    const int64_t row = oneLine ? 0 : i / columns_, rowStride = oneLine ? pitch : o.strides[0];
    w.slots[o.slot] = o.base + (row * rowStride + i - row * columns_) * o.bytes;
    walk(o.slot, rowStride * o.bytes);
  }
  lines_(step, w.slots, strides, rows, count);
}

GemmUpdating TileProgram::updating(const GemmKernels& gemm, int64_t pitch) const {
  if (!hasLines()) return nullptr;
  for (const Operand& o : walking_) {
    if (shape_.size() > 1 && o.strides[0] != pitch) return nullptr;
  }
  const FusedRun& run = kFusedRuns[linesRun_];
  const uint16_t* const operands = tileSteps_.front().fused;
  const uint16_t* const product = std::find(operands, operands + run.operands, productSlot_);
  const GemmUpdating kernel = gemm.updating(linesRun_, static_cast<int>(product - operands));
  if (kernel == nullptr) return nullptr;
  const auto lines = [this](uint16_t slot) {
    return std::find_if(walking_.begin(), walking_.end(), [slot](const Operand& o) { return o.slot == slot; })->base;
  };
  for (int k = 0; k < run.outputs; ++k) {
    if (lines(operands[run.writtenOver(k)]) != lines(operands[run.operands + k])) return nullptr;
  }
  return kernel;
}

GemmUpdate TileProgram::update(TileWorker& w, int64_t i, int64_t pitch) const {
  for (const Operand& o : walking_) w.slots[o.slot] = o.base + i * o.bytes;
  return {&tileSteps_.front(), w.slots, pitch * static_cast<int64_t>(sizeof(float))};
}

int TileProgram::aheads(int64_t i, int64_t rows, int64_t ld, int64_t count, int most, Ahead* to) const {
  int found = 0;
  for (const Operand& o : walking_) {
    if (found == most) break;
    const uint8_t* at = o.base + i * o.bytes;
    // An output in place of an input is there already.
    const bool known = std::any_of(to, to + found, [at](const Ahead& a) { return a.at == at; });
    if (!known && isContiguous(shape_, o.strides)) to[found++] = {at, rows, ld * o.bytes, count * o.bytes};
  }
  return found;
}

void TileProgram::runRange(int64_t first, int64_t end) const {
  TileWorker& w = begin();
  for (int64_t i = first; i < end;) {
    const int64_t count = std::min(extent(i), end - i);
    run(w, i, count);
    i += count;
  }
}

namespace {

struct Bfloat16 {
  uint16_t bits;
};
struct Widened {  // the float32 number that it is
  uint32_t bits;
  Widened() = default;
  explicit Widened(Bfloat16 x) : bits(uint32_t{x.bits} << 16) {}
};

// n elements, `stride` apart, to neighbouring lanes.
template <typename From, typename To>
void copyRun(const From* from, int64_t stride, int64_t n, To* to) {
  if (stride == 0) {
    const To value = static_cast<To>(*from);
    for (int64_t k = 0; k < n; ++k) to[k] = value;
  } else if (stride == 1) {
    for (int64_t k = 0; k < n; ++k) to[k] = static_cast<To>(from[k]);
  } else {
    for (int64_t k = 0; k < n; ++k) to[k] = static_cast<To>(from[k * stride]);
  }
}

}  // namespace

// Elements i .. i+count-1 of the domain in order, as 32-bit lanes.
void TileProgram::stage(const Operand& o, int64_t i, int64_t count, void* to) const {
  const int rank = static_cast<int>(shape_.size());
  int64_t index[kMaxRank + 1];
  int64_t offset = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    index[axis] = i % shape_[axis];
    i /= shape_[axis];
    offset += index[axis] * o.strides[axis];
  }
  const int64_t stride = o.strides[rank - 1];
  for (int64_t done = 0; done < count;) {
    const int64_t n = std::min(count - done, shape_[rank - 1] - index[rank - 1]);
    switch (o.dtype) {
      case DType::kInt8:
        copyRun(reinterpret_cast<const int8_t*>(o.base) + offset, stride, n, static_cast<float*>(to) + done);
        break;
      case DType::kBool:
        copyRun(o.base + offset, stride, n, static_cast<float*>(to) + done);
        break;
      case DType::kBfloat16:
        copyRun(reinterpret_cast<const Bfloat16*>(o.base) + offset, stride, n, static_cast<Widened*>(to) + done);
        break;
      default:
        copyRun(reinterpret_cast<const uint32_t*>(o.base) + offset, stride, n, static_cast<uint32_t*>(to) + done);
    }
    done += n;
    // To the beginning of the next row.
    offset -= index[rank - 1] * stride;
    index[rank - 1] = 0;
    for (int axis = rank - 2; axis >= 0; --axis) {
      offset += o.strides[axis];
      if (++index[axis] < shape_[axis]) break;
      offset -= shape_[axis] * o.strides[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace steepest
