#include "program.h"

#include <algorithm>

#include "../../plan/ops.h"
#include "functions.h"
#include "lanes.h"

namespace steepest::cuda::emit {
namespace {

int operandsOf(uint8_t op) {
  switch (static_cast<ScalarOp>(op)) {
#define STEEPEST_SCALAR_OP(Name, name, code, operands, ...) \
  case ScalarOp::k##Name:                                   \
    return operands;
#include "../../ops.inc"
  }
  return 0;
}

}  // namespace

bool canEmit(const steepest::Program& program) {
  for (const Step& step : program.steps) {
    if (static_cast<ScalarOp>(step.op) == ScalarOp::kMod && step.lanes == STEEPEST_LANES_F) return false;
  }
  return true;
}

Steps::Steps(const steepest::Program& program, int width, const std::vector<Rate>& rates) : width_(width) {
  std::vector<size_t> newest(static_cast<size_t>(program.registers));
  for (const Rate rate : rates) {
    newest[values_.size()] = values_.size();
    values_.push_back({rate, {}});
  }
  for (const uint32_t bits : program.constants) {
    newest[values_.size()] = values_.size();
    values_.push_back({Rate::kOnce, {word(bits)}});
  }
  for (const Step& step : program.steps) {
    Bound bound{step, {}, Rate::kOnce};
    const auto op = static_cast<ScalarOp>(step.op);
    for (int k = 0; k < operandsOf(step.op); ++k) {
      bound.args[k] = newest[step.args[k]];
      bound.rate = std::max(bound.rate, values_[bound.args[k]].rate);
    }
    if (op == ScalarOp::kRandom || op == ScalarOp::kIota) {
      positional_ = true;
      bound.rate = width_ > 1 ? Rate::kElement : std::max(bound.rate, Rate::kGroup);
    }
    newest[step.dst] = values_.size();
    values_.push_back({bound.rate, {}});
    steps_.push_back(bound);
  }
  for (const uint8_t output : program.outputs) outputs_.push_back(newest[output]);
}

Value Steps::argument(const Bound& bound, int k, int lane) const {
  if (k >= operandsOf(bound.step.op)) return word(0);
  const Held& held = values_[bound.args[k]];
  return held.lanes[held.rate == Rate::kElement ? lane : 0];
}

void Steps::write(bool once, const Value& position) {
  const size_t first = values_.size() - steps_.size();
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Bound& bound = steps_[s];
    if ((bound.rate == Rate::kOnce) != once) continue;
    Held& to = values_[first + s];
    const auto op = static_cast<ScalarOp>(bound.step.op);
    const bool oneKey = bound.rate == Rate::kElement && op == ScalarOp::kRandom && width_ == 4 &&
                        values_[bound.args[0]].rate != Rate::kElement && values_[bound.args[1]].rate != Rate::kElement;
    if (oneKey) {
      randomBlock(bound.step, argument(bound, 0, 0), argument(bound, 1, 0), position, to.lanes);
      continue;
    }
    for (int lane = 0; lane < (bound.rate == Rate::kElement ? width_ : 1); ++lane) {
      const bool positional = op == ScalarOp::kRandom || op == ScalarOp::kIota;
      const Value at = positional ? (U(position) + U(static_cast<uint32_t>(lane))).v : Value{};
      to.lanes[lane] =
          evaluate(bound.step, argument(bound, 0, lane), argument(bound, 1, lane), argument(bound, 2, lane), at);
    }
  }
}

Value Steps::output(size_t i, int lane) const {
  const Held& held = values_[outputs_[i]];
  return held.lanes[held.rate == Rate::kElement ? lane : 0];
}

}  // namespace steepest::cuda::emit
