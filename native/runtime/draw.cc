#include "draw.h"

#include <algorithm>
#include <cmath>

#include "philox.h"
#include "threads.h"

namespace steepest {
namespace {

constexpr int64_t kChunk = 1 << 13;  // numbers, a multiple of a block of four: 0.05 ms
constexpr int kBits = 24;            // of a uniform number
constexpr int kHighBits = 12;        // the tables are for
constexpr uint32_t kEntries = 1 << kHighBits;
constexpr double kLog2 = 0.6931471805599453;
constexpr double kTurn = 6.283185307179586;

// Calls f(i, bits) for numbers first .. first + n-1.
template <typename F>
void eachUniform(const Draw& draw, uint64_t first, int64_t n, F f) {
  for (int64_t i = 0; i < n;) {
    const uint64_t at = first + static_cast<uint64_t>(i), block = at / 4;
    const PhiloxCounter words =
        philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, {draw.seed, draw.stream});
    for (uint64_t word = at % 4; word < 4 && i < n; ++word) f(i++, words[word] >> (32 - kBits));
  }
}

// Functions of 24 bits: the upper ones say where in a table, a short polynomial does the rest.
class Functions {
 public:
  Functions() {
    for (uint32_t h = 0; h < kEntries; ++h) {
      const double angle = kTurn * h / kEntries;
      cosine_[h] = std::cos(angle);
      sine_[h] = std::sin(angle);
      // of as few bits as floats have: its product with 24 bits is exact
      inverse_[h] = static_cast<float>(1 / (1 + (h + 0.5) / kEntries));
      logarithm_[h] = -std::log1p(inverse_[h] - 1);
    }
  }

  // sqrt(-2 log(1 - u)) for u = bits / 2^24
  double radius(uint32_t bits) const { return std::sqrt(2 * (bits < kEntries ? nearOne(bits) : awayFromOne(bits))); }

  // The cosine and the sine of 2 pi bits / 2^24.
  void turn(uint32_t bits, double* cosine, double* sine) const {
    const double c = cosine_[bits >> (kBits - kHighBits)], s = sine_[bits >> (kBits - kHighBits)];
    const double x = (bits & (kEntries - 1)) * (kTurn / (1 << kBits)), square = x * x;  // less than 0.0016
    const double cx = 1 - square * (0.5 - square / 24), sx = x * (1 - square * (1.0 / 6 - square / 120));
    *cosine = c * cx - s * sx;
    *sine = s * cx + c * sx;
  }

 private:
  // -log(1 - u) by its series: what is left of it in a difference of logarithms would have few digits.
  static double nearOne(uint32_t bits) {
    const double u = bits / static_cast<double>(1 << kBits);
    return u * (1 + u * (1.0 / 2 + u * (1.0 / 3 + u * (1.0 / 4 + u / 5))));
  }

  // 1 - u = m / 2^24, and m = 2^e f with f in [1, 2)
  double awayFromOne(uint32_t bits) const {
    const uint32_t m = (uint32_t{1} << kBits) - bits;
    const int zeros = __builtin_clz(m);
    const uint32_t top = m << zeros, h = top >> (31 - kHighBits) & (kEntries - 1);
    const double f = top / 2147483648.0, r = f * inverse_[h] - 1;  // less than 0.00013
    const double log1p = r * (1 - r * (1.0 / 2 - r * (1.0 / 3 - r / 4)));
    return (kBits - 31 + zeros) * kLog2 - (logarithm_[h] + log1p);
  }

  double cosine_[kEntries], sine_[kEntries], inverse_[kEntries], logarithm_[kEntries];
};

template <typename F>
void eachChunk(Threads& threads, int64_t n, F f) {
  threads.each((n + kChunk - 1) / kChunk, [&](int64_t chunk) {
    const int64_t first = chunk * kChunk;
    f(first, std::min(kChunk, n - first));
  });
}

}  // namespace

void drawUniform(Threads& threads, const Draw& draw, double* to, int64_t n) {
  eachChunk(threads, n, [&](int64_t first, int64_t count) {
    eachUniform(draw, draw.begin + static_cast<uint64_t>(first), count,
                [&](int64_t i, uint32_t bits) { to[first + i] = bits / static_cast<double>(1 << kBits); });
  });
}

void drawNormal(Threads& threads, const Draw& draw, double* to, int64_t n) {
  static const Functions functions;
  eachChunk(threads, n, [&](int64_t first, int64_t count) {
    const int64_t pairs = (count + 1) / 2;
    double radius = 0;
    eachUniform(draw, draw.begin + static_cast<uint64_t>(first), 2 * pairs, [&](int64_t i, uint32_t bits) {
      if (i % 2 == 0) {
        radius = functions.radius(bits);
        return;
      }
      double cosine, sine;
      functions.turn(bits, &cosine, &sine);
      to[first + i - 1] = radius * cosine;
      if (i < count) to[first + i] = radius * sine;
    });
  });
}

}  // namespace steepest
