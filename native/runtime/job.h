// A range of training steps as data. Semantics: lib/runtime/addon.ts, `Job`.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "executor.h"
#include "profile.h"
#include "storage.h"

namespace steepest {

struct Job {
  struct Segment {
    uint32_t plan;
    uint64_t rows;
    uint64_t steps;
  };
  struct Feed {
    std::shared_ptr<Storage> storage;
    HostType type;
    uint64_t rows;
  };
  struct Fetch {
    void* data;  // stays until the job has ended
    HostType type;
    uint64_t bytes, rows;
  };
  struct Metrics {
    uint64_t byteOffset;
    uint64_t count;
  };
  struct Profiled {
    uint64_t events;  // to keep
  };
  struct Watch {
    uint64_t byteOffset;
    bool stop;
  };

  std::vector<Segment> segments;
  std::vector<Feed> feeds;
  std::vector<Fetch> fetches;
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t firstRow = 0;
  std::optional<uint32_t> seed;  // shuffles when present
  std::optional<Metrics> metrics;
  std::optional<Watch> watch;
  std::optional<Profiled> profile;
};

struct JobResult {
  enum class Reason { kDone, kAborted, kNonFinite, kLabel, kIndex };
  Reason reason = Reason::kDone;
  uint64_t next = 0;
  int64_t nonFiniteStep = -1;
  std::vector<float> log;
  double seconds = 0;
  std::unique_ptr<Profile> profile;
  std::exception_ptr error;  // when set, the rest does not count
};

// A job that does not fit the session or its plans. The message names the part.
struct JobError : std::range_error {
  using std::range_error::range_error;
};

// Throws JobError. All sums of rows and steps fit 53 bits afterwards, and shuffled rows fit 32.
void validateJob(const Job& job, const std::vector<std::shared_ptr<Executor>>& plans, uint64_t stateBytes);

}  // namespace steepest
