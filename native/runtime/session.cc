#include "session.h"

#include <utility>

#include "loop.h"

namespace steepest {
namespace {

std::atomic<int64_t> alive{0};

}  // namespace

int64_t sessionsAlive() { return alive.load(std::memory_order_relaxed); }

Session::Session(uint64_t stateBytes, std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)), state_(backend_->allocate(stateBytes)), bytes_(stateBytes) {
  alive.fetch_add(1, std::memory_order_relaxed);
}

Session::~Session() {
  close();
  alive.fetch_sub(1, std::memory_order_relaxed);
}

uint32_t Session::addPlan(const uint32_t* words, size_t count) {
  Plan plan = decode(words, count);
  if (plan.stateBytes > state_->size()) {
    throw PlanError("plan: needs a state of " + std::to_string(plan.stateBytes) + " bytes, the session has " +
                    std::to_string(state_->size()));
  }
  plans_.push_back(std::make_shared<Executor>(std::move(plan), *backend_, state_->data(), &stateVersion_));
  bytes_ += plans_.back()->bytes();
  return static_cast<uint32_t>(plans_.size() - 1);
}

void Session::dropPlan(uint32_t plan) {
  bytes_ -= plans_[plan]->bytes();
  plans_[plan].reset();
}

void Session::readState(uint64_t byteOffset, void* target, uint64_t bytes) {
  std::lock_guard lock(turnstile_);
  backend_->read(target, state_->data() + byteOffset, bytes);
}

void Session::writeState(uint64_t byteOffset, const void* source, uint64_t bytes) {
  std::lock_guard lock(turnstile_);
  backend_->write(state_->data() + byteOffset, source, bytes);
  ++stateVersion_;
}

DataError Session::runSync(uint32_t plan, const FeedSource* feeds, const FetchTarget* fetches) {
  Executor& executor = *plans_[plan];
  std::lock_guard lock(turnstile_);  // until what the backend has for the step is gone, if it fails too
  RunContext context{Threads::pool(), feeds, fetches, nullptr, 0};
  context.abandoned = &abandoned_;
  backend_->begin(context, executor.feeds(), executor.fetches());
  backend_->run(executor, context, 1);
  backend_->end(context);
  return static_cast<DataError>(context.error.load(std::memory_order_relaxed));
}

void Session::submit(std::unique_ptr<Job> job, Done done) {
  validateJob(*job, plans_, state_->size());
  Queued queued{std::move(job), {}, abortEpoch_.load(std::memory_order_relaxed), std::move(done)};
  for (const Job::Segment& segment : queued.job->segments) queued.plans.push_back(plans_[segment.plan]);
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(queued));
  }
  wake_.notify_one();
}

void Session::abort() { abortEpoch_.fetch_add(1, std::memory_order_relaxed); }

void Session::abandon() {
  abandoned_.store(true, std::memory_order_relaxed);
  abort();
}

void Session::close() {
  abandon();
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// Runs jobs until the session closes and none is left.
void Session::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Queued queued = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();

    JobResult result = runJob(queued);
    // Lets go of its storages and plans before the owner hears of it.
    queued.job.reset();
    queued.plans.clear();
    queued.done(std::move(result));
  }
}

JobResult Session::runJob(const Queued& queued) {
  try {
    const Stop stop = {abortEpoch_, queued.abortEpoch, abandoned_};
    return Loop(*queued.job, queued.plans, *backend_, state_->data(), &stateVersion_, turnstile_, stop).run();
  } catch (...) {
    JobResult result;
    result.error = std::current_exception();
    return result;
  }
}

}  // namespace steepest
