// A plan bound to memory: what one step runs.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdint>
#include <string>
#include <memory>
#include <vector>

#include "allocator.h"
#include "kernel.h"

namespace steepest {

// Not thread-safe: a plan has one arena, so the session runs one step at a time.
class Executor {
 public:
  // Binds every instruction. Throws OutOfMemory, and std::exception from a kernel that cannot be bound.
  // `state` outlives the executor and has plan.stateBytes or more.
  Executor(Plan plan, uint8_t* state);

  void run(RunContext& context) {
    if (times_.empty()) times_.resize(kernels_.size() + 1);
    auto t = std::chrono::steady_clock::now();
    const auto t0 = t;
    for (size_t i = 0; i < kernels_.size(); ++i) {
      kernels_[i]->run(context);
      const auto u = std::chrono::steady_clock::now();
      times_[i].push_back(std::chrono::duration<float>(u - t).count());
      t = u;
    }
    times_.back().push_back(std::chrono::duration<float>(t - t0).count());
  }

  const std::vector<View>& feeds() const { return feeds_; }
  const std::vector<View>& fetches() const { return fetches_; }
  uint64_t bytes() const { return arena_.size() + constants_.size(); }

 private:
  std::vector<View> feeds_;
  std::vector<View> fetches_;
  Allocation arena_;
  Allocation constants_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<std::vector<float>> times_;
  std::vector<std::string> names_;

 public:
  ~Executor() { dump(); }
  void dump() {
    if (times_.empty() || times_[0].size() < 50) return;
    const auto q = [](std::vector<float>& v, double at) { size_t k = v.size() * at; std::nth_element(v.begin(), v.begin() + k, v.end()); return v[k] * 1e6; };
    std::fprintf(stderr, "steps %zu us/step median %.2f p20 %.2f\n", times_[0].size(), q(times_.back(), .5), q(times_.back(), .2));
    for (size_t i = 0; i + 1 < times_.size(); ++i)
      std::fprintf(stderr, "%9.2f %9.2f us  %s\n", q(times_[i], .5), q(times_[i], .2), names_[i].c_str());
  }
};

}  // namespace steepest
