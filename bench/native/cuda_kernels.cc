// Single instructions on a GPU, through the code that binds them for plans but without Node: for ncu, compute-sanitizer, and
// a first look at speed. Each result is compared with sums in double.
//
//   cuda-kernels                           all of them, at sizes of their own
//   cuda-kernels --small                   the same at sizes for the emulated driver
//   cuda-kernels --repeat 50 matmul 8192 8192 8192
//   cuda-kernels --load                    only opens the device and loads the kernels
//
// Prints a line of JSON for each, with the largest error as a share of what is allowed and where it is, and exits with 1 when a
// result is wrong. The kernels are steepest-cuda.fatbin beside the program, STEEPEST_CUDA_KERNELS names another file and
// STEEPEST_CUDA_DRIVER another driver.
//
// Times are the host's, between two waits for the device: the median of five rounds of some 20 ms each, after launches for 200 ms, in
// which clocks go up. bench/gpu/torch_gpu.py measures in the same way. What takes less than a launch does, some 3 us, shows its launches:
// ncu measures that better. With --repeat there is one round of so many launches, for tools and the emulated driver. Numbers are
// random, as zeros take less power and so higher clocks; operands of "mbytes" below the size of the L2 cache are in it.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../../native/cuda/backend.h"
#include "../../native/cuda/driver.h"
#include "../../native/plan/ops.h"
#include "../../native/runtime/kernel.h"

using namespace steepest;

namespace {

using Sizes = std::vector<int64_t>;
using Numbers = std::vector<float>;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// An array without gaps in the arena, of numbers from `least` to `most`.
struct Array {
  Sizes shape;
  uint64_t base = 0;
  float least = -1, most = 1;
  bool isOne = false;  // number, which is read for each element
  bool isTurned = false;  // a matrix whose columns lie together
  int64_t size() const {
    int64_t n = 1;
    if (isOne) return n;
    for (const int64_t s : shape) n *= s;
    return n;
  }
};

View viewOf(const Array& array) {
  View view{};
  view.space = Space::kArena;
  view.dtype = DType::kFloat32;
  view.rank = static_cast<int>(array.shape.size());
  view.base = array.base;
  int64_t stride = 1;
  for (int d = view.rank; d-- > 0; stride *= array.shape[d]) {
    view.shape[d] = array.shape[d];
    view.strides[d] = array.isOne ? 0 : stride;
  }
  if (array.isTurned) {
    view.strides[0] = 1;
    view.strides[1] = array.shape[0];
  }
  return view;
}

// What an element should be, and the sum of the magnitudes of what was added up, in `terms` terms.
struct Expected {
  double value, magnitude;
  int64_t terms;
};
using Reference = std::function<Expected(const std::vector<Numbers>& inputs, int64_t element)>;

struct Work {
  Instruction instruction{};
  std::vector<Array> inputs, outputs;
  std::vector<size_t> updated;  // by outputs, which take the place of these inputs; none: they have places of their own
  size_t checked = 1;           // outputs that are compared
  Reference reference;          // of their elements, one output after the other
  double terms = 0;     // that the reference adds up for an element
  double flops = 0, bytes = 0;
};

struct Family {
  const char* name;
  const char* sizes;
  Sizes usual, small;
  Work (*make)(const Sizes& sizes);
};

Work of(Opcode opcode, std::vector<uint32_t> attributes, std::vector<Array> inputs, std::vector<Array> outputs) {
  Work work;
  work.instruction.opcode = static_cast<uint32_t>(opcode);
  work.instruction.attrs = std::move(attributes);
  work.inputs = std::move(inputs);
  work.outputs = std::move(outputs);
  for (const auto* list : {&work.inputs, &work.outputs}) {
    for (const Array& array : *list) work.bytes += static_cast<double>(array.size()) * sizeof(float);
  }
  return work;
}

uint32_t bits(float x) {
  uint32_t word;
  std::memcpy(&word, &x, sizeof word);
  return word;
}

double roundedToBfloat16(float x) {
  uint32_t word = bits(x);
  word = (word + 0x7fff + (word >> 16 & 1)) & 0xffff0000u;
  float rounded;
  std::memcpy(&rounded, &word, sizeof rounded);
  return rounded;
}

// The columns of an operand lie together where it is turned: of A in gradients of weights, of B in those of inputs.
Work product(const Sizes& s, Precision precision, bool turnsA = false, bool turnsB = false) {
  const int64_t m = s[0], k = s[1], n = s[2];
  Array a{{m, k}}, b{{k, n}};
  a.isTurned = turnsA;
  b.isTurned = turnsB;
  Work work = of(Opcode::kMatmul, {0, static_cast<uint32_t>(precision)}, {a, b}, {{{m, n}}});
  work.flops = 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  work.terms = static_cast<double>(k);
  work.reference = [=](const std::vector<Numbers>& in, int64_t i) {
    Expected sum{0, 0, k};
    for (int64_t j = 0; j < k; ++j) {
      const float a = in[0][turnsA ? j * m + i / n : i / n * k + j], b = in[1][turnsB ? i % n * k + j : j * n + i % n];
      const double term = precision == Precision::kBfloat16 ? roundedToBfloat16(a) * roundedToBfloat16(b)
                                                            : static_cast<double>(a) * b;
      sum.value += term;
      sum.magnitude += std::fabs(term);
    }
    return sum;
  };
  return work;
}
Work matmul(const Sizes& s) { return product(s, Precision::kFloat32); }
Work matmulBfloat16(const Sizes& s) { return product(s, Precision::kBfloat16); }
Work matmulBfloat16NT(const Sizes& s) { return product(s, Precision::kBfloat16, false, true); }
Work matmulBfloat16TN(const Sizes& s) { return product(s, Precision::kBfloat16, true, false); }

// d = a * b + c
Work map(const Sizes& s) {
  const Array array{{s[0]}};
  Work work = of(Opcode::kMap, {1}, {array, array, array}, {array});
  Program& program = work.instruction.program;
  program.inputs = 3;
  program.registers = 4;
  program.steps = {{static_cast<uint8_t>(ScalarOp::kFma), 0, 3, {0, 1, 2}, {0, 0}}};
  program.outputs = {3};
  work.flops = 2.0 * static_cast<double>(s[0]);
  work.reference = [](const std::vector<Numbers>& in, int64_t i) {
    const double product = static_cast<double>(in[0][i]) * in[1][i];
    return Expected{product + in[2][i], std::fabs(product) + std::fabs(in[2][i]), 2};
  };
  return work;
}

// The update of AdamW, as optimizers.adamw traces it and fusion makes one instruction of it (lib/optimizers/adam.ts): moments and weights
// in place, the two step sizes from memory.
Work adamw(const Sizes& s) {
  const int64_t n = s[0];
  constexpr float kFirst = 0.1f, kSecond = 0.001f, kEpsilon = 1e-7f;  // 1 - beta1, 1 - beta2
  const Array numbers{{n}}, squares{{n}, 0, 0, 1}, rate{{n}, 0, 1e-3f, 2e-3f, true};
  enum : uint8_t { kW, kDecay, kG, kM, kV, kAlpha, kR6, kR7, kR8, kR9, kR10, kR11, kR12, kR13, kR14, kRegisters };
  Work work = of(Opcode::kMap, {1}, {numbers, rate, numbers, numbers, squares, rate}, {numbers, numbers, numbers});
  work.updated = {kM, kV, kW};
  Program& program = work.instruction.program;
  program.inputs = 6;
  program.registers = kRegisters;
  program.constants = {bits(kFirst), bits(kSecond), bits(kEpsilon)};
  const auto step = [&](uint8_t to, ScalarOp op, uint8_t a, uint8_t b = 0) {
    program.steps.push_back({static_cast<uint8_t>(op), 0, to, {a, b, 0}, {0, 0}});
  };
  step(kR9, ScalarOp::kMul, kW, kDecay);
  step(kR10, ScalarOp::kSub, kW, kR9);
  step(kR9, ScalarOp::kSub, kG, kM);
  step(kR11, ScalarOp::kMul, kR9, kR6);
  step(kR9, ScalarOp::kAdd, kM, kR11);  // the mean
  step(kR11, ScalarOp::kMul, kG, kG);
  step(kR12, ScalarOp::kSub, kR11, kV);
  step(kR11, ScalarOp::kMul, kR12, kR7);
  step(kR12, ScalarOp::kAdd, kV, kR11);  // the mean square
  step(kR11, ScalarOp::kMul, kR9, kAlpha);
  step(kR13, ScalarOp::kSqrt, kR12);
  step(kR14, ScalarOp::kAdd, kR13, kR8);
  step(kR13, ScalarOp::kDiv, kR11, kR14);
  step(kR14, ScalarOp::kSub, kR10, kR13);
  program.outputs = {kR9, kR12, kR14};
  work.flops = static_cast<double>(program.steps.size()) * static_cast<double>(n);
  work.checked = 3;
  work.reference = [n](const std::vector<Numbers>& in, int64_t element) {
    const int64_t i = element % n;
    const double w = in[kW][i], g = in[kG][i], m = in[kM][i], v = in[kV][i];
    const double mean = m + kFirst * (g - m), square = v + kSecond * (g * g - v);
    if (element < n) return Expected{mean, std::fabs(m) + std::fabs(g), 2};
    if (element < 2 * n) return Expected{square, square, 2};
    const double by = in[kAlpha][0] / (std::sqrt(square) + kEpsilon);
    return Expected{w - w * in[kDecay][0] - mean * by, std::fabs(w) + (std::fabs(m) + std::fabs(g)) * by, 2};
  };
  return work;
}

// Sums of rows.
Work reduce(const Sizes& s) {
  const int64_t columns = s[1];
  Work work =
      of(Opcode::kReduce, {static_cast<uint32_t>(ReduceKind::kSum), 2}, {{{s[0], columns}}}, {{{s[0]}}});
  work.instruction.program.inputs = 1;
  work.instruction.program.registers = 1;
  work.instruction.program.outputs = {0};
  work.reference = [columns](const std::vector<Numbers>& in, int64_t i) {
    Expected sum{0, 0, columns};
    for (int64_t j = 0; j < columns; ++j) {
      sum.value += in[0][i * columns + j];
      sum.magnitude += std::fabs(in[0][i * columns + j]);
    }
    return sum;
  };
  return work;
}

Work softmax(const Sizes& s) {
  const int64_t columns = s[1];
  Work work = of(Opcode::kSoftmax, {0}, {{{s[0], columns}}}, {{{s[0], columns}}});
  work.reference = [columns](const std::vector<Numbers>& in, int64_t i) {
    const float* const row = in[0].data() + i / columns * columns;
    const double most = *std::max_element(row, row + columns);
    double sum = 0;
    for (int64_t j = 0; j < columns; ++j) sum += std::exp(row[j] - most);
    const double value = std::exp(row[i % columns] - most) / sum;
    return Expected{value, value, columns + 8};
  };
  return work;
}

// Rows with mean 0 and variance 1.
Work normalize(const Sizes& s) {
  const int64_t columns = s[1];
  const Array x{{s[0], columns}}, moment{{s[0], 1}};
  constexpr float kEpsilon = 1e-5f;
  Work work = of(Opcode::kNormalize, {bits(kEpsilon), 1, 0, 0}, {x}, {x, moment, moment});
  work.reference = [columns](const std::vector<Numbers>& in, int64_t i) {
    const float* const row = in[0].data() + i / columns * columns;
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < columns; ++j) mean += row[j] / static_cast<double>(columns);
    for (int64_t j = 0; j < columns; ++j) variance += (row[j] - mean) * (row[j] - mean) / static_cast<double>(columns);
    const double value = (row[i % columns] - mean) / std::sqrt(variance + kEpsilon);
    return Expected{value, std::fabs(value) + 1, columns + 8};
  };
  return work;
}

// Causal, [batch, time, heads, features].
Work attention(const Sizes& s, Precision precision) {
  const int64_t time = s[1], heads = s[2], features = s[3];
  const float scale = 1 / std::sqrt(static_cast<float>(features));
  const Array x{{s[0], time, heads, features}};
  Work work = of(Opcode::kAttention, {bits(scale), 1, static_cast<uint32_t>(precision)}, {x, x, x}, {x, {{s[0], heads, time}}});
  work.flops = 2.0 * static_cast<double>(x.size()) * static_cast<double>(time + 1);
  work.terms = static_cast<double>(time * features);
  const bool rounds = precision == Precision::kBfloat16;
  // Weights are rounded as well, each by 2^-9 at most.
  const int64_t roundings = rounds ? int64_t{1} << 28 : 0;
  work.reference = [=](const std::vector<Numbers>& in, int64_t i) {
    const auto operand = [&](size_t which, int64_t at) {
      return rounds ? roundedToBfloat16(in[which][at]) : static_cast<double>(in[which][at]);
    };
    const int64_t f = i % features, h = i / features % heads, t = i / (features * heads) % time;
    const int64_t batch = i / (features * heads * time);
    const auto at = [&](int64_t step, int64_t feature) {
      return ((batch * time + step) * heads + h) * features + feature;
    };
    std::vector<double> scores;
    for (int64_t u = 0; u <= t; ++u) {
      double score = 0;
      for (int64_t g = 0; g < features; ++g) score += operand(0, at(t, g)) * operand(1, at(u, g));
      scores.push_back(score * scale);
    }
    const double most = *std::max_element(scores.begin(), scores.end());
    double sum = 0, value = 0, magnitude = 0;
    for (int64_t u = 0; u <= t; ++u) {
      const double weight = std::exp(scores[static_cast<size_t>(u)] - most);
      sum += weight;
      value += weight * operand(2, at(u, f));
      magnitude += weight * std::fabs(operand(2, at(u, f)));
    }
    return Expected{value / sum, magnitude / sum, t + features + 8 + roundings};
  };
  return work;
}
Work attention(const Sizes& s) { return attention(s, Precision::kFloat32); }
Work attentionBfloat16(const Sizes& s) { return attention(s, Precision::kBfloat16); }

// Of any y and logarithms of sums, which dquery is a function of where keys are more than a tile. Operations are those of the five products that are
// needed at least.
Work attentionGradBfloat16(const Sizes& s) {
  const int64_t time = s[1], heads = s[2], features = s[3];
  const float scale = 1 / std::sqrt(static_cast<float>(features));
  const Array x{{s[0], time, heads, features}};
  Work work = of(Opcode::kAttentionGrad, {bits(scale), 1, static_cast<uint32_t>(Precision::kBfloat16)},
                 {x, x, x, x, {{s[0], heads, time}}, x}, {x, x, x});
  work.flops = 5.0 * static_cast<double>(x.size()) * static_cast<double>(time + 1);
  work.terms = 2.0 * static_cast<double>(time * features);
  work.reference = [=](const std::vector<Numbers>& in, int64_t i) {
    const int64_t f = i % features, h = i / features % heads, t = i / (features * heads) % time;
    const int64_t batch = i / (features * heads * time);
    const auto operand = [&](size_t which, int64_t step, int64_t feature) {
      return roundedToBfloat16(in[which][((batch * time + step) * heads + h) * features + feature]);
    };
    double mean = 0, meanMagnitude = 0;
    for (int64_t g = 0; g < features; ++g) {
      const double term = in[3][((batch * time + t) * heads + h) * features + g] * operand(5, t, g);
      mean += term;
      meanMagnitude += std::fabs(term);
    }
    Expected sum{0, 0, t + features + 8 + (int64_t{1} << 28)};  // gradients of scores are rounded, each by 2^-9 at most
    for (int64_t u = 0; u <= t; ++u) {
      double score = 0, gradient = 0, magnitude = meanMagnitude;
      for (int64_t g = 0; g < features; ++g) {
        score += operand(0, t, g) * operand(1, u, g);
        gradient += operand(5, t, g) * operand(2, u, g);
        magnitude += std::fabs(operand(5, t, g) * operand(2, u, g));
      }
      const double by = std::exp(score * scale - in[4][(batch * heads + h) * time + t]) * scale * operand(1, u, f);
      sum.value += by * (gradient - mean);
      sum.magnitude += std::fabs(by) * magnitude;
    }
    return sum;
  };
  return work;
}

// Of square images and windows, whose padding keeps the edge but for strides. `which` of x, kernel and y is made of the two others.
Work convolution(const Sizes& s, Opcode opcode, size_t which) {
  const int64_t edge = s[1], channels = s[2], filters = s[3], window = s[4], stride = s[5], padding = (window - 1) / 2;
  const int64_t out = (edge + 2 * padding - window) / stride + 1;
  const auto step = static_cast<uint32_t>(stride), pad = static_cast<uint32_t>(padding);
  std::vector<Array> arrays = {{{s[0], edge, edge, channels}}, {{window, window, channels, filters}}, {{s[0], out, out, filters}}};
  const Array made = arrays[which];
  arrays.erase(arrays.begin() + static_cast<ptrdiff_t>(which));
  if (which == 0) std::swap(arrays[0], arrays[1]);  // dy, kernel
  Work work = of(opcode, {0, 1, step, step, 1, 1, 1, 0, pad, pad, 1, static_cast<uint32_t>(Precision::kBfloat16)}, arrays, {made});
  work.flops = 2.0 * static_cast<double>(s[0] * out * out * filters) * static_cast<double>(window * window * channels);
  work.terms = work.flops / 2 / static_cast<double>(made.size());
  work.reference = [=](const std::vector<Numbers>& in, int64_t i) {
    Expected sum{0, 0, 0};
    const Numbers& xs = in[0];
    const Numbers& ys = in[which == 0 ? 0 : 1];
    const auto x = [&](int64_t n, int64_t h, int64_t w, int64_t c) { return roundedToBfloat16(xs[((n * edge + h) * edge + w) * channels + c]); };
    const auto y = [&](int64_t n, int64_t h, int64_t w, int64_t f) { return roundedToBfloat16(ys[((n * out + h) * out + w) * filters + f]); };
    const auto kernel = [&](int64_t r, int64_t q, int64_t c, int64_t f) { return roundedToBfloat16(in[1][((r * window + q) * channels + c) * filters + f]); };
    const auto add = [&](double term) {
      sum.value += term;
      sum.magnitude += std::fabs(term);
      ++sum.terms;
    };
    const auto inside = [&](int64_t at) { return at >= 0 && at < edge; };
    if (which == 1) {
      const int64_t f = i % filters, c = i / filters % channels, q = i / (filters * channels) % window, r = i / (filters * channels * window);
      for (int64_t p = 0; p < s[0] * out * out; ++p) {
        const int64_t n = p / (out * out), h = p / out % out * stride - padding + r, w = p % out * stride - padding + q;
        if (inside(h) && inside(w)) add(x(n, h, w, c) * y(n, p / out % out, p % out, f));
      }
      return sum;
    }
    const int64_t last = which == 0 ? channels : filters, side = which == 0 ? edge : out;
    const int64_t mine = i % last, w = i / last % side, h = i / (last * side) % side, n = i / (last * side * side);
    for (int64_t r = 0; r < window; ++r) {
      for (int64_t q = 0; q < window; ++q) {
        if (which == 2) {
          const int64_t atH = h * stride - padding + r, atW = w * stride - padding + q;
          if (!inside(atH) || !inside(atW)) continue;
          for (int64_t c = 0; c < channels; ++c) add(x(n, atH, atW, c) * kernel(r, q, c, mine));
        } else {
          const int64_t atH = h + padding - r, atW = w + padding - q;
          if (atH < 0 || atW < 0 || atH % stride != 0 || atW % stride != 0 || atH / stride >= out || atW / stride >= out) continue;
          for (int64_t f = 0; f < filters; ++f) add(y(n, atH / stride, atW / stride, f) * kernel(r, q, mine, f));
        }
      }
    }
    return sum;
  };
  return work;
}
Work convBfloat16(const Sizes& s) { return convolution(s, Opcode::kConv, 2); }
Work convInputGradBfloat16(const Sizes& s) { return convolution(s, Opcode::kConvInputGrad, 0); }
Work convKernelGradBfloat16(const Sizes& s) { return convolution(s, Opcode::kConvKernelGrad, 1); }

const Family kFamilies[] = {
    {"map", "N", {1 << 26}, {1000}, map},
    {"adamw", "N", {1 << 24}, {1000}, adamw},
    {"reduce", "ROWS COLUMNS", {16384, 4096}, {5, 700}, reduce},
    {"softmax", "ROWS COLUMNS", {8192, 1024}, {3, 65}, softmax},
    {"normalize", "ROWS COLUMNS", {8192, 768}, {3, 65}, normalize},
    {"matmul", "M K N", {2048, 2048, 2048}, {33, 47, 29}, matmul},
    {"matmulBfloat16", "M K N", {2048, 2048, 2048}, {33, 47, 29}, matmulBfloat16},
    {"matmulBfloat16NT", "M K N", {2048, 2048, 2048}, {33, 47, 29}, matmulBfloat16NT},
    {"matmulBfloat16TN", "M K N", {2048, 2048, 2048}, {33, 47, 29}, matmulBfloat16TN},
    {"attention", "BATCH TIME HEADS FEATURES", {8, 1024, 12, 64}, {1, 9, 2, 8}, attention},
    {"attentionBfloat16", "BATCH TIME HEADS FEATURES", {8, 1024, 12, 64}, {1, 9, 2, 8}, attentionBfloat16},
    {"attentionGradBfloat16", "BATCH TIME HEADS FEATURES", {8, 1024, 12, 64}, {1, 40, 2, 8}, attentionGradBfloat16},
    {"convBfloat16", "BATCH EDGE CHANNELS FILTERS WINDOW STRIDE", {128, 28, 128, 128, 3, 1}, {2, 9, 12, 20, 3, 2}, convBfloat16},
    {"convInputGradBfloat16", "BATCH EDGE CHANNELS FILTERS WINDOW STRIDE", {128, 28, 128, 128, 3, 1}, {2, 9, 12, 20, 3, 2}, convInputGradBfloat16},
    {"convKernelGradBfloat16", "BATCH EDGE CHANNELS FILTERS WINDOW STRIDE", {128, 28, 128, 128, 3, 1}, {2, 9, 12, 20, 3, 2}, convKernelGradBfloat16},
};

// The same in every run.
Numbers someNumbers(const Array& array) {
  static uint32_t state = 1;
  Numbers numbers(static_cast<size_t>(array.size()));
  const float by = (array.most - array.least) * 0x1p-24f;
  for (float& x : numbers) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<float>(state >> 8) * by + array.least;
  }
  return numbers;
}

uint64_t place(std::vector<Array>* arrays, std::vector<View>* views, uint64_t at) {
  for (Array& array : *arrays) {
    array.base = at;
    views->push_back(viewOf(array));
    at += (static_cast<uint64_t>(array.size()) * sizeof(float) + 255) / 256 * 256;
  }
  return at;
}

// The largest error, as a share of what is allowed, and where it is.
struct Worst {
  double share = 0, got = 0, expected = 0;
  int64_t element = 0;
};

// Of large results some elements are looked at, the first and the last among them: fewer where each takes long.
Worst worstError(const Work& work, const std::vector<Numbers>& inputs, const Numbers& result) {
  constexpr double kMostElements = 2000, kFewElements = 100, kMostTerms = 1e8;
  const auto size = static_cast<int64_t>(result.size());
  const auto most = std::clamp(kMostTerms / std::max(work.terms, 1.0), kFewElements, kMostElements);
  const int64_t count = std::min(size, static_cast<int64_t>(most));
  Worst worst;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t i = count == 1 ? 0 : k * (size - 1) / (count - 1);
    const Expected expected = work.reference(inputs, i);
    // roundings of a sum go both ways; a term that is missing has to show
    const double allowed = (expected.magnitude * (std::sqrt(static_cast<double>(expected.terms)) + 8) + 1e-30) * 0x1p-22;
    const double got = result[static_cast<size_t>(i)], error = std::fabs(got - expected.value) / allowed;
    const double share = std::isnan(error) ? INFINITY : error;
    if (k == 0 || share > worst.share) worst = {share, got, expected.value, i};
  }
  return worst;
}

// Of JSON, which has words for finite numbers only.
std::string text(double x) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.7g", x);
  return std::isfinite(x) ? digits : std::string("\"") + digits + '"';
}

// Seconds of a launch, of which `launch` makes so many and waits for them.
double secondsOf(const std::function<double(int)>& launch) {
  constexpr double kWarmUp = 0.2, kRound = 0.02;
  constexpr int kRounds = 5;
  const double began = now();
  int times = 1;
  double seconds = launch(times);
  while (now() - began < kWarmUp) {
    times = static_cast<int>(std::clamp(std::ceil(kRound / std::max(seconds, 1e-9)), 1.0, 1e5));
    seconds = launch(times);
  }
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) rounds.push_back(launch(times));
  std::sort(rounds.begin(), rounds.end());
  return rounds[kRounds / 2];
}

bool run(const Family& family, const Sizes& sizes, int repeat, cuda::CudaBackend& backend) {
  Work work = family.make(sizes);
  uint64_t bytes = place(&work.inputs, &work.instruction.inputs, 0);
  if (work.updated.empty()) bytes = place(&work.outputs, &work.instruction.outputs, bytes);
  for (size_t i = 0; i < work.updated.size(); ++i) {
    work.outputs[i].base = work.inputs[work.updated[i]].base;
    work.instruction.outputs.push_back(viewOf(work.outputs[i]));
  }
  std::vector<Numbers> inputs;
  for (const Array& array : work.inputs) inputs.push_back(someNumbers(array));
  // Measured in turns on copies that no L2 holds together, as in a model, where other things come between.
  constexpr uint64_t kFar = uint64_t{128} << 20, kMostCopies = 16;
  const uint64_t copies = repeat > 0 ? 1 : std::clamp<uint64_t>((kFar + bytes - 1) / bytes, 1, kMostCopies);
  std::vector<std::unique_ptr<Buffer>> arenas;
  std::vector<std::unique_ptr<Kernel>> kernels;
  const auto write = [&](const Buffer& arena, size_t i) {
    backend.write(arena.data() + work.inputs[i].base, inputs[i].data(), inputs[i].size() * sizeof(float));
  };
  for (uint64_t copy = 0; copy < copies; ++copy) {
    arenas.push_back(backend.allocate(bytes));
    for (size_t i = 0; i < inputs.size(); ++i) write(*arenas.back(), i);
    const Memory memory{arenas.back()->data(), nullptr, nullptr};
    kernels.push_back(std::move(backend.bind({work.instruction}, memory).front()));
  }
  RunContext context{Threads::pool(), nullptr, nullptr, nullptr, 0};
  const auto launch = [&](int times) {
    const double began = now();
    for (int i = 0; i < times; ++i) kernels[static_cast<size_t>(i) % copies]->run(context);
    backend.stream().check();
    backend.settle();
    return (now() - began) / times;
  };
  launch(1);
  const double seconds = repeat > 0 ? launch(repeat) : secondsOf(launch);

  // What is compared is one update, not as many as there were launches.
  for (const size_t i : work.updated) write(*arenas[0], i);
  if (!work.updated.empty()) launch(1);
  Numbers result;
  for (size_t i = 0; i < work.checked; ++i) {
    const auto before = result.size(), size = static_cast<size_t>(work.outputs[i].size());
    result.resize(before + size);
    backend.read(result.data() + before, arenas[0]->data() + work.outputs[i].base, size * sizeof(float));
  }
  const Worst worst = worstError(work, inputs, result);
  std::string list;
  for (const int64_t size : sizes) list += (list.empty() ? "" : ",") + std::to_string(size);
  std::printf("{\"kernel\":\"%s\",\"sizes\":[%s],\"us\":%.6g,\"mbytes\":%.6g,\"gbytes_per_s\":%.6g,\"gflop_per_s\":%.6g,"
              "\"error_of_allowed\":%.3g,\"worst\":{\"element\":%lld,\"got\":%s,\"expected\":%s},\"ok\":%s}\n",
              family.name, list.c_str(), seconds * 1e6, work.bytes / 1e6, work.bytes / seconds / 1e9, work.flops / seconds / 1e9,
              std::isinf(worst.share) ? 1e30 : worst.share, static_cast<long long>(worst.element), text(worst.got).c_str(),
              text(worst.expected).c_str(), worst.share <= 1 ? "true" : "false");
  std::fflush(stdout);
  return worst.share <= 1;
}

int usage(const std::string& why) {
  std::fprintf(stderr, "%s\nusage: cuda-kernels [--device cuda:0] [--repeat n] [--small] [--load] [NAME SIZES...]\n",
               why.c_str());
  for (const Family& family : kFamilies) std::fprintf(stderr, "  %s %s\n", family.name, family.sizes);
  return 2;
}

// A whole number from 1 on, or 0.
int64_t numberOf(const char* text) {
  char* end = nullptr;
  const long long value = std::strtoll(text, &end, 10);
  return end != text && *end == '\0' && value >= 1 && value < (1ll << 40) ? value : 0;
}

int program(int count, char** words) {
  std::string device = "cuda:0", name;
  Sizes sizes;
  int64_t repeat = 0;
  bool small = false, load = false;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const bool more = i + 1 < count;
    if (word == "--device" && more) {
      device = words[++i];
    } else if (word == "--repeat" && more) {
      repeat = numberOf(words[++i]);
      if (repeat == 0 || repeat > 1000000) return usage("--repeat: expected 1 to 1000000");
    } else if (word == "--small") {
      small = true;
    } else if (word == "--load") {
      load = true;
    } else if (name.empty()) {
      name = word;
    } else {
      sizes.push_back(numberOf(words[i]));
      if (sizes.back() == 0) return usage("sizes are whole numbers from 1 on, got " + word);
    }
  }

  const double began = now();
  const std::unique_ptr<Backend> opened = cuda::open(device);
  auto& backend = static_cast<cuda::CudaBackend&>(*opened);
  std::printf("{\"device\":\"%s\",\"driver\":%d,\"load_ms\":%.2f}\n", device.c_str(), cuda::loadDriver().driver->version,
              (now() - began) * 1e3);
  std::fflush(stdout);
  if (load) return 0;
  if (repeat == 0 && small) repeat = 1;

  bool known = name.empty(), right = true;
  for (const Family& family : kFamilies) {
    if (!name.empty() && name != family.name) continue;
    known = true;
    const Sizes& own = small ? family.small : family.usual;
    if (!sizes.empty() && sizes.size() != own.size()) return usage(name + " takes " + family.sizes);
    right &= run(family, sizes.empty() ? own : sizes, static_cast<int>(repeat), backend);
  }
  if (!known) return usage("no kernel is called " + name);
  return right ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  try {
    return program(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
