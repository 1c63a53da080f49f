// Attention, and its gradients of keys and values: one key head, or one of each of the queries'.
#include "../../../native/cuda/kernels/attention_wgmma.h"

#include "check_products.h"
#include "ptx.h"

using namespace steepest::cuda;
using steepest::emulated::bfloat16;

namespace {

float* allocate(int64_t count) {
  CUdeviceptr at = 0;
  cuMemAlloc(&at, static_cast<size_t>(count) * sizeof(float));
  return reinterpret_cast<float*>(at);
}

std::vector<float> readFrom(const float* at, int64_t count, const Checked& checked) {
  return checked.read(reinterpret_cast<CUdeviceptr>(at), static_cast<size_t>(count));
}

}  // namespace

double checkAttention(const Checked& checked) {
  // Two tiles of queries for each of three heads, the last alone in its section; stages are used again and again.
  constexpr int64_t h = 3, t = 130, s = 650, d = 64;
  constexpr AttentionWgmmaTiles tiles = kAttentionWgmma[0][0];
  const std::vector<uint16_t> q = drawNumbers(h * t * d), k = drawNumbers(h * s * d), v = drawNumbers(h * s * d);
  AttentionWgmmaArguments arguments{};
  arguments.rowsD = describeBoxes(checked.onDevice(q), d, t, h, kAttentionWgmmaRows);
  arguments.columnsD = describeBoxes(checked.onDevice(k), d, s, h, tiles.columns);
  arguments.columnsE = describeBoxes(checked.onDevice(v), d, s, h, tiles.columns);
  arguments.together = 2;
  AttentionArguments& a = arguments.attention;
  // with room for the head too many that a mistake makes
  a.y = allocate((t * h + 1) * d);
  a.logSum = allocate(t * (h + 1));
  a.n = 1;
  a.t = t;
  a.s = s;
  a.h = a.k = h;
  a.d = a.e = d;
  a.scale = 0.5f;
  checked.launch(&arguments, 2, kAttentionWgmmaThreads, static_cast<uint32_t>(attentionWgmmaBytes(tiles)));
  const std::vector<float> out = readFrom(a.y, t * h * d, checked);
  std::vector<double> weights(s);
  double sum = 0;
  return errorOf(out, [&](int64_t i) {
    const int64_t query = i / d / h, head = i / d % h;
    for (int64_t key = 0; key < s && i % d == 0; ++key) {
      double score = 0;
      for (int64_t f = 0; f < d; ++f) {
        score += double{bfloat16(q[(head * t + query) * d + f])} * bfloat16(k[(head * s + key) * d + f]);
      }
      weights[key] = std::exp(score * a.scale);
      sum = (key == 0 ? 0 : sum) + weights[key];
    }
    double y = 0;
    for (int64_t key = 0; key < s; ++key) y += weights[key] * bfloat16(v[(head * s + key) * d + i % d]);
    return y / sum;
  });
}

double checkAttentionGrad(const Checked& checked) {
  // Two tiles of keys for a head, whose queries are two heads'.
  constexpr int64_t h = 2, t = 330, s = 130, d = 64, tilesOfQueries = (t + 63) / 64;
  constexpr AttentionWgmmaTiles tiles = kAttentionWgmma[2][0];
  const std::vector<uint16_t> q = drawNumbers(h * t * d), k = drawNumbers(s * d), v = drawNumbers(s * d),
                              dy = drawNumbers(h * t * d);
  AttentionWgmmaArguments arguments{};
  arguments.rowsD = describeBoxes(checked.onDevice(k), d, s, 1, kAttentionWgmmaRows);
  arguments.rowsE = describeBoxes(checked.onDevice(v), d, s, 1, kAttentionWgmmaRows);
  arguments.columnsD = describeBoxes(checked.onDevice(q), d, t, h, tiles.columns);
  arguments.columnsE = describeBoxes(checked.onDevice(dy), d, t, h, tiles.columns);
  arguments.together = 1;
  // Any numbers will do for logSum and mean; behind the last query are none.
  std::vector<float> statistics(h * tilesOfQueries * 128, NAN);
  const auto at = [&](int64_t head, int64_t query) -> float& {
    return statistics[(head * tilesOfQueries + query / 64) * 128 + query % 64];
  };
  for (int64_t query = 0; query < h * t; ++query) {
    at(query / t, query % t) = 2;
    (&at(query / t, query % t))[64] = 0.25f * static_cast<float>(query % 7);
  }
  arguments.statistics = allocate(static_cast<int64_t>(statistics.size()));
  cuMemcpyHtoDAsync(reinterpret_cast<CUdeviceptr>(arguments.statistics), statistics.data(),
                    statistics.size() * sizeof(float), checked.stream);
  AttentionArguments& a = arguments.attention;
  a.dkey = allocate(s * d);
  a.dvalue = allocate(s * d);
  a.n = a.k = 1;
  a.t = t;
  a.s = s;
  a.h = h;
  a.d = a.e = d;
  a.scale = 0.25f;
  checked.launch(&arguments, 1, kAttentionWgmmaThreads, static_cast<uint32_t>(attentionWgmmaBytes(tiles)));
  // One array: dkey, then dvalue.
  std::vector<float> out = readFrom(a.dkey, s * d, checked);
  const std::vector<float> dvalue = readFrom(a.dvalue, s * d, checked);
  out.insert(out.end(), dvalue.begin(), dvalue.end());
  std::vector<double> expected(out.size());
  for (int64_t row = 0; row < h * t; ++row) {
    for (int64_t key = 0; key < s; ++key) {
      double score = 0, gradient = 0;
      for (int64_t f = 0; f < d; ++f) {
        score += double{bfloat16(q[row * d + f])} * bfloat16(k[key * d + f]);
        gradient += double{bfloat16(dy[row * d + f])} * bfloat16(v[key * d + f]);
      }
      const double p = std::exp2(score * a.scale * 1.44269504088896341 - at(row / t, row % t));
      gradient = p * (gradient - (&at(row / t, row % t))[64]) * a.scale;
      for (int64_t f = 0; f < d; ++f) {
        expected[key * d + f] += gradient * bfloat16(q[row * d + f]);
        expected[(s + key) * d + f] += p * bfloat16(dy[row * d + f]);
      }
    }
  }
  return errorOf(out, [&](int64_t i) { return expected[i]; });
}
