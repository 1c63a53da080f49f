// Runs the steps of a scalar program for one element: registers are 32-bit lanes in the thread's own memory.
#pragma once

#include "../../plan/ops.h"
#include "lanes.h"
#include "program.h"
#include "scalar.h"

namespace steepest::cuda {

// Fills the registers after the inputs, which are there already. `position` is the element's index in the domain.
static __device__ __noinline__ void interpret(const Program& program, uint32_t* registers, uint64_t position) {
  using namespace scalar;
  for (int i = 0; i < program.constantCount; ++i) registers[program.inputCount + i] = program.constants[i];
  for (int i = 0; i < program.stepCount; ++i) {
    const ProgramStep step = program.steps[i];
    const uint32_t x = registers[step.args[0]], y = registers[step.args[1]], z = registers[step.args[2]];
    const F a = sameBits<float>(x), b = sameBits<float>(y), c = sameBits<float>(z);
    const I p = sameBits<int32_t>(x), q = sameBits<int32_t>(y);
    const bool whole = step.lanes != 0;
    uint32_t& to = registers[step.dst];
#define STEEPEST_CASE(Name, value)      \
  case ScalarOp::k##Name:               \
    to = sameBits<uint32_t>((value).v); \
    break;
#define STEEPEST_UNARY(Name) STEEPEST_CASE(Name, Name::of(a))
#define STEEPEST_BINARY(Name) STEEPEST_CASE(Name, Name::of(a, b))
#define STEEPEST_WHOLE(Name) STEEPEST_CASE(Name, Name::of(p, q))
    // Of both kinds of lanes.
#define STEEPEST_UNARY_BOTH(Name)                                                       \
  case ScalarOp::k##Name:                                                               \
    to = whole ? sameBits<uint32_t>(Name::of(p).v) : sameBits<uint32_t>(Name::of(a).v); \
    break;
#define STEEPEST_BINARY_BOTH(Name)                                                            \
  case ScalarOp::k##Name:                                                                     \
    to = whole ? sameBits<uint32_t>(Name::of(p, q).v) : sameBits<uint32_t>(Name::of(a, b).v); \
    break;
    switch (static_cast<ScalarOp>(step.op)) {
      STEEPEST_UNARY_BOTH(Neg)
      STEEPEST_UNARY_BOTH(Abs)
      STEEPEST_UNARY_BOTH(Sign)
      STEEPEST_UNARY(Exp)
      STEEPEST_UNARY(Log)
      STEEPEST_UNARY(Log1p)
      STEEPEST_UNARY(Expm1)
      STEEPEST_UNARY(Sqrt)
      STEEPEST_UNARY(Rsqrt)
      STEEPEST_UNARY(Recip)
      STEEPEST_UNARY(Tanh)
      STEEPEST_UNARY(Sigmoid)
      STEEPEST_UNARY(Softplus)
      STEEPEST_UNARY(Erf)
      STEEPEST_UNARY(Gelu)
      STEEPEST_UNARY(GeluGrad)
      STEEPEST_UNARY(Sin)
      STEEPEST_UNARY(Cos)
      STEEPEST_UNARY(Floor)
      STEEPEST_UNARY(Ceil)
      STEEPEST_UNARY(Round)
      STEEPEST_UNARY(Not)
      STEEPEST_UNARY(CastInt)
      STEEPEST_UNARY(CastBfloat16)
      STEEPEST_UNARY_BOTH(CastBool)
      STEEPEST_CASE(CastFloat, CastFloat::of(p))
      STEEPEST_CASE(Widen, a)
      STEEPEST_BINARY_BOTH(Add)
      STEEPEST_BINARY_BOTH(Sub)
      STEEPEST_BINARY_BOTH(Mul)
      STEEPEST_BINARY(Div)
      STEEPEST_BINARY_BOTH(Min)
      STEEPEST_BINARY_BOTH(Max)
      STEEPEST_BINARY(Pow)
      STEEPEST_BINARY_BOTH(Mod)
      STEEPEST_BINARY(Atan2)
      STEEPEST_WHOLE(BitAnd)
      STEEPEST_WHOLE(BitOr)
      STEEPEST_WHOLE(BitXor)
      STEEPEST_WHOLE(ShiftLeft)
      STEEPEST_WHOLE(ShiftRight)
      STEEPEST_BINARY_BOTH(Lt)
      STEEPEST_BINARY_BOTH(Le)
      STEEPEST_BINARY_BOTH(Eq)
      STEEPEST_BINARY_BOTH(Ne)
      STEEPEST_BINARY_BOTH(Gt)
      STEEPEST_BINARY_BOTH(Ge)
      STEEPEST_BINARY(And)
      STEEPEST_BINARY(Or)
      STEEPEST_CASE(Fma, Fma::of(a, b, c))
      case ScalarOp::kSelect:
        to = a.v != 0.0f ? y : z;
        break;
      case ScalarOp::kRandom:
        to = sameBits<uint32_t>(randomAt(x, step.immediates[0], y, position));
        break;
      case ScalarOp::kIota:
        to = static_cast<uint32_t>(position / step.immediates[0] % step.immediates[1]);
        break;
    }
#undef STEEPEST_CASE
#undef STEEPEST_UNARY
#undef STEEPEST_BINARY
#undef STEEPEST_WHOLE
#undef STEEPEST_UNARY_BOTH
#undef STEEPEST_BINARY_BOTH
  }
}

}  // namespace steepest::cuda
