#include "job.h"

#include "host.h"

namespace steepest {
namespace {

constexpr uint64_t kMaxCount = uint64_t{1} << 53;
constexpr uint64_t kMaxProfiled = 1000000;          // steps
constexpr uint64_t kMaxEvents = uint64_t{1} << 22;  // 96 MB

[[noreturn]] void fail(const std::string& message) { throw JobError("job." + message); }

std::string item(const char* list, size_t index) { return std::string(list) + "[" + std::to_string(index) + "]"; }

// a * b, or failure where that is over 2^53.
uint64_t product(uint64_t a, uint64_t b, const std::string& name) {
  if (a != 0 && b > kMaxCount / a) fail(name + " is too large");
  return a * b;
}

void expectSlots(const char* what, size_t expected, size_t got, uint32_t plan) {
  if (expected != got) {
    fail(std::string(what) + ": plan " + std::to_string(plan) + " has " + std::to_string(expected) + ", got " +
         std::to_string(got));
  }
}

void expectRows(const View& slot, const Job::Segment& segment, const char* what, size_t index) {
  if (rowsOf(slot) != segment.rows) {
    fail("segments: rows is " + std::to_string(segment.rows) + " but " + item(what, index) + " of plan " +
         std::to_string(segment.plan) + " has " + std::to_string(rowsOf(slot)));
  }
}

void expectBytes(uint64_t bytes, uint64_t rows, uint64_t bytesPerRow, const std::string& name, const char* memory) {
  if (product(rows, bytesPerRow, name + ".rows") > bytes) {
    fail(name + "." + memory + ": " + std::to_string(rows) + " rows of " + std::to_string(bytesPerRow) +
         " bytes do not fit its " + std::to_string(bytes) + " bytes");
  }
}

void expectRange(uint64_t end, uint64_t rows, const std::string& name) {
  if (end > rows) {
    fail(name + ".rows: an epoch uses rows up to " + std::to_string(end) + ", got " + std::to_string(rows));
  }
}

void validateSegment(const Job& job, const Job::Segment& segment, const Executor& plan) {
  expectSlots("feeds", plan.feeds().size(), job.feeds.size(), segment.plan);
  expectSlots("fetches", plan.fetches().size(), job.fetches.size(), segment.plan);
  for (size_t i = 0; i < job.feeds.size(); ++i) {
    const View& slot = plan.feeds()[i];
    const Job::Feed& feed = job.feeds[i];
    expectRows(slot, segment, "feeds", i);
    if (!converts(feed.type, slot.dtype)) fail(item("feeds", i) + ".type does not convert to the dtype of the plan");
    expectBytes(feed.storage->size(), feed.rows, elementsPerRow(slot) * sizeOf(feed.type), item("feeds", i), "storage");
  }
  for (size_t i = 0; i < job.fetches.size(); ++i) {
    const View& slot = plan.fetches()[i];
    expectRows(slot, segment, "fetches", i);
    const Job::Fetch& fetch = job.fetches[i];
    if (fetch.type != hostTypeOf(slot.dtype)) fail(item("fetches", i) + ".array is not of the dtype of the plan");
    expectBytes(fetch.bytes, fetch.rows, elementsPerRow(slot) * sizeOf(slot.dtype), item("fetches", i), "array");
  }
}

void expectState(uint64_t byteOffset, uint64_t count, uint64_t stateBytes, const char* name) {
  if (byteOffset % 4 != 0 || count > stateBytes / 4 || byteOffset > stateBytes - count * 4) {
    fail(std::string(name) + ": expected " + std::to_string(count) + " float32 inside the state of " +
         std::to_string(stateBytes) + " bytes, got byteOffset " + std::to_string(byteOffset));
  }
}

// Instructions are numbered in one plan.
void validateProfile(const Job& job) {
  if (job.segments.size() != 1) {
    fail("profile: expected one segment, got " + std::to_string(job.segments.size()));
  }
  if (job.end - job.begin > kMaxProfiled) {
    fail("profile: at most " + std::to_string(kMaxProfiled) + " steps, got " + std::to_string(job.end - job.begin));
  }
  if (job.profile->events > kMaxEvents) {
    fail("profile.events: at most " + std::to_string(kMaxEvents) + ", got " + std::to_string(job.profile->events));
  }
}

}  // namespace

void validateJob(const Job& job, const std::vector<std::shared_ptr<Executor>>& plans, uint64_t stateBytes) {
  if (job.segments.empty()) fail("segments: expected at least one");
  uint64_t rows = 0;
  uint64_t steps = 0;
  for (size_t i = 0; i < job.segments.size(); ++i) {
    const Job::Segment& segment = job.segments[i];
    const std::string name = item("segments", i);
    if (segment.plan >= plans.size() || !plans[segment.plan]) {
      fail(name + ".plan: there is no plan " + std::to_string(segment.plan));
    }
    if (segment.rows == 0) fail(name + ".rows: expected at least 1");
    if (segment.steps == 0) fail(name + ".steps: expected at least 1");
    validateSegment(job, segment, *plans[segment.plan]);
    rows += product(segment.rows, segment.steps, name);
    steps += segment.steps;
    if (rows > kMaxCount || steps > kMaxCount) fail("segments: too many rows or steps");
  }
  if (job.begin > job.end) {
    fail("begin: expected at most job.end, " + std::to_string(job.end) + ", got " + std::to_string(job.begin));
  }
  const uint64_t lastRow = job.firstRow + rows;
  for (size_t i = 0; i < job.feeds.size(); ++i) expectRange(lastRow, job.feeds[i].rows, item("feeds", i));
  for (size_t i = 0; i < job.fetches.size(); ++i) expectRange(lastRow, job.fetches[i].rows, item("fetches", i));
  if (job.seed && lastRow > UINT32_MAX) fail("shuffle: at most 4294967295 rows can be shuffled");
  if (job.metrics) expectState(job.metrics->byteOffset, job.metrics->count, stateBytes, "metrics");
  if (job.profile) validateProfile(job);
  if (job.watch) expectState(job.watch->byteOffset, 1, stateBytes, "watch");
}

}  // namespace steepest
