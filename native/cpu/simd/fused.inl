// The compiled runs of fused.h. Included once per target, inside its namespace, after tile.inl, whose operations they use.

namespace fused {
namespace {

template <ScalarOp op>
struct FunctorOf;
#define STEEPEST_SCALAR_OP(Name, ...)    \
  template <>                            \
  struct FunctorOf<ScalarOp::k##Name> {  \
    using Type = struct tile::Name;      \
  };
#include "fused_ops.inc"

// What another operation may be merged with when both are compiled together: a product that is added is not rounded.
constexpr bool endsInProduct(ScalarOp op) {
  switch (op) {
    default:
      return true;
  }
}

// Keeps the compiler from merging the operation that made x with those that read it, so that every value is rounded as
// it is when the steps run one by one.
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

}  // namespace
}  // namespace fused
