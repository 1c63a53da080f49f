#include "tile_program.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace steepest {
namespace {

constexpr int64_t kMaxTile = 1024;
constexpr int64_t kMinTile = 64;
constexpr int64_t kTileBytes = 24 << 10;      // what the streams of a tile may take of L1
constexpr int64_t kMaxPeriod = 512;
constexpr size_t kPeriodicBytes = 64 << 10;   // of all periodic operands
constexpr int64_t kMinRow = 128;              // shorter rows are staged: a tile costs a few ns per step

thread_local TileWorker threadWorker;

int64_t costOf(ScalarOp op) {  // picoseconds of an element on a middling CPU
  switch (op) {
    case ScalarOp::kExp:
    case ScalarOp::kExpm1:
    case ScalarOp::kLog:
    case ScalarOp::kLog1p:
    case ScalarOp::kSigmoid:
    case ScalarOp::kTanh:
    case ScalarOp::kErf:
    case ScalarOp::kRandom:
      return 500;
    case ScalarOp::kSqrt:
    case ScalarOp::kRsqrt:
    case ScalarOp::kDiv:
    case ScalarOp::kRecip:
      return 250;
    case ScalarOp::kPow:
    case ScalarOp::kSin:
    case ScalarOp::kCos:
    case ScalarOp::kAtan2:
      return 3000;
    case ScalarOp::kMod:
      return 10000;
    case ScalarOp::kIota:
      return 1000;
    default:
      return 80;
  }
}

int arity(ScalarOp op) {
  switch (op) {
#define STEEPEST_SCALAR_OP(Name, name, code, operands, ...) \
  case ScalarOp::k##Name:                                   \
    return operands;
#include "../ops.inc"
  }
  return 0;
}

bool positional(ScalarOp op) { return op == ScalarOp::kRandom || op == ScalarOp::kIota; }

// Strides of a collapsed domain, per operand; the last entry may be the linear index.
struct Collapsed {
  std::vector<int64_t> shape;
  std::vector<std::vector<int64_t>> strides;
};

// Drops axes of size one and joins neighbours that every operand walks as one.
Collapsed collapse(const std::vector<int64_t>& shape, const std::vector<std::vector<int64_t>>& strides, bool keepLast) {
  Collapsed c;
  c.strides.resize(strides.size());
  const size_t rank = shape.size();
  bool closed = false;  // the axis collected last takes no more
  for (size_t reversed = 0; reversed < rank; ++reversed) {
    const size_t axis = rank - 1 - reversed;
    const bool last = reversed == 0 && keepLast;
    if (shape[axis] == 1 && !last) continue;
    bool joins = !c.shape.empty() && !closed;
    for (size_t k = 0; joins && k < strides.size(); ++k) {
      joins = strides[k][axis] == c.strides[k].back() * c.shape.back();
    }
    if (joins) {
      c.shape.back() *= shape[axis];
    } else {
      c.shape.push_back(shape[axis]);
      for (size_t k = 0; k < strides.size(); ++k) c.strides[k].push_back(strides[k][axis]);
    }
    closed = last;
  }
  if (c.shape.empty()) {
    c.shape.push_back(1);
    for (auto& s : c.strides) s.push_back(1);
  }
  std::reverse(c.shape.begin(), c.shape.end());
  for (auto& s : c.strides) std::reverse(s.begin(), s.end());
  return c;
}

bool isContiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

// The number of elements after which a contiguous operand repeats over the domain, or 0 when it is no such operand.
int64_t periodOf(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  int64_t period = 1;
  size_t axis = shape.size();
  while (axis > 0 && strides[axis - 1] == period) period *= shape[--axis];
  while (axis > 0) {
    if (strides[--axis] != 0) return 0;
  }
  return period;
}

std::vector<int64_t> rowMajor(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  return strides;
}

int64_t roundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

// Decides what every register is. Lives while binding only.
struct TileProgram::Builder {
  TileProgram& self;
  const Program& program;
  const Binding& binding;
  const Memory& memory;
  const TileFunctions& tile = *simd().tile;

  Collapsed domain{};
  bool hasPositions = false;
  std::vector<Value> current{};           // of each register
  std::vector<int> scratchOf{};           // slot of each register in scratch, or -1
  std::vector<SimdStep> front{}, back{};  // before and after the steps of a tile
  std::vector<uint16_t> tileScratch{};    // slots that take a tile of scratch
  std::vector<uint16_t> singles{};        // slots that take one number, and a cache line, of scratch
  std::vector<uintptr_t> inputAddress{};  // 0 where it does not matter

  void build() {
    collapseDomain();
    current.resize(program.registers);
    scratchOf.assign(program.registers, -1);
    for (int r = 0; r < program.inputs; ++r) bindInput(r);
    self.constants_ = program.constants;
    for (size_t k = 0; k < program.constants.size(); ++k) {
      current[program.inputs + k] = {newSlot(reinterpret_cast<uintptr_t>(&self.constants_[k]), false), kUniform};
    }
    std::vector<uint16_t> outputSlots;
    for (const View& v : binding.outputs) outputSlots.push_back(walk(v, contiguousStrides()));
    stageSwapped();
    const std::vector<int> direct = directOutputs();
    bindSteps(direct, outputSlots);
    storeOutputs(outputSlots);
    if (binding.outputs.empty()) bindResult();
    self.tileSteps_.insert(self.tileSteps_.begin(), front.begin(), front.end());
    self.tileSteps_.insert(self.tileSteps_.end(), back.begin(), back.end());
    placeScratch();
  }

  void collapseDomain() {
    const View& any = binding.inputs.empty() ? binding.outputs.front() : binding.inputs.front();
    std::vector<int64_t> shape(any.shape, any.shape + any.rank);
    std::vector<std::vector<int64_t>> strides;
    for (const View& v : binding.inputs) {
      strides.emplace_back(v.strides, v.strides + v.rank);
      for (int axis = 0; axis < v.rank; ++axis) {
        if (v.shape[axis] == 1) strides.back()[axis] = 0;
      }
    }
    bool needsPosition = false;
    for (const Step& s : program.steps) needsPosition |= positional(static_cast<ScalarOp>(s.op));
    hasPositions = needsPosition && !binding.positions.empty();
    if (hasPositions) strides.push_back(binding.positions);
    strides.push_back(rowMajor(shape));  // of what is contiguous
    domain = collapse(shape, strides, binding.rowwise);

    self.shape_ = domain.shape;
    self.size_ = 1;
    for (int64_t n : domain.shape) self.size_ *= n;
    bool flat = !binding.rowwise;
    if (flat && domain.shape.size() > 1) {
      bool easy = true;  // everything is periodic at worst
      for (int r = 0; r < program.inputs; ++r) {
        const int64_t period = periodOf(domain.shape, domain.strides[r]);
        easy = easy && (period == self.size_ || (period > 0 && period <= kMaxPeriod));
      }
      flat = easy || domain.shape.back() < kMinRow;
    }
    if (hasPositions) {
      self.positions_ = domain.strides[program.inputs];
      if (isContiguous(domain.shape, self.positions_)) self.positions_.clear();
      else flat = false;
    }
    self.columns_ = flat ? self.size_ : domain.shape.back();
  }

  const std::vector<int64_t>& contiguousStrides() const { return domain.strides.back(); }

  uint16_t newSlot(uintptr_t address, bool scratch) {
    if (self.slots_.size() == static_cast<size_t>(TileWorker::kMaxSlots)) {
      throw PlanError("program of " + std::to_string(program.steps.size()) + " steps: expected one that needs at most " +
                      std::to_string(TileWorker::kMaxSlots) + " registers");
    }
    self.slots_.push_back({address, scratch});
    return static_cast<uint16_t>(self.slots_.size() - 1);
  }
  uint16_t newTileScratch() {
    tileScratch.push_back(newSlot(0, true));
    return tileScratch.back();
  }
  uint16_t newSingle() {
    singles.push_back(newSlot(0, true));
    return singles.back();
  }

  Operand operand(const View& v, const std::vector<int64_t>& strides) const {
    Operand o{};
    o.bytes = static_cast<uint8_t>(sizeOf(v.dtype));
    o.base = v.dtype == DType::kBool ? memory.at<uint8_t>(v) : reinterpret_cast<uint8_t*>(memory.at<uint32_t>(v));
    o.strides = strides;
    return o;
  }

  uint16_t walk(const View& v, const std::vector<int64_t>& strides) {
    Operand o = operand(v, strides);
    o.slot = newSlot(0, false);
    self.walking_.push_back(o);
    return o.slot;
  }

  static SimdStep move(TileOp run, uint16_t from, uint16_t to) { return {run, {from, from, from}, to, {0, 0}}; }

  std::vector<SimdStep>& stepsAt(Level level) {
    return level == kUniform ? self.uniformSteps_ : level == kRow ? self.rowSteps_ : self.tileSteps_;
  }

  void bindInput(int r) {
    const View& v = binding.inputs[r];
    inputAddress.push_back(0);
    if (r == 0 && binding.product) {
      self.productSlot_ = newSlot(0, false);
      current[r] = {self.productSlot_, kTile};
      return;
    }
    const std::vector<int64_t>& strides = domain.strides[r];
    const bool rows = self.columns_ != self.size_ || binding.rowwise;
    const int64_t period = periodOf(domain.shape, strides);
    Operand o = operand(v, strides);
    Value value;
    bool inMemory = true;  // a bool is widened after
    if (period == 1 && self.size_ > 1) {
      value = {newSlot(reinterpret_cast<uintptr_t>(o.base), false), kUniform};
    } else if (period == self.size_ || (rows && strides.back() == 1)) {
      value = {walk(v, strides), kTile};
      inputAddress[r] = reinterpret_cast<uintptr_t>(o.base);
    } else if (rows && strides.back() == 0) {
      o.slot = newSlot(0, false);
      value = {o.slot, kRow};
      self.byRow_.push_back(o);
    } else {
      inMemory = false;
      const size_t bytes = static_cast<size_t>(period + kMaxTile) * 4 + 64;
      if (!rows && period > 0 && period <= kMaxPeriod && (self.periodic_.size() + 1) * bytes <= kPeriodicBytes) {
        o.period = period;
        o.slot = newSlot(0, false);
        self.periodic_.push_back(o);
      } else {
        o.slot = newTileScratch();
        self.staged_.push_back(o);
      }
      value = {o.slot, kTile};
    }
    if (inMemory && v.dtype == DType::kBool) {
      const uint16_t to = value.level == kTile ? newTileScratch() : newSingle();
      (value.level == kTile ? front : stepsAt(value.level)).push_back(move(tile.widen, value.slot, to));
      value.slot = to;
      inputAddress[r] = 0;
    }
    current[r] = value;
  }

  uintptr_t outputAddress(size_t j) const {
    return reinterpret_cast<uintptr_t>(operand(binding.outputs[j], {}).base);
  }

  // An input that is passed on to one output and shares its memory with another: read before anything is written.
  void stageSwapped() {
    for (size_t j = 0; j < binding.outputs.size(); ++j) {
      const int r = program.outputs[j];
      if (r >= program.inputs || inputAddress[r] == 0) continue;
      for (size_t k = 0; k < binding.outputs.size(); ++k) {
        if (k == j || outputAddress(k) != inputAddress[r]) continue;
        const uint16_t to = newTileScratch();
        front.push_back(move(tile.copy, current[r].slot, to));
        current[r].slot = to;
        inputAddress[r] = 0;
        break;
      }
    }
  }

  // For each step, the output that it may write itself, or -1: it defines the register for good and no later step reads
  // an input that shares the output's memory.
  std::vector<int> directOutputs() const {
    std::vector<int> direct(program.steps.size(), -1);
    for (size_t j = 0; j < binding.outputs.size(); ++j) {
      if (binding.outputs[j].dtype == DType::kBool) continue;
      size_t s = program.steps.size();
      while (s > 0 && program.steps[s - 1].dst != program.outputs[j]) --s;
      if (s == 0 || direct[s - 1] >= 0) continue;
      bool clash = false;
      for (size_t later = s; later < program.steps.size(); ++later) {
        const Step& step = program.steps[later];
        for (int k = 0; k < arity(static_cast<ScalarOp>(step.op)); ++k) {
          clash |= step.args[k] < program.inputs && inputAddress[step.args[k]] == outputAddress(j);
        }
      }
      if (!clash) direct[s - 1] = static_cast<int>(j);
    }
    return direct;
  }

  void bindSteps(const std::vector<int>& direct, const std::vector<uint16_t>& outputSlots) {
    for (size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      const ScalarOp op = static_cast<ScalarOp>(step.op);
      Level level = positional(op) ? kTile : kUniform;
      for (int k = 0; k < arity(op); ++k) level = std::max(level, current[step.args[k]].level);
      if (self.size_ == 1) level = kTile;
      unsigned uniform = 0;
      SimdStep bound{};
      bool all = true;
      for (int k = 0; k < arity(op); ++k) {
        bound.args[k] = current[step.args[k]].slot;
        if (current[step.args[k]].level < level) uniform |= 1u << k;
        else all = false;
      }
      if (all || level != kTile || self.size_ == 1 || positional(op)) uniform = 0;
      bound.run = tile.find(op, static_cast<Lane>(step.lanes), uniform);
      if (bound.run == nullptr) {
        throw PlanError("step " + std::to_string(i) + ": operation " + std::to_string(step.op) +
                        " does not exist for lanes " + std::to_string(step.lanes));
      }
      bound.immediates[0] = step.immediates[0];
      bound.immediates[1] = step.immediates[1];
      if (level != kTile) {
        bound.dst = newSingle();
      } else if (direct[i] >= 0) {
        bound.dst = outputSlots[direct[i]];
      } else {
        if (scratchOf[step.dst] < 0) scratchOf[step.dst] = newTileScratch();
        bound.dst = static_cast<uint16_t>(scratchOf[step.dst]);
      }
      current[step.dst] = {bound.dst, level};
      stepsAt(level).push_back(bound);
      if (level == kTile) self.cost_ += costOf(op);
    }
  }

  void storeOutputs(const std::vector<uint16_t>& outputSlots) {
    for (size_t j = 0; j < binding.outputs.size(); ++j) {
      const Value v = current[program.outputs[j]];
      if (v.slot == outputSlots[j]) continue;
      const bool narrow = binding.outputs[j].dtype == DType::kBool;
      uint16_t from = v.slot;
      if (v.level != kTile && self.size_ != 1) {
        from = newTileScratch();
        back.push_back(move(tile.fill, v.slot, narrow ? from : outputSlots[j]));
        if (!narrow) continue;
      }
      back.push_back(move(narrow ? tile.narrow : tile.copy, from, outputSlots[j]));
    }
  }

  // Where `reduce` finds the values: spread out, whatever the level.
  void bindResult() {
    const Value v = current[program.outputs[0]];
    self.resultSlot_ = v.slot;
    if (v.level != kTile) {
      self.resultSlot_ = newTileScratch();
      back.push_back(move(tile.fill, v.slot, self.resultSlot_));
    }
    if (!self.flat() || !program.steps.empty()) return;
    for (const Operand& o : self.walking_) {
      if (o.slot == self.resultSlot_) self.plain_ = o.base;
    }
  }

  void placeScratch() {
    const int64_t streams = std::max<int64_t>(1, tileScratch.size() + self.walking_.size() + self.periodic_.size());
    int64_t most = kMaxTile;
    while (most > kMinTile && most * 4 * streams > kTileBytes) most /= 2;
    // Rows are cut into equal tiles.
    const int64_t pieces = (self.columns_ + most - 1) / most;
    self.tile_ = pieces <= 1 || self.flat() ? most : roundUp((self.columns_ + pieces - 1) / pieces, 16);
    self.tile_ = std::max<int64_t>(1, std::min(self.tile_, self.columns_));

    size_t at = 0;
    for (uint16_t slot : singles) {
      self.slots_[slot].address = at;
      at += 64;
    }
    // Spaced so that neighbouring registers do not meet in the same cache set.
    const size_t bytes = static_cast<size_t>(roundUp(self.tile_ * 4, 64)) + 64;
    for (uint16_t slot : tileScratch) {
      self.slots_[slot].address = at;
      at += bytes;
    }
    for (Operand& o : self.periodic_) {
      o.scratch = at;
      at += static_cast<size_t>(roundUp((o.period + self.tile_) * 4, 64)) + 64;
    }
    if (at > TileWorker::kScratch || self.walking_.size() + self.byRow_.size() > TileWorker::kMaxRows) {
      throw PlanError("program of " + std::to_string(program.steps.size()) +
                      " steps: its registers do not fit the scratch memory of a tile");
    }
    for (const Operand& o : self.walking_) self.cost_ += o.bytes * 20;
    self.cost_ += 150 * static_cast<int64_t>(self.staged_.size());
  }
};

TileProgram::TileProgram(const Program& program, const Binding& binding, const Memory& memory) {
  Builder{*this, program, binding, memory}.build();
}

TileWorker& TileProgram::begin() const {
  TileWorker& w = threadWorker;
  for (size_t k = 0; k < slots_.size(); ++k) {
    w.slots[k] = slots_[k].scratch ? w.scratch + slots_[k].address : reinterpret_cast<void*>(slots_[k].address);
  }
  w.row = -1;
  if (size_ == 0) return w;
  for (const SimdStep& s : uniformSteps_) s.run(s, w.slots, 1, 0);
  for (const Operand& o : periodic_) {
    // The pattern once, then copies of it: any tile finds its phase inside.
    uint8_t* to = w.scratch + o.scratch;
    const int64_t total = o.period + tile_;
    stage(o, 0, std::min(o.period, size_), to);
    for (int64_t filled = o.period; filled < total; filled *= 2) {
      std::memcpy(to + filled * 4, to, static_cast<size_t>(std::min(filled, total - filled)) * 4);
    }
  }
  return w;
}

int64_t TileProgram::offsetOf(const std::vector<int64_t>& strides, int64_t row) const {
  int64_t offset = 0;
  for (size_t axis = shape_.size() - 1; axis-- > 0 && row != 0; row /= shape_[axis]) {
    offset += row % shape_[axis] * strides[axis];
  }
  return offset;
}

void TileProgram::enterRow(TileWorker& w, int64_t row) const {
  w.row = row;
  for (size_t k = 0; k < walking_.size(); ++k) {
    w.rows[k] = walking_[k].base + offsetOf(walking_[k].strides, row) * walking_[k].bytes;
  }
  for (const Operand& o : byRow_) w.slots[o.slot] = o.base + offsetOf(o.strides, row) * o.bytes;
  for (const SimdStep& s : rowSteps_) s.run(s, w.slots, 1, 0);
}

void TileProgram::run(TileWorker& w, int64_t i, int64_t count) const {
  int64_t position = i;
  if (flat()) {
    for (const Operand& o : walking_) w.slots[o.slot] = o.base + i * o.bytes;
    for (const Operand& o : periodic_) w.slots[o.slot] = w.scratch + o.scratch + i % o.period * 4;
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

void TileProgram::runRange(int64_t first, int64_t end) const {
  TileWorker& w = begin();
  for (int64_t i = first; i < end;) {
    const int64_t count = std::min(extent(i), end - i);
    run(w, i, count);
    i += count;
  }
}

namespace {

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
    if (o.bytes == 1) {
      copyRun(o.base + offset, stride, n, static_cast<float*>(to) + done);
    } else {
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
