// The training loop: steps of a job, one after the other, on the thread of a session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "job.h"
#include "turnstile.h"

namespace steepest {

// When a job has to stop: before a step once `abortEpoch` is no longer `epoch`; inside of it when abandoned.
struct Stop {
  const std::atomic<uint64_t>& abortEpoch;
  const uint64_t epoch;
  const std::atomic<bool>& abandoned;

  bool requested() const { return abortEpoch.load(std::memory_order_relaxed) != epoch; }
};

class Loop {
 public:
  // `job` has been validated against `plans`.
  Loop(const Job& job, const std::vector<std::shared_ptr<Executor>>& plans, Backend& backend, uint8_t* state,
       uint64_t* stateVersion, Turnstile& turnstile, const Stop& stop);

  // Holds the turnstile except where somebody else wants a turn between two steps. Throws std::bad_alloc and DeviceError.
  JobResult run();

 private:
  void runEpoch(uint64_t epoch);
  void runSegment(const Job::Segment& segment, Executor& plan, uint64_t row, uint64_t steps);
  void inspect();  // after a step: bad data, numbers that are not finite
  void endEpoch();
  void stop(JobResult::Reason reason);

  const Job& job_;
  const std::vector<std::shared_ptr<Executor>>& plans_;  // by segment
  Backend& backend_;
  uint8_t* const state_;
  uint64_t* const stateVersion_;
  Turnstile& turnstile_;
  const Stop stop_;

  std::vector<FeedSource> feeds_;
  std::vector<FetchTarget> fetches_;
  std::unique_ptr<Profile> profile_;  // when the job wants one
  Threads threads_;
  RunContext context_;
  Allocation order_;
  uint64_t rowsPerEpoch_ = 0;
  uint64_t stepsPerEpoch_ = 0;
  uint64_t step_;
  bool stopped_ = false;
  JobResult result_;
};

}  // namespace steepest
