// Accuracy of the scalar functions on every CPU target: units in the last place against double libm, over all exponents,
// dense ranges and special values. Prints the worst of each and fails beyond its bound. Built with native/cpu/simd/{simd,target_*}.cc,
// each target with its flags of native/sources.json.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "../../native/cpu/simd/program.h"
#include "../../native/cpu/simd/table.h"

namespace {

using namespace steepest;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float fromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

// Floats in order as integers, -0 and 0 the same.
int64_t ordinal(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits < 0 ? -static_cast<int64_t>(bits & 0x7fffffff) : bits;
}

double ulps(float got, double expected) {
  if (std::isnan(expected)) return std::isnan(got) ? 0 : 1e9;
  const float rounded = static_cast<float>(expected);
  if (std::isinf(rounded) || std::isnan(got) || std::isinf(got)) {
    return got == rounded ? 0 : std::isnan(got) ? 1e9 : std::fabs(double(ordinal(got) - ordinal(rounded)));
  }
  if (rounded == 0 && got == 0) return std::signbit(got) == std::signbit(expected) ? 0 : 1e9;
  int exponent;
  std::frexp(expected == 0 ? 1e-300 : expected, &exponent);
  return std::fabs(got - expected) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

std::vector<float> points() {
  std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, kNan, 1.0f, -1.0f, 0.5f, 1.5f, 2.5f, -0.5f, 88.72284f, 88.7229f,
                          -103.97f, -103.98f, -87.4f, 1e-45f, -1e-45f, 1.17549435e-38f, 3.4028235e38f, -3.4028235e38f};
  for (uint64_t bits = 0; bits < (1ull << 32); bits += 6151) x.push_back(fromBits(static_cast<uint32_t>(bits)));
  for (float limit : {0.01f, 1.0f, 4.0f, 20.0f, 110.0f}) {
    for (int i = -40000; i <= 40000; ++i) x.push_back(limit * static_cast<float>(i) / 40000.0f);
  }
  return x;
}

int failures = 0;

void report(const char* target, const char* name, double worst, float at, float at2, double bound) {
  std::printf("%-9s %-8s %10.3f ulp at %.9g %.9g%s\n", target, name, worst, at, at2, worst <= bound ? "" : "  FAILED");
  if (!(worst <= bound)) ++failures;
}

using Unary = double (*)(double);
using Binary = double (*)(double, double);

void check(const Simd& simd, ScalarOp op, const char* name, Unary reference, double bound) {
  const std::vector<float> x = points();
  std::vector<float> y(x.size());
  void* slots[] = {const_cast<float*>(x.data()), y.data()};
  const SimdStep step = {simd.tile->find(op, Lane::kFloat, 0), {0, 0, 0}, 1, {0, 0}};
  step.run(step, slots, static_cast<int64_t>(x.size()), 0);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = ulps(y[i], reference(x[i]));
    if (error > worst) worst = error, at = i;
  }
  report(simd.name, name, worst, x[at], 0, bound);
}

void check(const Simd& simd, ScalarOp op, const char* name, Binary reference, double bound, bool wide) {
  std::vector<float> a, b;
  const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, 2.0f, -2.0f, 3.0f, -3.0f, 0.5f, -0.5f, 1.5f, 1e-45f, -1e-45f, 1e30f,
                           -1e30f, 16777215.0f, -16777215.0f, 16777216.0f, 2147483648.0f, kInf, -kInf, kNan};
  for (float u : special) {
    for (float v : special) a.push_back(u), b.push_back(v);
  }
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 300000; ++i) {
    a.push_back(wide ? fromBits(static_cast<uint32_t>(random())) : std::exp(3 * normal(random)));
    b.push_back(normal(random) * 10);
  }
  std::vector<float> y(a.size());
  void* slots[] = {a.data(), b.data(), y.data()};
  const SimdStep step = {simd.tile->find(op, Lane::kFloat, 0), {0, 1, 0}, 2, {0, 0}};
  step.run(step, slots, static_cast<int64_t>(a.size()), 0);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = ulps(y[i], reference(a[i], b[i]));
    if (error > worst) worst = error, at = i;
  }
  report(simd.name, name, worst, a[at], b[at], bound);
}

double flooredModulo(double a, double b) {
  // In float32, as the operation is defined: r + b rounds once.
  const float r = std::fmod(static_cast<float>(a), static_cast<float>(b));
  if (r == 0) return std::copysign(0.0f, static_cast<float>(b));
  return (r < 0) != (b < 0) ? static_cast<float>(r + static_cast<float>(b)) : r;
}

double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double rsqrt(double x) { return 1.0 / std::sqrt(x); }
double recip(double x) { return 1.0 / x; }
double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
double gelu(double x) { return x * std::erfc(-x * M_SQRT1_2) / 2; }
double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : a > b ? a : b; }

}  // namespace

int main() {
  size_t count = 0;
  const Simd* const* targets = simdTargets(&count);
  for (size_t t = 0; t < count; ++t) {
    const Simd& s = *targets[t];
    check(s, ScalarOp::kExp, "exp", std::exp, 1.5);
    check(s, ScalarOp::kLog, "log", std::log, 1.5);
    check(s, ScalarOp::kLog1p, "log1p", std::log1p, 2);
    check(s, ScalarOp::kExpm1, "expm1", std::expm1, 2);
    check(s, ScalarOp::kTanh, "tanh", std::tanh, 3);
    check(s, ScalarOp::kSigmoid, "sigmoid", sigmoid, 3);
    check(s, ScalarOp::kSoftplus, "softplus", softplus, 2.5);
    check(s, ScalarOp::kErf, "erf", std::erf, 2);
    check(s, ScalarOp::kGelu, "gelu", gelu, 8);
    check(s, ScalarOp::kSqrt, "sqrt", std::sqrt, 0.5);
    check(s, ScalarOp::kRsqrt, "rsqrt", rsqrt, 1.5);
    check(s, ScalarOp::kRecip, "recip", recip, 0.501);
    check(s, ScalarOp::kSin, "sin", std::sin, 1);
    check(s, ScalarOp::kCos, "cos", std::cos, 1);
    check(s, ScalarOp::kFloor, "floor", std::floor, 0);
    check(s, ScalarOp::kCeil, "ceil", std::ceil, 0);
    check(s, ScalarOp::kRound, "round", std::nearbyint, 0);
    check(s, ScalarOp::kSign, "sign", sign, 0);
    check(s, ScalarOp::kPow, "pow", std::pow, 0.6, false);
    check(s, ScalarOp::kPow, "pow wide", std::pow, 0.6, true);
    check(s, ScalarOp::kAtan2, "atan2", std::atan2, 0.6, false);
    check(s, ScalarOp::kAtan2, "atan2 wide", std::atan2, 0.6, true);
    check(s, ScalarOp::kMod, "mod", flooredModulo, 0, false);
    check(s, ScalarOp::kMod, "mod wide", flooredModulo, 0, true);
    check(s, ScalarOp::kMax, "max", maximum, 0, true);
  }
  return failures == 0 ? 0 : 1;
}
