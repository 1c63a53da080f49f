// Every compiled run of steps (native/cpu/simd/fused_runs.inc) against the same steps run one by one: the same bits, on
// every CPU target, for lengths around the vectors' and with special values. Fails on the first difference of a run. Built
// with native/cpu/simd/{simd,target_*}.cc, each target with its flags of native/sources.json.
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "../../native/cpu/simd/program.h"
#include "../../native/cpu/simd/table.h"

namespace {

using namespace steepest;

constexpr const char* kNames[] = {
#define STEEPEST_FUSED(name, text) name,
#include "../../native/cpu/simd/fused_runs.inc"
};
constexpr float kSpecial[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-30f, -1e30f, 3e38f, std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
constexpr int64_t kGuard = 32;
constexpr float kSentinel = 12345.0f;

std::mt19937 random(11);

std::vector<float> draw(int64_t n, bool special) {
  std::normal_distribution<float> normal;
  std::vector<float> x;
  for (int64_t i = 0; i < n; ++i) x.push_back(special && random() % 4 == 0 ? kSpecial[random() % 10] : normal(random));
  return x;
}

// NaN is NaN, whatever its payload.
bool same(float a, float b) { return (a != a && b != b) || std::memcmp(&a, &b, 4) == 0; }

// Values of all steps, one loop after the other.
std::vector<std::vector<float>> runSteps(const Simd& simd, const FusedRun& run, std::vector<std::vector<float>> values,
                                         int64_t n) {
  for (int s = 0; s < run.steps; ++s) {
    const FusedStep& step = run.step[s];
    std::vector<float> result(static_cast<size_t>(n));
    void* slots[] = {nullptr, nullptr, nullptr, result.data()};
    unsigned uniform = 0;
    std::vector<float> spread[3];
    for (int k = 0; k < step.arity; ++k) {
      slots[k] = values[step.args[k]].data();
      if (step.args[k] < run.operands && run.uniform[step.args[k]]) uniform |= 1u << k;
    }
    // Steps on numbers only have no loop of their own.
    if (uniform == (1u << step.arity) - 1 || simd.tile->find(step.op, Lane::kFloat, uniform) == nullptr) {
      for (int k = 0; k < step.arity; ++k) {
        if ((uniform >> k & 1) == 0) continue;
        spread[k].assign(static_cast<size_t>(n), values[step.args[k]][0]);
        slots[k] = spread[k].data();
      }
      uniform = 0;
    }
    const SimdStep bound = {simd.tile->find(step.op, Lane::kFloat, uniform), {0, 1, 2}, 3, {0, 0}, {}};
    bound.run(bound, slots, n, 0);
    values.push_back(result);
  }
  return values;
}

// With `inPlace`, the outputs lie where the first operands do.
bool check(const Simd& simd, int index, int64_t n, bool special, bool inPlace) {
  const FusedRun& run = kFusedRuns[index];
  std::vector<std::vector<float>> operands, memory;
  for (int k = 0; k < run.operands; ++k) {
    operands.push_back(draw(run.uniform[k] ? 1 : n, special));
    memory.push_back(operands.back());
    memory.back().resize(static_cast<size_t>(n + kGuard), kSentinel);
  }
  const std::vector<std::vector<float>> expected = runSteps(simd, run, operands, n);

  std::vector<void*> slots;
  SimdStep step{};
  step.run = simd.tile->fused(index);
  for (int k = 0; k < run.operands; ++k) {
    step.fused[k] = static_cast<uint16_t>(k);
    slots.push_back(memory[static_cast<size_t>(k)].data());
  }
  std::vector<std::vector<float>> results(static_cast<size_t>(run.outputs),
                                          std::vector<float>(static_cast<size_t>(n + kGuard), kSentinel));
  int operand = 0;
  for (int j = 0; j < run.outputs; ++j) {
    step.fused[run.operands + j] = static_cast<uint16_t>(slots.size());
    while (inPlace && operand < run.operands && run.uniform[operand]) ++operand;
    slots.push_back(inPlace && operand < run.operands ? slots[static_cast<size_t>(operand++)]
                                                      : results[static_cast<size_t>(j)].data());
  }
  step.run(step, slots.data(), n, 0);

  int output = 0;
  for (int s = 0; s < run.steps; ++s) {
    if (!run.stored[s]) continue;
    const float* got = static_cast<const float*>(slots[static_cast<size_t>(run.operands + output++)]);
    for (int64_t i = 0; i < n + kGuard; ++i) {
      const float wanted = i < n ? expected[static_cast<size_t>(run.operands + s)][static_cast<size_t>(i)] : kSentinel;
      if (same(got[i], wanted)) continue;
      std::printf("%s, %s: step %d, element %lld of %lld is %.9g: expected %.9g  FAILED\n", simd.name, kNames[index], s,
                  static_cast<long long>(i), static_cast<long long>(n), got[i], wanted);
      return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  size_t count = 0;
  const Simd* const* targets = simdTargets(&count);
  int failures = 0;
  for (size_t t = 0; t < count; ++t) {
    for (int run = 0; run < kFusedRunCount; ++run) {
      bool passed = true;
      for (int64_t n : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 100, 1000}) {
        for (int draws = 0; passed && draws < 8; ++draws) passed = check(*targets[t], run, n, draws % 2, draws % 4 > 1);
      }
      if (!passed) ++failures;
    }
    std::printf("%s: %d runs\n", targets[t]->name, kFusedRunCount);
  }
  return failures == 0 ? 0 : 1;
}
