// Checks every matrix kernel of every CPU target against plain loops: integer-valued data, so that the result is exact and
// must be equal; shapes around every tile edge; all strides; sentinels around every buffer; any number of threads.
//
//   gemm_check [cases per target, default 3000] [seed]

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "../../native/cpu/blas.h"
#include "../../native/cpu/gemm.h"
#include "../../native/cpu/simd/table.h"
#include "../../native/cpu/tile.h"
#include "../../native/plan/ops.h"

using namespace steepest;

namespace {

constexpr int64_t kGuard = 32;          // floats before and behind every buffer
constexpr float kSentinel = 123456.75f;  // no sum of integers
constexpr float kBeta1 = 0.1f, kBeta2 = 0.001f, kRate = 0.03f, kEpsilon = 1e-7f, kDecay = 0.01f, kMomentum = 0.9f;
std::mt19937_64 generator;

int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(generator); }
template <typename T>
T oneOf(std::initializer_list<T> values) {
  return values.begin()[pick(0, static_cast<int64_t>(values.size()) - 1)];
}

// A space of memory that views are cut from; what no view owns keeps the sentinel.
struct Arena {
  std::vector<float> floats = std::vector<float>(kGuard, kSentinel);
  // Room for a view of these axes, laid out in memory in `order` (outermost first), `gaps` floats after each row.
  View add(std::vector<int64_t> shape, std::vector<int> order, int64_t gap, unsigned broadcast, unsigned flip) {
    View v{};
    v.dtype = DType::kFloat32;
    v.rank = static_cast<int>(shape.size());
    int64_t stride = 1;
    for (size_t i = order.size(); i-- > 0;) {
      const int axis = order[i];
      v.shape[axis] = shape[axis];
      if (broadcast >> axis & 1) continue;
      v.strides[axis] = stride;
      stride = stride * shape[axis] + (i == order.size() - 1 ? gap : 0);
    }
    v.base = floats.size() * sizeof(float);
    for (int i = 0; i < v.rank; ++i) {
      if (flip >> i & 1 && shape[i] > 0) {
        v.offset += v.strides[i] * (shape[i] - 1);
        v.strides[i] = -v.strides[i];
      }
    }
    floats.resize(floats.size() + (stride + 15) / 16 * 16, kSentinel);
    floats.resize(floats.size() + kGuard, kSentinel);
    return v;
  }
  Memory memory() { return {reinterpret_cast<uint8_t*>(floats.data()), nullptr, nullptr}; }
  template <typename F>
  void each(const View& v, F f) {
    std::vector<int64_t> index(v.rank, 0);
    for (int64_t n = v.size(); n > 0; --n) {
      f(*at(v, index));
      for (int i = v.rank; i-- > 0;) {
        if (++index[i] < v.shape[i]) break;
        index[i] = 0;
      }
    }
  }
  float* at(const View& v, const std::vector<int64_t>& index) {
    int64_t offset = v.base / sizeof(float) + v.offset;
    for (int i = 0; i < v.rank; ++i) offset += index[i] * v.strides[i];
    return &floats[offset];
  }
};

enum class After {
  kNothing,
  kBias,
  kBiasRelu,
  kGateSelect,
  kGateMultiply,
  kScale,
  kRelu,
  kResidual,
  kAll,
  kTwoOutputs,
  kAdam,  // from here on updates
  kAdamW,
  kSgd,
  kMomentum,
  kRmsprop,
  kCount
};
bool isUpdate(After after) { return after >= After::kAdam && after < After::kCount; }

Step step(ScalarOp op, int dst, int x, int y, int z = 0) {
  const auto byte = [](int i) { return static_cast<uint8_t>(i); };
  return {static_cast<uint8_t>(op), 0, byte(dst), {byte(x), byte(y), byte(z)}, {0, 0}};
}
uint32_t word(float x) {
  uint32_t w;
  std::memcpy(&w, &x, 4);
  return w;
}

Program programOf(After after) {
  Program p;
  switch (after) {
    case After::kNothing:
    case After::kCount:
      break;
    case After::kBias:
    case After::kResidual:
      p = {2, 3, {}, {step(ScalarOp::kAdd, 2, 0, 1)}, {2}};
      break;
    case After::kBiasRelu:
      p = {2, 5, {word(0)}, {step(ScalarOp::kAdd, 3, 0, 1), step(ScalarOp::kMax, 4, 3, 2)}, {4}};
      break;
    case After::kRelu:
      p = {1, 3, {word(0)}, {step(ScalarOp::kMax, 2, 1, 0)}, {2}};
      break;
    case After::kScale:
      p = {1, 3, {word(0.5f)}, {step(ScalarOp::kMul, 2, 0, 1)}, {2}};
      break;
    case After::kGateSelect:
      p = {2, 5, {word(0)}, {step(ScalarOp::kGt, 3, 1, 2), step(ScalarOp::kSelect, 4, 3, 0, 2)}, {4}};
      break;
    case After::kGateMultiply:
      p = {2, 4, {word(0)}, {step(ScalarOp::kLt, 3, 2, 1), step(ScalarOp::kMul, 3, 3, 0)}, {3}};
      break;
    case After::kAll:  // a bias, a residual, relu and a gate
      p = {4,
           8,
           {word(0)},
           {step(ScalarOp::kAdd, 5, 0, 1), step(ScalarOp::kAdd, 6, 5, 2), step(ScalarOp::kMax, 5, 6, 4),
            step(ScalarOp::kGt, 6, 3, 4), step(ScalarOp::kSelect, 7, 6, 5, 4)},
           {7}};
      break;
    case After::kTwoOutputs:
      p = {1, 3, {word(1)}, {step(ScalarOp::kAdd, 2, 0, 1)}, {0, 2}};
      break;
    case After::kSgd:  // registers: g, w; rate
      p = {2, 5, {word(kRate)}, {step(ScalarOp::kMul, 3, 0, 2), step(ScalarOp::kSub, 4, 1, 3)}, {4}};
      break;
    case After::kMomentum:  // registers: g, u, w; rate, momentum
      p = {3,
           9,
           {word(kRate), word(kMomentum)},
           {step(ScalarOp::kMul, 5, 0, 3), step(ScalarOp::kMul, 6, 1, 4), step(ScalarOp::kSub, 7, 6, 5),
            step(ScalarOp::kAdd, 8, 2, 7)},
           {7, 8}};
      break;
    case After::kRmsprop:  // registers: g, v, w; 1 - rho, rate, epsilon
      p = {3,
           11,
           {word(kBeta2), word(kRate), word(kEpsilon)},
           {step(ScalarOp::kMul, 6, 0, 0), step(ScalarOp::kSub, 6, 6, 1), step(ScalarOp::kMul, 6, 6, 3),
            step(ScalarOp::kAdd, 7, 1, 6), step(ScalarOp::kMul, 8, 0, 4), step(ScalarOp::kAdd, 9, 7, 5),
            step(ScalarOp::kRsqrt, 9, 9, 0), step(ScalarOp::kMul, 8, 8, 9), step(ScalarOp::kSub, 10, 2, 8)},
           {7, 10}};
      break;
    case After::kAdam:  // registers: g, m, v, w; 1 - beta1, 1 - beta2, rate, epsilon, decay
    case After::kAdamW: {
      const bool decays = after == After::kAdamW;
      p = {4, 15, {word(kBeta1), word(kBeta2), word(kRate), word(kEpsilon), word(kDecay)}, {}, {9, 10, 13}};
      if (decays) p.steps = {step(ScalarOp::kMul, 14, 3, 8), step(ScalarOp::kSub, 14, 3, 14)};
      for (const Step& s :
           {step(ScalarOp::kSub, 9, 0, 1), step(ScalarOp::kMul, 9, 9, 4), step(ScalarOp::kAdd, 9, 1, 9),
            step(ScalarOp::kMul, 10, 0, 0), step(ScalarOp::kSub, 10, 10, 2), step(ScalarOp::kMul, 10, 10, 5),
            step(ScalarOp::kAdd, 10, 2, 10), step(ScalarOp::kMul, 11, 9, 6), step(ScalarOp::kSqrt, 12, 10, 0),
            step(ScalarOp::kAdd, 12, 12, 7), step(ScalarOp::kDiv, 11, 11, 12),
            step(ScalarOp::kSub, 13, decays ? 14 : 3, 11)}) {
        p.steps.push_back(s);
      }
      break;
    }
  }
  return p;
}

// Every operation rounds by itself. The state that is updated comes in the order of the outputs.
void update(After after, float g, float* const state[]) {
  const auto rounded = [](float x) {
    volatile float y = x;
    return static_cast<float>(y);
  };
  const auto averaged = [&](float old, float x, float rate) { return rounded(old + rounded(rounded(x - old) * rate)); };
  if (after == After::kSgd) {
    *state[0] -= rounded(g * kRate);
    return;
  }
  if (after == After::kMomentum) {
    *state[0] = rounded(*state[0] * kMomentum) - rounded(g * kRate);
    *state[1] += *state[0];
    return;
  }
  if (after == After::kRmsprop) {
    *state[0] = averaged(*state[0], rounded(g * g), kBeta2);
    const float root = rounded(1 / rounded(std::sqrt(rounded(*state[0] + kEpsilon))));
    *state[1] -= rounded(rounded(g * kRate) * root);
    return;
  }
  float *const m = state[0], *const v = state[1], *const w = state[2];
  const float mean = averaged(*m, g, kBeta1), square = averaged(*v, rounded(g * g), kBeta2);
  const float decayed = after == After::kAdamW ? rounded(*w - rounded(*w * kDecay)) : *w;
  const float divisor = rounded(rounded(std::sqrt(square)) + kEpsilon);
  *w = decayed - rounded(rounded(mean * kRate) / divisor);
  *m = mean;
  *v = square;
}

float expected(After after, int output, float x, const std::vector<float>& extras) {
  const float extra = extras.empty() ? 0 : extras.front();
  switch (after) {
    case After::kBias:
    case After::kResidual:
      return x + extra;
    case After::kBiasRelu:
      return std::isnan(x) || x + extra > 0 ? x + extra : 0;
    case After::kRelu:
      return std::isnan(x) || x > 0 ? x : 0;
    case After::kScale:
      return x * 0.5f;
    case After::kGateSelect:
      return extra > 0 ? x : 0;
    case After::kGateMultiply:
      return x * (extra > 0);
    case After::kAll: {
      const float v = x + extra + extras[1];
      return extras[2] > 0 ? std::isnan(v) || v > 0 ? v : 0 : 0;
    }
    case After::kTwoOutputs:
      return x + output;
    default:
      return x;
  }
}

bool same(float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); }

std::vector<int> layout(int rank, bool swapLast, bool shuffle) {
  std::vector<int> order(rank);
  for (int i = 0; i < rank; ++i) order[i] = i;
  if (swapLast) std::swap(order[rank - 1], order[rank - 2]);
  if (shuffle) std::shuffle(order.begin(), order.end(), generator);
  return order;
}

struct Sizes {
  int64_t batch, m, n, k;
  After after = After::kCount;  // else the epilogue, whatever is drawn
  bool columns = false;         // of A and rows of B have unit stride
  unsigned steady = 0;          // operands that are the same in all runs, see Instruction
};

Sizes randomSizes(const GemmKernels& gemm) {
  const auto near = [](int64_t edge, int64_t times) { return std::max<int64_t>(0, edge * pick(0, times) + pick(-1, 1)); };
  const int64_t batch = oneOf<int64_t>({1, 1, 1, 2, 3, 7});
  switch (pick(0, 9)) {
    case 0:  // a vector times a matrix and back
      return {batch, pick(1, 3), pick(1, 600), pick(1, 300)};
    case 1:
      return {batch, pick(1, 600), pick(1, 3), pick(1, 300)};
    case 2:  // k beyond what a tile of A holds
      return {1, pick(1, 40), pick(1, 150), near(512, 2)};
    case 3:  // many blocks
      return {1, pick(100, 300), pick(100, 700), pick(1, 200)};
    case 4:
      return {oneOf<int64_t>({20, 64}), pick(1, 40), pick(1, 40), pick(1, 40)};
    case 5:
      return {batch, pick(0, 3), pick(0, 3), pick(0, 3)};
    default:
      return {batch, near(gemm.rows, 4), near(gemm.panel / 2, 6), near(16, 6)};
  }
}

// The first is so deep that B is packed in slabs. The next ones have a B that blocks pack in pieces, by parts of k too where
// columns of A are read. Then come some whose rows are multiplied a few at a time, for an epilogue that is a program, two with
// so many columns of A that C^T is made, unless A is steady, some where tiles of whole panels make updates, and some where blocks
// of rows pack the same few panels.
Sizes sizesOf(int64_t number, const GemmKernels& gemm) {
  if (number == 0) return {1, 60, 330, 20000};
  if (number <= 12) return {1, 2 * gemm.rows + 1, 130, 2100};
  if (number <= 24) return {1, 5, 135, 2047};
  if (number <= 28) return {1, 19 * gemm.rows + 3, 700, 375, After::kTwoOutputs};
  if (number == 29 || number == 30) {
    const int64_t n = 40 * gemm.rows - 1, m = (1 << 19) / n + 1;
    return {1, m, n, (1 << 20) / m + 1, After::kNothing, true, number == 30};
  }
  if (number <= 100) {
    const After after = oneOf({After::kAdam, After::kAdamW, After::kSgd, After::kMomentum, After::kRmsprop});
    return {1, pick(1, 16 * gemm.rows), gemm.panel * pick(1, 9) + oneOf<int64_t>({0, 0, 5, 16}), pick(1, 400), after};
  }
  if (number <= 120) return {1, pick(8 * gemm.rows, 280), pick(2 * gemm.panel, 16 * gemm.panel), pick(100, 900)};
  return randomSizes(gemm);
}

// Returns what is wrong, or nothing.
std::string check(const Sizes& s, bool withNaN) {
  const After drawn = static_cast<After>(pick(0, static_cast<int>(After::kCount) - 1));
  const After after = s.after == After::kCount ? drawn : s.after;
  const bool updates = isUpdate(after);
  Arena arena;
  const auto operand = [&](int64_t rows, int64_t columns, bool turned) {
    std::vector<int64_t> shape{rows, columns};
    if (s.columns) return arena.add(shape, layout(2, turned, false), 0, 0, 0);
    unsigned broadcast = 0;
    if (s.batch > 1) {
      shape.insert(shape.begin(), s.batch);
      if (pick(0, 2) == 0) broadcast |= 1;
    }
    if (pick(0, 19) == 0) broadcast |= 1u << pick(0, static_cast<int64_t>(shape.size()) - 1);
    const int rank = static_cast<int>(shape.size());
    return arena.add(shape, layout(rank, pick(0, 1), pick(0, 9) == 0), oneOf<int64_t>({0, 0, 0, 3, 16}), broadcast,
                     pick(0, 9) == 0 ? static_cast<unsigned>(pick(0, 7)) : 0);
  };
  Instruction instruction{};
  instruction.opcode = static_cast<uint32_t>(Opcode::kMatmul);
  instruction.steady = s.steady;
  instruction.inputs = {operand(s.m, s.k, true), operand(s.k, s.n, false)};
  const bool bf16 = !s.columns && pick(0, 1) == 1;
  instruction.attrs = {after == After::kNothing ? 0u : 1u, bf16 ? 1u : 0u};
  instruction.program = programOf(after);
  std::vector<int64_t> shape{s.m, s.n};
  if (s.batch > 1) shape.insert(shape.begin(), s.batch);
  const int rank = static_cast<int>(shape.size());
  for (int input = 1; input < instruction.program.inputs; ++input) {
    const bool bias = input == 1 && (after == After::kBias || after == After::kBiasRelu || after == After::kAll);
    const unsigned rows = (1u << (rank - 1)) - 1;
    const unsigned broadcast = bias ? (pick(0, 9) == 0 ? (1u << rank) - 1 : rows) : 0;
    instruction.inputs.push_back(arena.add(shape, layout(rank, false, !bias && !updates && pick(0, 4) == 0), 0, broadcast, 0));
  }
  for (const View& v : instruction.inputs) {
    const int64_t range = s.k > 5000 ? 5 : s.k > 100 ? 20 : 100;  // sums stay below 2^24
    arena.each(v, [range](float& x) { x = static_cast<float>(pick(-range, range)); });
  }
  if (withNaN && instruction.inputs[0].size() > 0) {
    int64_t left = pick(0, instruction.inputs[0].size() - 1);
    arena.each(instruction.inputs[0], [&left](float& x) {
      if (left-- == 0) x = NAN;
    });
  }
  const size_t outputs = instruction.program.outputs.empty() ? 1 : instruction.program.outputs.size();
  for (size_t i = 0; i < outputs; ++i) {
    // Updates are written over what they read.
    const View output = updates ? instruction.inputs[2 + i] : arena.add(shape, layout(rank, false, false), 0, 0, 0);
    instruction.outputs.push_back(output);
  }

  std::vector<float> before = arena.floats, first;
  for (int threads : {1, 3}) {
    arena.floats = before;
    Threads::pool().setCount(threads);
    RunContext context{Threads::pool(), nullptr, nullptr, nullptr, 0};
    const std::unique_ptr<Kernel> kernel = bindMatmul(instruction, arena.memory());
    kernel->run(context);
    kernel->run(context);
    if (threads == 1) {
      first = arena.floats;
    } else if (std::memcmp(first.data(), arena.floats.data(), first.size() * sizeof(float)) != 0) {
      return "bits depend on the number of threads";
    }
  }

  // What must be there, everywhere.
  Arena want;
  want.floats = before;
  std::vector<int64_t> index(rank), ia, ib;
  for (int64_t item = 0; item < s.batch; ++item) {
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        float sum = 0;
        ia = index = ib = s.batch > 1 ? std::vector<int64_t>{item, i, j} : std::vector<int64_t>{i, j};
        // Along k by strides: finding each address anew takes minutes under an emulator.
        ia[rank - 1] = ib[rank - 2] = 0;
        const float *a = want.at(instruction.inputs[0], ia), *b = want.at(instruction.inputs[1], ib);
        const int64_t nextA = instruction.inputs[0].strides[rank - 1], nextB = instruction.inputs[1].strides[rank - 2];
        for (int64_t p = 0; p < s.k; ++p) sum += a[p * nextA] * b[p * nextB];
        if (updates) {
          float* at[3] = {};
          for (size_t o = 0; o < outputs; ++o) at[o] = want.at(instruction.outputs[o], index);
          for (int run = 0; run < 2; ++run) update(after, sum, at);
          continue;
        }
        std::vector<float> extras;
        for (size_t e = 2; e < instruction.inputs.size(); ++e) extras.push_back(*want.at(instruction.inputs[e], index));
        for (size_t o = 0; o < outputs; ++o) {
          *want.at(instruction.outputs[o], index) = expected(after, static_cast<int>(o), sum, extras);
        }
      }
    }
  }
  for (size_t i = 0; i < want.floats.size(); ++i) {
    if (same(want.floats[i], arena.floats[i])) continue;
    const auto strides = [](std::ostringstream& text, const View& v) {
      for (int axis = 0; axis < v.rank; ++axis) text << ' ' << v.strides[axis];
    };
    std::ostringstream text;
    text << "float " << i << " is " << arena.floats[i] << ", want " << want.floats[i] << ": batch " << s.batch << " m "
         << s.m << " n " << s.n << " k " << s.k << " epilogue " << static_cast<int>(after) << " a strides";
    strides(text, instruction.inputs[0]);
    text << " b strides";
    strides(text, instruction.inputs[1]);
    return text.str();
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t cases = argc > 1 ? std::atoll(argv[1]) : 3000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  size_t targets = 0;
  const Simd* const* list = simdTargets(&targets);
  int64_t failures = 0;
  for (size_t t = 0; t < targets; ++t) {
    selectSimd(list[t]->name);
    for (int64_t i = 0; i < cases && failures < 10; ++i) {
      generator.seed(seed * 1000003 + static_cast<uint64_t>(i));
      const std::string wrong = check(sizesOf(i, *list[t]->gemm), i % 16 == 1);
      if (wrong.empty()) continue;
      ++failures;
      std::printf("%s case %lld: %s\n", list[t]->name, static_cast<long long>(i), wrong.c_str());
    }
    std::printf("%s: %lld cases, %lld differences\n", list[t]->name, static_cast<long long>(cases),
                static_cast<long long>(failures));
  }
  return failures != 0;
}
