// Recognises the epilogues that the matrix kernels do themselves.

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "../plan/ops.h"
#include "matmul_problem.h"

namespace steepest {
namespace {

// The order of a GemmFinish; a step may only follow steps of earlier stages.
enum class Stage { kProduct, kScaled, kBiased, kAdded, kRelu, kGated };

// What a register holds, as far as it matters.
struct Symbol {
  enum Kind { kOther, kChain, kInput, kConstant, kPositive } kind = kOther;
  int input = 0;  // of kInput and kPositive: input > 0
  float constant = 0;
  Stage stage = Stage::kProduct;  // of kChain
  bool rounded = false;           // to bfloat16: of kChain
  GemmFinish finish;
};

bool isConstant(const Symbol& s, float value) { return s.kind == Symbol::kConstant && s.constant == value; }

class Recogniser {
 public:
  Recogniser(const Instruction& instruction, const Memory& memory, bool accumulates, bool narrow)
      : instruction_(instruction), memory_(memory), accumulates_(accumulates), narrow_(narrow) {}

  bool run(GemmFinish* finish) {
    const Program& program = instruction_.program;
    if (program.outputs.size() != 1) return false;
    const View& out = instruction_.outputs[0];
    if (!isRead(out) || !out.contiguous()) return false;
    std::vector<Symbol> registers(static_cast<size_t>(program.registers));
    registers[0].kind = Symbol::kChain;
    for (int i = 1; i < program.inputs; ++i) {
      registers[i].kind = Symbol::kInput;
      registers[i].input = i;
    }
    for (size_t i = 0; i < program.constants.size(); ++i) {
      Symbol& symbol = registers[program.inputs + i];
      symbol.kind = Symbol::kConstant;
      std::memcpy(&symbol.constant, &program.constants[i], sizeof(float));
    }
    for (const Step& step : program.steps) {
      registers[step.dst] = step.lanes == 0 ? apply(static_cast<ScalarOp>(step.op), registers[step.args[0]],
                                                    registers[step.args[1]], registers[step.args[2]])
                                            : Symbol{};
    }
    const Symbol& result = registers[program.outputs[0]];
    if (result.kind != Symbol::kChain || result.rounded != (out.dtype == DType::kBfloat16)) return false;
    *finish = result.finish;
    finish->narrow = result.rounded;
    return true;
  }

 private:
  Symbol apply(ScalarOp op, const Symbol& x, const Symbol& y, const Symbol& z) const {
    switch (op) {
      case ScalarOp::kMul:
        return x.kind == Symbol::kChain ? multiply(x, y) : multiply(y, x);
      case ScalarOp::kAdd:
        return x.kind == Symbol::kChain ? add(x, y) : add(y, x);
      case ScalarOp::kMax:
        return isConstant(y, 0) ? relu(x) : isConstant(x, 0) ? relu(y) : Symbol{};
      case ScalarOp::kGt:
        return isConstant(y, 0) ? positive(x) : Symbol{};
      case ScalarOp::kLt:
        return isConstant(x, 0) ? positive(y) : Symbol{};
      case ScalarOp::kSelect:
        return isConstant(z, 0) ? gate(y, x, false) : Symbol{};
      case ScalarOp::kCastBfloat16:
        return rounded(x);
      default:
        return {};
    }
  }

  // What may follow is the same before rounding: it takes the number as it is, or zero.
  static Symbol rounded(const Symbol& chain) {
    if (chain.kind != Symbol::kChain) return {};
    Symbol result = chain;
    result.rounded = true;
    return result;
  }

  Symbol multiply(const Symbol& chain, const Symbol& factor) const {
    if (factor.kind == Symbol::kPositive) return gate(chain, factor, true);
    if (chain.kind != Symbol::kChain || chain.stage >= Stage::kScaled || chain.rounded) return {};
    Symbol result = chain;
    result.stage = Stage::kScaled;
    if (factor.kind == Symbol::kConstant) {
      result.finish.scale = factor.constant;
    } else if (!isOfColumns(factor, &result.finish.scales, &result.finish.scalesStep)) {
      return {};
    }
    return result;
  }

  Symbol add(const Symbol& chain, const Symbol& other) const {
    const Symbol biased = addBias(chain, other);
    return biased.kind == Symbol::kChain ? biased : addWhole(chain, other);
  }

  Symbol addWhole(const Symbol& chain, const Symbol& added) const {
    if (chain.kind != Symbol::kChain || added.kind != Symbol::kInput) return {};
    if (chain.stage >= Stage::kAdded || chain.rounded) return {};
    const View& v = view(added);
    if (!isRead(v) || !v.contiguous()) return {};
    if (overlapsOutput(v) && !(accumulates_ && isOutput(v) && chain.finish.scale == 1 && !chain.finish.scales))
      return {};
    Symbol result = chain;
    result.stage = Stage::kAdded;
    result.finish.added = addressOf(v);
    result.finish.addedSlide = slideOf(v);
    result.finish.addedNarrow = v.dtype == DType::kBfloat16;
    return result;
  }

  Symbol addBias(const Symbol& chain, const Symbol& bias) const {
    if (chain.kind != Symbol::kChain || chain.stage >= Stage::kBiased || chain.rounded) return {};
    Symbol result = chain;
    result.stage = Stage::kBiased;
    return isOfColumns(bias, &result.finish.bias, &result.finish.biasStep) ? result : Symbol{};
  }

  // An input with a number for each column, or one for all.
  bool isOfColumns(const Symbol& input, const float** numbers, int64_t* step) const {
    if (input.kind != Symbol::kInput) return false;
    const View& v = view(input);
    if (v.dtype != DType::kFloat32 || v.steps != 0 || overlapsOutput(v)) return false;
    for (int i = 0; i < v.rank - 1; ++i) {
      if (v.shape[i] != 1 && v.strides[i] != 0) return false;
    }
    *step = v.shape[v.rank - 1] == 1 ? 0 : v.strides[v.rank - 1];
    *numbers = memory_.at<const float>(v);
    return *step == 0 || *step == 1;
  }

  Symbol relu(const Symbol& chain) const {
    if (chain.kind != Symbol::kChain || chain.stage >= Stage::kRelu) return {};
    Symbol result = chain;
    result.stage = Stage::kRelu;
    result.finish.relu = true;
    return result;
  }

  Symbol positive(const Symbol& input) const {
    if (input.kind != Symbol::kInput) return {};
    Symbol result = input;
    result.kind = Symbol::kPositive;
    return result;
  }

  Symbol gate(const Symbol& chain, const Symbol& condition, bool multiplies) const {
    if (chain.kind != Symbol::kChain || condition.kind != Symbol::kPositive || chain.stage >= Stage::kGated) return {};
    const View& v = view(condition);
    if (!isRead(v) || !v.contiguous() || overlapsOutput(v)) return {};
    Symbol result = chain;
    result.stage = Stage::kGated;
    result.finish.gate = addressOf(v);
    result.finish.gateSlide = slideOf(v);
    result.finish.gateNarrow = v.dtype == DType::kBfloat16;
    result.finish.gateMultiplies = multiplies;
    return result;
  }

  bool isRead(const View& v) const { return v.dtype == DType::kFloat32 || (narrow_ && v.dtype == DType::kBfloat16); }
  const float* addressOf(const View& v) const { return reinterpret_cast<const float*>(memory_.bytesAt(v)); }

  // Register 1 is the instruction's third input.
  const View& view(const Symbol& s) const { return instruction_.inputs[static_cast<size_t>(s.input) + 1]; }

  // The kernels store sums before they finish them. The strides that reach here are never negative. Of views that slide
  // differently, all that they touch in the loop counts.
  bool overlapsOutput(const View& v) const {
    const View& out = instruction_.outputs[0];
    const auto [first, last] = swept(v);
    const auto [outFirst, outLast] = swept(out);
    if (first > outLast || outFirst > last) return false;
    const uint8_t* begin = memory_.bytesAt(v);
    const uint8_t* outBegin = memory_.bytesAt(out);
    return slideOf(v) != slideOf(out) || (begin <= outBegin + reach(out) && outBegin <= begin + reach(v));
  }

  bool isOutput(const View& v) const {
    const View& out = instruction_.outputs[0];
    return memory_.bytesAt(v) == memory_.bytesAt(out) && v.dtype == out.dtype && slideOf(v) == slideOf(out);
  }

  // Bytes from a view's first element to the end of its last.
  static int64_t reach(const View& v) {
    int64_t last = 0;
    for (int i = 0; i < v.rank; ++i) last += (v.shape[i] - 1) * (v.strides[i] < 0 ? 0 : v.strides[i]);
    return (last + 1) * static_cast<int64_t>(sizeOf(v.dtype)) - 1;
  }

  std::pair<const uint8_t*, const uint8_t*> swept(const View& v) const {
    const uint8_t* begin = memory_.bytesAt(v);
    const int64_t way = v.steps > 1 ? (v.steps - 1) * slideOf(v) : 0;
    return {begin + std::min<int64_t>(way, 0), begin + reach(v) + std::max<int64_t>(way, 0)};
  }

  const Instruction& instruction_;
  const Memory& memory_;
  const bool accumulates_, narrow_;
};

}  // namespace

bool recogniseFinish(const Instruction& instruction, const Memory& memory, GemmFinish* finish, bool accumulates,
                     bool narrow) {
  return Recogniser(instruction, memory, accumulates, narrow).run(finish);
}

}  // namespace steepest
