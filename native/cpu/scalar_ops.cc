#include "scalar_ops.h"

namespace steepest {

int64_t costOf(ScalarOp op) {
  switch (op) {
    case ScalarOp::kExp:
    case ScalarOp::kExpm1:
    case ScalarOp::kLog:
    case ScalarOp::kLog1p:
    case ScalarOp::kSigmoid:
    case ScalarOp::kSoftplus:
    case ScalarOp::kTanh:
    case ScalarOp::kErf:
    case ScalarOp::kGelu:
    case ScalarOp::kGeluGrad:
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

}  // namespace steepest
