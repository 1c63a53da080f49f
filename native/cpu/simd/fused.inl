// The compiled runs of fused.h. Included once per target, inside its namespace, after tile.inl, whose operations they use.

namespace tile {
namespace {

template <ScalarOp op>
struct FunctorOf;
#define STEEPEST_SCALAR_OP(Name, ...)   \
  template <>                           \
  struct FunctorOf<ScalarOp::k##Name> { \
    using Type = struct Name;           \
  };
#include "../../ops.inc"

}  // namespace
}  // namespace tile

namespace fused {
namespace {

// Keeps the compiler from merging the operation that made x with the one that reads it (a product with a sum, most of all),
// so that every value is rounded as it is when the steps run one by one.
STEEPEST_INLINE F rounded(F x) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(x));
#elif defined(__x86_64__)
  __asm__("" : "+x"(x));
#elif defined(__aarch64__)
  __asm__("" : "+w"(x));
#endif
  return x;
}

// Whether the result is the same however it is merged with what follows.
constexpr bool mergesSafely(ScalarOp op) {
  switch (op) {
    case ScalarOp::kAdd:
    case ScalarOp::kSub:
    case ScalarOp::kMin:
    case ScalarOp::kMax:
    case ScalarOp::kNeg:
    case ScalarOp::kAbs:
    case ScalarOp::kLt:
    case ScalarOp::kLe:
    case ScalarOp::kEq:
    case ScalarOp::kNe:
    case ScalarOp::kGt:
    case ScalarOp::kGe:
    case ScalarOp::kNot:
    case ScalarOp::kCastBool:
    case ScalarOp::kAnd:
    case ScalarOp::kOr:
    case ScalarOp::kSelect:
      return true;
    default:
      return false;
  }
}

// Operands and values of one vector's worth of elements. Every index is a constant: they are registers.
struct Values {
  F v[FusedRun::kMaxOperands + FusedRun::kMaxSteps];
};

template <int kRun, int kStep>
STEEPEST_INLINE F apply(const Values& x) {
  constexpr FusedStep step = kFusedRuns[kRun].step[kStep];
  using Op = typename tile::FunctorOf<step.op>::Type;
  if constexpr (step.arity == 1)
    return Op::of(x.v[step.args[0]]);
  else if constexpr (step.arity == 2)
    return Op::of(x.v[step.args[0]], x.v[step.args[1]]);
  else
    return Op::of(x.v[step.args[0]], x.v[step.args[1]], x.v[step.args[2]]);
}

template <int kRun, int kStep = 0>
STEEPEST_INLINE void runSteps(Values& x) {
  if constexpr (kStep < kFusedRuns[kRun].steps) {
    const F value = apply<kRun, kStep>(x);
    x.v[kFusedRuns[kRun].operands + kStep] = mergesSafely(kFusedRuns[kRun].step[kStep].op) ? value : rounded(value);
    runSteps<kRun, kStep + 1>(x);
  }
}

// All operands are read before any result is stored: a result may lie where an operand does.
template <int kRun>
void lines(const SimdStep& s, void* const* slots, const int64_t* strides, int64_t rows, int64_t count) {
  constexpr const FusedRun& f = kFusedRuns[kRun];
  const uint8_t* from[FusedRun::kMaxOperands];
  uint8_t* to[FusedRun::kMaxOutputs];
  Values x;
#pragma GCC unroll 16
  for (int k = 0; k < f.operands; ++k) {
    from[k] = static_cast<const uint8_t*>(slots[s.fused[k]]);
    if (f.uniform[k]) x.v[k] = splat(*reinterpret_cast<const tile::AliasFloat*>(from[k]));
  }
#pragma GCC unroll 8
  for (int k = 0; k < f.outputs; ++k) to[k] = static_cast<uint8_t*>(slots[s.fused[f.operands + k]]);
  const int64_t whole = count / kWidth * kWidth * 4, rest = count % kWidth;  // bytes, lanes
  for (;;) {
    for (int64_t i = 0; i < whole; i += kWidth * 4) {
#pragma GCC unroll 16
      for (int k = 0; k < f.operands; ++k) {
        if (!f.uniform[k]) x.v[k] = load(reinterpret_cast<const tile::AliasFloat*>(from[k] + i));
      }
      runSteps<kRun>(x);
      int output = 0;
#pragma GCC unroll 32
      for (int k = 0; k < f.steps; ++k) {
        if (f.stored[k]) store(reinterpret_cast<tile::AliasFloat*>(to[output++] + i), x.v[f.operands + k]);
      }
    }
    if (rest != 0) {
#pragma GCC unroll 16
      for (int k = 0; k < f.operands; ++k) {
        if (!f.uniform[k]) x.v[k] = loadFirst(reinterpret_cast<const tile::AliasFloat*>(from[k] + whole), rest);
      }
      runSteps<kRun>(x);
      int output = 0;
#pragma GCC unroll 32
      for (int k = 0; k < f.steps; ++k) {
        if (f.stored[k])
          storeFirst(reinterpret_cast<tile::AliasFloat*>(to[output++] + whole), x.v[f.operands + k], rest);
      }
    }
    if (--rows == 0) return;
#pragma GCC unroll 16
    for (int k = 0; k < f.operands; ++k) {
      if (!f.uniform[k]) from[k] += strides[k];
    }
#pragma GCC unroll 8
    for (int k = 0; k < f.outputs; ++k) to[k] += strides[f.operands + k];
  }
}

template <int kRun>
void run(const SimdStep& s, void* const* slots, int64_t count, int64_t) {
  lines<kRun>(s, slots, nullptr, 1, count);
}

// One function for each of the runs.
template <int kRun = 0>
TileOp find(int index) {
  if constexpr (kRun < kFusedRunCount) {
    return index == kRun ? run<kRun> : find<kRun + 1>(index);
  } else {
    return nullptr;
  }
}

template <int kRun = 0>
FusedLines findLines(int index) {
  if constexpr (kRun < kFusedRunCount) {
    return index == kRun ? lines<kRun> : findLines<kRun + 1>(index);
  } else {
    return nullptr;
  }
}

TileOp at(int index) { return find(index); }
FusedLines linesAt(int index) { return findLines(index); }

}  // namespace
}  // namespace fused
