// Binding a program: what each register is, which loop runs each step, and where scratch lies.
#include <algorithm>
#include <string>

#include "domain.h"
#include "fused_match.h"
#include "scalar_ops.h"
#include "tile_program.h"

namespace steepest {
namespace {

constexpr int64_t kMaxTile = 1024;
constexpr int64_t kMinTile = 64;
constexpr int64_t kTileBytes = 24 << 10;  // what the streams of a tile may take of L1
constexpr int64_t kMaxPeriod = 512;
constexpr size_t kPeriodicBytes = 64 << 10;  // of all periodic operands
constexpr int64_t kMinRow = 128;             // shorter rows are staged: a tile costs a few ns per step
constexpr int64_t kMinBlock = 2048;          // elements for which it is worth spreading operands out

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
  std::vector<Value> values{};            // inputs, constants, then one per step
  std::vector<int> current{};             // value of each register
  std::vector<TileStep> tileSteps{};      // those that run on tiles
  std::vector<const Step*> source{};      // where they come from
  std::vector<int> scratchOf{};           // slot of each register in scratch, or -1
  std::vector<SimdStep> front{}, back{};  // before and after the steps of a tile
  std::vector<uint16_t> tileScratch{};    // slots that take a tile of scratch
  std::vector<uint16_t> singles{};        // slots that take one number, and a cache line, of scratch
  int fusedRun = -1;                      // the one that was bound last
  std::vector<uintptr_t> inputAddress{};  // 0 where it does not matter

  void build() {
    collapseDomain();
    current.resize(program.registers);
    scratchOf.assign(program.registers, -1);
    for (int r = 0; r < program.inputs; ++r) bindInput(r);
    self.constants_ = program.constants;
    for (size_t k = 0; k < program.constants.size(); ++k) {
      addInput({newSlot(reinterpret_cast<uintptr_t>(&self.constants_[k]), false), kUniform});
    }
    std::vector<uint16_t> outputSlots;
    for (size_t j = 0; j < binding.outputs.size(); ++j)
      outputSlots.push_back(walk(binding.outputs[j], outputStrides(j)));
    stageSwapped();
    planSteps();
    bindTileSteps(outputSlots);
    storeOutputs(outputSlots);
    if (binding.outputs.empty()) bindResult();
    self.tileSteps_.insert(self.tileSteps_.begin(), front.begin(), front.end());
    self.tileSteps_.insert(self.tileSteps_.end(), back.begin(), back.end());
    placeScratch();
    findLines();
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
    for (const View& v : binding.outputs) strides.emplace_back(v.strides, v.strides + v.rank);
    strides.push_back(rowMajor(shape));  // of what is contiguous: keeps axes apart that only some operands walk as one
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
      for (size_t j = 0; j < binding.outputs.size(); ++j) flat = flat && isContiguous(domain.shape, outputStrides(j));
    }
    if (hasPositions) {
      self.positions_ = domain.strides[program.inputs];
      if (isContiguous(domain.shape, self.positions_))
        self.positions_.clear();
      else
        flat = false;
    }
    self.columns_ = flat ? self.size_ : domain.shape.back();
    if (flat && domain.shape.size() > 2) findBlocks();
  }

  // Whether it repeats over the last two axes, which are worth it.
  bool isBlockPeriodic(const std::vector<int64_t>& strides) const {
    const size_t last = domain.shape.size() - 1;
    return self.block_ != 0 && strides[last - 1] == 0 && periodOf(domain.shape, strides) == 0;
  }
  void findBlocks() {
    const int64_t period = domain.shape.back();
    self.block_ = domain.shape[domain.shape.size() - 2] * period;
    const bool any = self.block_ >= kMinBlock && period <= kMaxPeriod &&
                     std::any_of(domain.strides.begin(), domain.strides.begin() + program.inputs,
                                 [this](const std::vector<int64_t>& strides) { return isBlockPeriodic(strides); });
    if (!any) self.block_ = 0;
  }

  int newValue(Value value) {
    values.push_back(value);
    return static_cast<int>(values.size()) - 1;
  }
  // Of an input or a constant: these are the first values and registers, in order.
  void addInput(Value value) {
    const int number = newValue(value);
    current[number] = number;
  }

  const std::vector<int64_t>& outputStrides(size_t j) const {
    return domain.strides[domain.strides.size() - 1 - binding.outputs.size() + j];
  }

  uint16_t newSlot(uintptr_t address, bool scratch, int64_t slide = 0) {
    if (self.slots_.size() == static_cast<size_t>(TileWorker::kMaxSlots)) {
      throw PlanError("program of " + std::to_string(program.steps.size()) +
                      " steps: expected one that needs at most " + std::to_string(TileWorker::kMaxSlots) +
                      " registers");
    }
    self.slots_.push_back({address, scratch, slide});
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
    o.dtype = v.dtype;
    o.base = memory.bytesAt(v);
    o.slide = slideOf(v);
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

  // Elements of fewer bytes than a lane has, as lanes, and lanes as such elements.
  TileOp widen(DType dtype) const {
    return dtype == DType::kInt8 ? tile.widenInt8 : dtype == DType::kBool ? tile.widenBool : tile.widenBfloat16;
  }
  TileOp narrow(DType dtype) const { return dtype == DType::kBool ? tile.narrowBool : tile.narrowBfloat16; }

  std::vector<SimdStep>& stepsAt(Level level) {
    return level == kUniform ? self.uniformSteps_ : level == kRow ? self.rowSteps_ : self.tileSteps_;
  }

  void bindInput(int r) {
    const View& v = binding.inputs[r];
    inputAddress.push_back(0);
    if (r == 0 && binding.product) {
      self.productSlot_ = newSlot(0, false);
      addInput({self.productSlot_, kTile});
      return;
    }
    const std::vector<int64_t>& strides = domain.strides[r];
    const bool rows = self.columns_ != self.size_ || binding.rowwise;
    const int64_t period = periodOf(domain.shape, strides);
    Operand o = operand(v, strides);
    Value value;
    bool inMemory = true;  // a byte is widened after
    if (period == 1 && self.size_ > 1) {
      value = {newSlot(reinterpret_cast<uintptr_t>(o.base), false, o.slide), kUniform};
    } else if (period == self.size_ || (rows && strides.back() == 1)) {
      value = {walk(v, strides), kTile};
      inputAddress[r] = reinterpret_cast<uintptr_t>(o.base);
    } else if (rows && strides.back() == 0) {
      o.slot = newSlot(0, false);
      value = {o.slot, kRow};
      self.byRow_.push_back(o);
    } else {
      inMemory = false;
      const bool inBlocks = isBlockPeriodic(strides);
      o.period = inBlocks ? domain.shape.back() : period;
      const size_t bytes = static_cast<size_t>(o.period + kMaxTile) * 4 + 64;
      const size_t before = self.periodic_.size() + self.blockPeriodic_.size();
      if (!rows && o.period > 0 && o.period <= kMaxPeriod && (before + 1) * bytes <= kPeriodicBytes) {
        o.slot = newSlot(0, false);
        (inBlocks ? self.blockPeriodic_ : self.periodic_).push_back(o);
      } else {
        o.slot = newTileScratch();
        self.staged_.push_back(o);
      }
      value = {o.slot, kTile};
    }
    if (inMemory && o.bytes != 4) {
      const uint16_t to = value.level == kTile ? newTileScratch() : newSingle();
      (value.level == kTile ? front : stepsAt(value.level)).push_back(move(widen(v.dtype), value.slot, to));
      value.slot = to;
      inputAddress[r] = 0;
    }
    addInput(value);
  }

  uintptr_t outputAddress(size_t j) const { return reinterpret_cast<uintptr_t>(operand(binding.outputs[j], {}).base); }

  // An input that is passed on to one output and shares its memory with another: read before anything is written.
  void stageSwapped() {
    for (size_t j = 0; j < binding.outputs.size(); ++j) {
      const int r = program.outputs[j];
      if (r >= program.inputs || inputAddress[r] == 0) continue;
      for (size_t k = 0; k < binding.outputs.size(); ++k) {
        if (k == j || outputAddress(k) != inputAddress[r]) continue;
        const uint16_t to = newTileScratch();
        front.push_back(move(tile.copy, values[r].slot, to));
        values[r].slot = to;
        inputAddress[r] = 0;
        break;
      }
    }
  }

  // Finds the values of all steps, and binds those that are numbers: they run before the tiles.
  void planSteps() {
    for (const Step& step : program.steps) {
      const ScalarOp op = static_cast<ScalarOp>(step.op);
      TileStep planned{op, static_cast<Lane>(step.lanes), static_cast<uint8_t>(arity(op)), {}, 0};
      Level level = positional(op) || self.size_ == 1 ? kTile : kUniform;
      for (int k = 0; k < planned.arity; ++k) {
        planned.args[k] = current[step.args[k]];
        level = std::max(level, values[planned.args[k]].level);
      }
      planned.value = newValue({0, level});
      current[step.dst] = planned.value;
      if (level == kTile) {
        tileSteps.push_back(planned);
        source.push_back(&step);
        self.cost_ += costOf(op);
      } else {
        values[planned.value].slot = newSingle();
        stepsAt(level).push_back(bindStep(planned, step, values[planned.value].slot));
      }
    }
  }

  SimdStep bindStep(const TileStep& planned, const Step& step, uint16_t dst) const {
    SimdStep bound{};
    unsigned uniform = 0;
    for (int k = 0; k < planned.arity; ++k) {
      const Value& v = values[planned.args[k]];
      bound.args[k] = v.slot;
      if (v.level < values[planned.value].level) uniform |= 1u << k;
    }
    // Loops for uniform operands alone do not exist: such a step runs on one number.
    if (self.size_ == 1 || positional(planned.op) || values[planned.value].level != kTile) uniform = 0;
    bound.run = tile.find(planned.op, planned.lanes, uniform);
    if (bound.run == nullptr) {
      throw PlanError("operation " + std::to_string(step.op) + " does not exist for lanes " +
                      std::to_string(step.lanes));
    }
    bound.dst = dst;
    bound.immediates[0] = step.immediates[0];
    bound.immediates[1] = step.immediates[1];
    return bound;
  }

  void bindTileSteps(const std::vector<uint16_t>& outputSlots) {
    const std::vector<TileValue> uses = findUses();
    for (size_t i = 0; i < tileSteps.size();) {
      const FusedMatch match = findFusedRun(tileSteps, i, uses, self.size_ == 1);
      if (match.run < 0) {
        const uint16_t dst = destination(i, i + 1, outputSlots);
        self.tileSteps_.push_back(bindStep(tileSteps[i], *source[i], dst));
        ++i;
      } else {
        bindRun(match, i, outputSlots);
        i += static_cast<size_t>(kFusedRuns[match.run].steps);
      }
    }
  }

  void bindRun(const FusedMatch& match, size_t first, const std::vector<uint16_t>& outputSlots) {
    const FusedRun& run = kFusedRuns[match.run];
    SimdStep bound{};
    bound.run = tile.fused(match.run);
    fusedRun = match.run;
    int k = 0;
    for (; k < run.operands; ++k) bound.fused[k] = values[match.operands[k]].slot;
    for (int s = 0; s < run.steps; ++s) {
      if (run.stored[s]) bound.fused[k++] = destination(first + match.steps[s], first + run.steps, outputSlots);
    }
    self.tileSteps_.push_back(bound);
  }

  void findLines() {
    const bool alone = tileSteps.size() > 0 && self.tileSteps_.size() == 1 && fusedRun >= 0;
    if (!alone || self.shape_.size() > 2 || !self.byRow_.empty() || !self.periodic_.empty() ||
        !self.blockPeriodic_.empty() || !self.staged_.empty())
      return;
    for (const Operand& o : self.walking_) {
      if (o.bytes != 4 || o.strides.back() != 1) return;
    }
    self.lines_ = tile.fusedLines(fusedRun);
    self.linesRun_ = fusedRun;
  }

  std::vector<TileValue> findUses() const {
    std::vector<TileValue> uses;
    for (const Value& v : values) uses.push_back({v.level != kTile, 0});
    for (size_t i = 0; i < tileSteps.size(); ++i) {
      for (int k = 0; k < tileSteps[i].arity; ++k) uses[tileSteps[i].args[k]].lastUse = i;
    }
    for (uint8_t r : program.outputs) uses[current[r]].lastUse = SIZE_MAX;
    return uses;
  }

  // The slot that tile step `i` writes when steps up to `end` run together: an output's where that harms nobody.
  uint16_t destination(size_t i, size_t end, const std::vector<uint16_t>& outputSlots) {
    Value& value = values[tileSteps[i].value];
    for (size_t j = 0; j < binding.outputs.size(); ++j) {
      if (sizeOf(binding.outputs[j].dtype) != 4 || current[program.outputs[j]] != tileSteps[i].value) continue;
      if (readLater(outputAddress(j), end)) continue;
      return value.slot = outputSlots[j];
    }
    int& scratch = scratchOf[source[i]->dst];
    if (scratch < 0) scratch = newTileScratch();
    return value.slot = static_cast<uint16_t>(scratch);
  }

  // Whether a step from `first` on reads an input that shares the memory of an output.
  bool readLater(uintptr_t address, size_t first) const {
    for (size_t i = first; i < tileSteps.size(); ++i) {
      for (int k = 0; k < tileSteps[i].arity; ++k) {
        const int value = tileSteps[i].args[k];
        if (value < program.inputs && inputAddress[value] == address) return true;
      }
    }
    return false;
  }

  void storeOutputs(const std::vector<uint16_t>& outputSlots) {
    for (size_t j = 0; j < binding.outputs.size(); ++j) {
      const Value v = values[current[program.outputs[j]]];
      if (v.slot == outputSlots[j]) continue;
      const DType dtype = binding.outputs[j].dtype;
      const bool narrows = sizeOf(dtype) != 4;
      uint16_t from = v.slot;
      if (v.level != kTile && self.size_ != 1) {
        from = newTileScratch();
        back.push_back(move(tile.fill, v.slot, narrows ? from : outputSlots[j]));
        if (!narrows) continue;
      }
      back.push_back(move(narrows ? narrow(dtype) : tile.copy, from, outputSlots[j]));
    }
  }

  // Where `reduce` finds the values: spread out, whatever the level.
  void bindResult() {
    const Value v = values[current[program.outputs[0]]];
    self.resultSlot_ = v.slot;
    if (v.level != kTile) {
      self.resultSlot_ = newTileScratch();
      back.push_back(move(tile.fill, v.slot, self.resultSlot_));
    }
    if (!self.flat() || !program.steps.empty()) return;
    for (const Operand& o : self.walking_) {
      if (o.slot != self.resultSlot_) continue;
      self.plain_ = o.base;
      self.plainSlide_ = o.slide;
    }
  }

  void placeScratch() {
    const int64_t streams = std::max<int64_t>(
        1, tileScratch.size() + self.walking_.size() + self.periodic_.size() + self.blockPeriodic_.size());
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
    for (std::vector<Operand>* operands : {&self.periodic_, &self.blockPeriodic_}) {
      for (Operand& o : *operands) {
        o.scratch = at;
        at += static_cast<size_t>(roundUp((o.period + self.tile_) * 4, 64)) + 64;
      }
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

}  // namespace steepest
