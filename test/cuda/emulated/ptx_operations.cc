// What the instructions of ptx.h compute. A name that is not here is an error of the text.
#include <bit>
#include <cmath>
#include <unordered_map>

#include "ptx_text.h"

namespace steepest::emulated::ptx {
namespace {

float f(uint64_t x) { return std::bit_cast<float>(static_cast<uint32_t>(x)); }
double d(uint64_t x) { return std::bit_cast<double>(x); }
int32_t s(uint64_t x) { return static_cast<int32_t>(x); }
uint32_t u(uint64_t x) { return static_cast<uint32_t>(x); }
int64_t q(uint64_t x) { return static_cast<int64_t>(x); }

uint64_t bits(float x) { return std::bit_cast<uint32_t>(x); }
uint64_t bits(double x) { return std::bit_cast<uint64_t>(x); }
uint64_t bits(int32_t x) { return static_cast<uint32_t>(x); }
uint64_t bits(uint32_t x) { return x; }
uint64_t bits(int64_t x) { return static_cast<uint64_t>(x); }
uint64_t bits(uint64_t x) { return x; }
uint64_t bits(bool x) { return x; }

int32_t truncated(float x) {
  if (x != x) return 0;
  if (x >= 2147483648.0f) return INT32_MAX;
  return x < -2147483648.0f ? INT32_MIN : static_cast<int32_t>(x);
}
// Counts beyond the width are clamped to it.
uint32_t left(uint32_t x, uint32_t by) { return by > 31 ? 0 : x << by; }
uint32_t right(uint32_t x, uint32_t by) { return by > 31 ? 0 : x >> by; }
int32_t right(int32_t x, uint32_t by) { return x >> (by > 31 ? 31 : by); }

#define OPERATION(name, to, from, value)                                             \
  {name, to, from, [](uint64_t* result, Lane x, Lane y, Lane z, Threads threads) {   \
     for (size_t k = 0; k < threads.n; ++k) {                                        \
       const size_t t = threads.list[k];                                             \
       [[maybe_unused]] const uint64_t a = x.values[t * x.step];                     \
       [[maybe_unused]] const uint64_t b = y.values[t * y.step];                     \
       [[maybe_unused]] const uint64_t c = z.values[t * z.step];                     \
       result[t] = bits(value);                                                      \
     }                                                                               \
   }},
#define COMPARISONS(type, bank, as)                       \
  OPERATION("setp.lt." type, P, bank bank, as(a) < as(b)) \
  OPERATION("setp.le." type, P, bank bank, as(a) <= as(b)) \
  OPERATION("setp.gt." type, P, bank bank, as(a) > as(b)) \
  OPERATION("setp.ge." type, P, bank bank, as(a) >= as(b)) \
  OPERATION("setp.eq." type, P, bank bank, as(a) == as(b))

const Operation kOperations[] = {
    OPERATION("add.rn.f32", F, "FF", f(a) + f(b))
    OPERATION("sub.rn.f32", F, "FF", f(a) - f(b))
    OPERATION("mul.rn.f32", F, "FF", f(a) * f(b))
    OPERATION("div.rn.f32", F, "FF", f(a) / f(b))
    OPERATION("rcp.rn.f32", F, "F", 1.0f / f(a))
    OPERATION("sqrt.rn.f32", F, "F", std::sqrt(f(a)))
    OPERATION("fma.rn.f32", F, "FFF", std::fma(f(a), f(b), f(c)))
    OPERATION("neg.f32", F, "F", -f(a))
    OPERATION("abs.f32", F, "F", std::fabs(f(a)))
    OPERATION("copysign.f32", F, "FF", std::copysign(f(b), f(a)))
    OPERATION("selp.f32", F, "FFP", c != 0 ? u(a) : u(b))
    OPERATION("mov.f32", F, "F", a)
    COMPARISONS("f32", "F", f)
    OPERATION("setp.neu.f32", P, "FF", f(a) != f(b))

    OPERATION("add.rn.f64", D, "DD", d(a) + d(b))
    OPERATION("sub.rn.f64", D, "DD", d(a) - d(b))
    OPERATION("mul.rn.f64", D, "DD", d(a) * d(b))
    OPERATION("div.rn.f64", D, "DD", d(a) / d(b))
    OPERATION("neg.f64", D, "D", -d(a))
    OPERATION("selp.f64", D, "DDP", c != 0 ? a : b)
    OPERATION("mov.f64", D, "D", a)
    COMPARISONS("f64", "D", d)
    OPERATION("setp.neu.f64", P, "DD", d(a) != d(b))

    OPERATION("add.s32", R, "RR", u(a) + u(b))
    OPERATION("add.u32", R, "RR", u(a) + u(b))
    OPERATION("sub.s32", R, "RR", u(a) - u(b))
    OPERATION("sub.u32", R, "RR", u(a) - u(b))
    OPERATION("mul.lo.s32", R, "RR", u(a) * u(b))
    OPERATION("mul.lo.u32", R, "RR", u(a) * u(b))
    OPERATION("mul.hi.u32", R, "RR", u(uint64_t{u(a)} * u(b) >> 32))
    OPERATION("mad.lo.s32", R, "RRR", u(a) * u(b) + u(c))
    OPERATION("div.u32", R, "RR", u(b) == 0 ? 0xffffffffu : u(a) / u(b))
    OPERATION("rem.s32", R, "RR", s(b) == 0 || s(b) == -1 ? 0 : s(a) % s(b))
    OPERATION("neg.s32", R, "R", 0 - u(a))
    OPERATION("abs.s32", R, "R", s(a) < 0 ? 0 - u(a) : u(a))
    OPERATION("min.s32", R, "RR", s(a) < s(b) ? s(a) : s(b))
    OPERATION("max.s32", R, "RR", s(a) > s(b) ? s(a) : s(b))
    OPERATION("min.u32", R, "RR", u(a) < u(b) ? u(a) : u(b))
    OPERATION("and.b32", R, "RR", u(a) & u(b))
    OPERATION("or.b32", R, "RR", u(a) | u(b))
    OPERATION("xor.b32", R, "RR", u(a) ^ u(b))
    OPERATION("not.b32", R, "R", ~u(a))
    OPERATION("shl.b32", R, "RR", left(u(a), u(b)))
    OPERATION("shr.u32", R, "RR", right(u(a), u(b)))
    OPERATION("shr.s32", R, "RR", right(s(a), u(b)))
    OPERATION("selp.b32", R, "RRP", c != 0 ? u(a) : u(b))
    COMPARISONS("s32", "R", s)
    COMPARISONS("u32", "R", u)
    OPERATION("setp.ne.s32", P, "RR", s(a) != s(b))
    OPERATION("setp.ne.u32", P, "RR", u(a) != u(b))

    OPERATION("add.s64", Q, "QQ", a + b)
    OPERATION("sub.s64", Q, "QQ", a - b)
    OPERATION("and.b64", Q, "QQ", a & b)
    OPERATION("shl.b64", Q, "QR", u(b) > 63 ? 0 : a << u(b))
    OPERATION("shr.s64", Q, "QR", q(a) >> (u(b) > 63 ? 63 : u(b)))
    OPERATION("mad.lo.s64", Q, "QQQ", a * b + c)
    OPERATION("mad.wide.s32", Q, "RRQ", static_cast<uint64_t>(int64_t{s(a)} * s(b)) + c)
    COMPARISONS("s64", "Q", q)
    OPERATION("setp.ne.s64", P, "QQ", a != b)

    OPERATION("and.pred", P, "PP", a & b)
    OPERATION("or.pred", P, "PP", a | b)
    OPERATION("xor.pred", P, "PP", a ^ b)
    OPERATION("not.pred", P, "P", a ^ 1)
    OPERATION("mov.pred", P, "P", a)

    OPERATION("cvt.rn.f32.s32", F, "R", static_cast<float>(s(a)))
    OPERATION("cvt.rzi.s32.f32", R, "F", truncated(f(a)))
    OPERATION("cvt.rni.f32.f32", F, "F", std::rint(f(a)))
    OPERATION("cvt.rmi.f32.f32", F, "F", std::floor(f(a)))
    OPERATION("cvt.rpi.f32.f32", F, "F", std::ceil(f(a)))
    OPERATION("cvt.f64.f32", D, "F", static_cast<double>(f(a)))
    OPERATION("cvt.rn.f32.f64", F, "D", static_cast<float>(d(a)))
    OPERATION("cvt.rn.f64.s64", D, "Q", static_cast<double>(q(a)))
    OPERATION("cvt.u64.u32", Q, "R", uint64_t{u(a)})
};

}  // namespace

const Operation* findOperation(const std::string& name) {
  static const auto* const all = [] {
    auto* const map = new std::unordered_map<std::string, const Operation*>;
    for (const Operation& operation : kOperations) (*map)[operation.name] = &operation;
    return map;
  }();
  const auto found = all->find(name);
  return found == all->end() ? nullptr : found->second;
}

}  // namespace steepest::emulated::ptx
