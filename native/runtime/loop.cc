#include "loop.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "permutation.h"

namespace steepest {

Loop::Loop(const Job& job, const std::vector<std::shared_ptr<Executor>>& plans, Backend& backend, uint8_t* state,
           uint64_t* stateVersion, Turnstile& turnstile, const Stop& stop)
    : job_(job),
      plans_(plans),
      backend_(backend),
      state_(state),
      stateVersion_(stateVersion),
      turnstile_(turnstile),
      stop_(stop),
      profile_(job.profile
                   ? std::make_unique<Profile>(plans.front()->instructions(), job.end - job.begin, job.profile->events)
                   : nullptr),
      threads_(profile_ && profile_->watchesChunks() ? profile_.get() : nullptr),
      context_{threads_, nullptr, nullptr, nullptr, 0},
      step_(job.begin) {
  for (const Job::Feed& feed : job.feeds) {
    feeds_.push_back({feed.storage->data(), feed.type, feed.rows, feed.storage.get()});
  }
  for (const Job::Fetch& fetch : job.fetches) {
    fetches_.push_back({fetch.data, fetch.rows});
  }
  for (const Job::Segment& segment : job.segments) {
    stepsPerEpoch_ += segment.steps;
    rowsPerEpoch_ += segment.rows * segment.steps;
  }
  context_.abandoned = &stop_.abandoned;
  context_.profile = profile_.get();
  context_.feeds = feeds_.data();
  context_.fetches = fetches_.data();
  // Indexed by row number, like the feeds: the rows before the first one stay unused (and untouched).
  if (job.seed) order_ = Allocation((job.firstRow + rowsPerEpoch_) * sizeof(uint32_t));
  if (job.watch) {
    context_.watched = state + job.watch->byteOffset;
    context_.stopsAtNonFinite = job.watch->stop;
  }
}

JobResult Loop::run() {
  const auto start = std::chrono::steady_clock::now();
  {
    std::lock_guard lock(turnstile_);
    try {
      backend_.begin(context_, plans_.front()->feeds(), plans_.front()->fetches());
      while (step_ < job_.end && !stopped_) runEpoch(step_ / stepsPerEpoch_);
      backend_.end(context_);
    } catch (...) {
      context_.run.reset();  // in its turn
      throw;
    }
    if (!stopped_) inspect();
  }
  result_.next = step_;
  result_.profile = std::move(profile_);
  result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(result_);
}

// The rest of an epoch from step_ on.
void Loop::runEpoch(uint64_t epoch) {
  if (stop_.requested()) return stop(JobResult::Reason::kAborted);
  if (job_.seed) {
    auto* order = reinterpret_cast<uint32_t*>(order_.data());
    const auto first = static_cast<uint32_t>(job_.firstRow);
    shuffle(order + first, first, static_cast<uint32_t>(rowsPerEpoch_), *job_.seed, epoch);
    context_.order = order;
    backend_.reorder(context_, first + rowsPerEpoch_);
  }
  uint64_t skip = step_ - epoch * stepsPerEpoch_;
  uint64_t row = job_.firstRow;
  for (size_t i = 0; i < job_.segments.size() && step_ < job_.end && !stopped_; ++i) {
    const Job::Segment& segment = job_.segments[i];
    const uint64_t skipped = std::min(skip, segment.steps);
    skip -= skipped;
    runSegment(segment, *plans_[i], row + skipped * segment.rows, std::min(segment.steps - skipped, job_.end - step_));
    row += segment.steps * segment.rows;
  }
  if (step_ == (epoch + 1) * stepsPerEpoch_) endEpoch();
}

void Loop::runSegment(const Job::Segment& segment, Executor& plan, uint64_t row, uint64_t steps) {
  context_.rows = segment.rows;
  context_.endRow = row + steps * segment.rows;
  for (const uint64_t end = step_ + steps; step_ < end && !stopped_;) {
    const uint64_t begin = profile_ ? profile_->now() : 0;
    if (turnstile_.contended()) {
      turnstile_.unlock();
      turnstile_.lock();
    }
    if (stop_.requested()) return stop(JobResult::Reason::kAborted);
    context_.firstRow = row;
    context_.step = step_;
    const uint64_t done = backend_.run(plan, context_, profile_ ? 1 : end - step_);
    if (context_.isAbandoned()) return stop(JobResult::Reason::kAborted);
    step_ += done;
    row += done * segment.rows;
    inspect();
    if (profile_) profile_->addStep(begin, profile_->now());
  }
}

void Loop::inspect() {
  if (context_.nonFiniteStep >= 0) {
    result_.nonFiniteStep = context_.nonFiniteStep;
    if (context_.stopsAtNonFinite) stop(JobResult::Reason::kNonFinite);
  }
  const auto error = static_cast<DataError>(context_.error.load(std::memory_order_relaxed));
  if (error == DataError::kNone) return;
  if (context_.errorStep >= 0) step_ = static_cast<uint64_t>(context_.errorStep) + 1;
  stop(error == DataError::kLabel ? JobResult::Reason::kLabel : JobResult::Reason::kIndex);
}

void Loop::endEpoch() {
  if (!job_.metrics) return;
  uint8_t* const metrics = state_ + job_.metrics->byteOffset;
  const size_t count = job_.metrics->count;
  result_.log.resize(result_.log.size() + count);
  if (count > 0) {
    backend_.read(result_.log.data() + result_.log.size() - count, metrics, count * sizeof(float));
    backend_.clear(metrics, count * sizeof(float));
    ++*stateVersion_;
  }
}

void Loop::stop(JobResult::Reason reason) {
  result_.reason = reason;
  stopped_ = true;
}

}  // namespace steepest
