// Runs of steps that are worth a loop of their own: each is compiled, per target, into one pass that keeps every value in
// SIMD registers. Where a bound program contains such a run (see ../fused_match.h), that loop replaces the steps' own.
//
// A run is written as its steps, in an order that runs:
//   t0, t1, ...  operands that vary within a tile        u0, u1, ...  operands that are one number for the whole tile
//   s0, s1, ...  the values of the steps                 "out"        before a step whose value is still wanted afterwards
// t and u are numbered together, in the order in which the steps first read them. All lanes are float32.
//
// No library here: the SIMD sources include this file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../../plan/ops.h"

namespace steepest {

struct FusedStep {
  ScalarOp op;
  uint8_t arity;
  uint8_t args[3];  // an operand below FusedRun::operands, else operands + a step
};

struct FusedRun {
  static constexpr int kMaxSteps = 24;
  static constexpr int kMaxOperands = 12;
  static constexpr int kMaxOutputs = 8;

  int steps = 0, operands = 0, outputs = 0;
  bool uniform[kMaxOperands] = {};
  bool stored[kMaxSteps] = {};
  FusedStep step[kMaxSteps] = {};

  // The operand that an update writes output `output` over: what its sums and differences begin with.
  constexpr int writtenOver(int output) const {
    int value = operands;
    while (!stored[value - operands] || output-- > 0) ++value;
    while (value >= operands) value = step[value - operands].args[0];
    return value;
  }
};

// Does not exist: what would call it while compiling does not compile. (The inner loops are compiled without exceptions.)
void incorrect(const char* reason);

// The text of a run, decoded while compiling: what is wrong with it does not compile.
class FusedParser {
 public:
  static consteval FusedRun parse(const char* text) {
    FusedParser parser{text};
    parser.readSteps();
    parser.numberValues();
    return parser.run_;
  }

 private:
  static constexpr uint8_t kStepValue = 0x80;  // until the number of operands is known

  consteval explicit FusedParser(const char* text) : at_(text) {}

  consteval void readSteps() {
    do {
      if (run_.steps == FusedRun::kMaxSteps) incorrect("too many steps");
      if (take("out")) {
        if (++run_.outputs > FusedRun::kMaxOutputs) incorrect("too many outputs");
        run_.stored[run_.steps] = true;
      }
      FusedStep& step = run_.step[run_.steps];
      readOp(step);
      for (int k = 0; k < step.arity; ++k) step.args[k] = readArgument();
      ++run_.steps;
    } while (take(";"));
    if (*at_ != 0) incorrect("expected ';' or the end");
    if (run_.outputs == 0) incorrect("expected an output");
  }

  consteval void readOp(FusedStep& step) {
#define STEEPEST_SCALAR_OP(Name, name, code, operands, lanes, predicate, positional) \
  if (!(positional) && take(name)) {                                                 \
    step.op = ScalarOp::k##Name;                                                     \
    step.arity = operands;                                                           \
    return;                                                                          \
  }
#include "../../ops.inc"
    incorrect("expected an operation");
  }

  consteval uint8_t readArgument() {
    const char kind = *at_++;
    int number = 0;
    if (*at_ < '0' || *at_ > '9') incorrect("expected a number");
    while (*at_ >= '0' && *at_ <= '9') number = 10 * number + (*at_++ - '0');
    skipSpaces();
    if (kind == 's') {
      if (number >= run_.steps) incorrect("step not yet run");
      return static_cast<uint8_t>(kStepValue | number);
    }
    if (kind != 't' && kind != 'u') incorrect("expected t, u or s");
    if (number > run_.operands || number >= FusedRun::kMaxOperands) incorrect("operand out of order");
    if (number == run_.operands) run_.uniform[run_.operands++] = kind == 'u';
    if (run_.uniform[number] != (kind == 'u')) incorrect("operand of both kinds");
    return static_cast<uint8_t>(number);
  }

  consteval void numberValues() {
    for (int s = 0; s < run_.steps; ++s) {
      for (uint8_t& arg : run_.step[s].args) {
        if (arg & kStepValue) arg = static_cast<uint8_t>(run_.operands + (arg & ~kStepValue));
      }
    }
  }

  // A whole word, or a sign.
  consteval bool take(const char* word) {
    const char* p = at_;
    for (; *word != 0; ++word, ++p) {
      if (*p != *word) return false;
    }
    if (p[-1] != ';' && *p != ' ') return false;
    at_ = p;
    skipSpaces();
    return true;
  }
  consteval void skipSpaces() {
    while (*at_ == ' ') ++at_;
  }

  const char* at_;
  FusedRun run_{};
};

inline constexpr FusedRun kFusedRuns[] = {
#define STEEPEST_FUSED(name, text) FusedParser::parse(text),
#include "fused_runs.inc"
};
inline constexpr int kFusedRunCount = sizeof(kFusedRuns) / sizeof(kFusedRuns[0]);
inline constexpr const char* kFusedRunNames[] = {
#define STEEPEST_FUSED(name, text) name,
#include "fused_runs.inc"
};

// The run of that name.
consteval int fusedRun(const char* name) {
  for (int run = 0; run < kFusedRunCount; ++run) {
    const char *a = name, *b = kFusedRunNames[run];
    while (*a != 0 && *a == *b) ++a, ++b;
    if (*a == *b) return run;
  }
  incorrect("no such run");
}

}  // namespace steepest
