// State, the plans that work on it, and a thread that runs jobs in the order they came.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "backend.h"
#include "executor.h"
#include "job.h"
#include "turnstile.h"

namespace steepest {

// All functions are called from one thread, the owner's. Only `Done` runs on the session's own.
class Session {
 public:
  using Done = std::function<void(JobResult)>;  // must not throw

  Session(uint64_t stateBytes, std::unique_ptr<Backend> backend);  // throws OutOfMemory
  ~Session();                                                      // close()
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Throws PlanError, OutOfMemory, and what binding a kernel throws; the session is unchanged then.
  uint32_t addPlan(const uint32_t* words, size_t count);
  // Forgets a plan and frees its memory, once no queued job runs it. Its number is not given to another one.
  void dropPlan(uint32_t plan);
  // Dropped ones are null.
  const std::vector<std::shared_ptr<Executor>>& plans() const { return plans_; }

  // Between two steps of a running job. The range must lie inside the state. They throw DeviceError.
  void readState(uint64_t byteOffset, void* target, uint64_t bytes);
  void writeState(uint64_t byteOffset, const void* source, uint64_t bytes);
  uint64_t stateBytes() const { return state_->size(); }

  // One step on the calling thread. Feeds and fetches fit the plan. Throws DeviceError and OutOfMemory.
  DataError runSync(uint32_t plan, const FeedSource* feeds, const FetchTarget* fetches);

  // Throws JobError or std::system_error (no thread to be had) before anything is queued.
  void submit(std::unique_ptr<Job> job, Done done);
  // The running job and the queued ones stop before their next step: the state is that of whole steps.
  void abort();
  // Aborts, and does not wait for loops inside the step to run to their end: the state is no longer of use.
  void abandon();
  // Abandons, waits for the thread and ends it. Every job has been reported then.
  void close();

  // Memory of the state and all plans.
  uint64_t bytes() const { return bytes_; }

 private:
  struct Queued {
    std::unique_ptr<Job> job;
    std::vector<std::shared_ptr<Executor>> plans;  // by segment; plans_ may change while the job runs
    uint64_t abortEpoch;
    Done done;
  };

  void work();
  JobResult runJob(const Queued& queued);

  const std::unique_ptr<Backend> backend_;  // outlives what was made by it
  std::unique_ptr<Buffer> state_;
  uint64_t stateVersion_ = 1;  // under the turnstile, as what it counts
  std::vector<std::shared_ptr<Executor>> plans_;
  uint64_t bytes_;
  Turnstile turnstile_;
  std::atomic<uint64_t> abortEpoch_{0};
  std::atomic<bool> abandoned_{false};

  std::mutex mutex_;  // of the queue
  std::condition_variable wake_;
  std::deque<Queued> queue_;
  bool closing_ = false;
  std::thread thread_;  // started by the first job
};

// Sessions in the process.
int64_t sessionsAlive();

}  // namespace steepest
