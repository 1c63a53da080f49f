// What the addon keeps for each Node environment (the main thread, or a worker): sessions, and promises to settle.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <vector>

#include "../runtime/job.h"

namespace steepest {

class SessionObject;

// A job between run() and the settling of its promise.
struct PendingJob {
  SessionObject* session;  // kept alive by a reference until the promise is settled
  std::optional<Napi::Promise::Deferred> deferred;
  std::vector<napi_ref> arrays;  // that the job writes
  JobResult result;
};

class Environment {
 public:
  // Installs one in `env`. It outlives the objects of the environment, which share it.
  static void create(Napi::Env env);
  static std::shared_ptr<Environment> of(Napi::Env env);

  explicit Environment(Napi::Env env);

  void add(SessionObject* session) { sessions_.insert(session); }
  void remove(SessionObject* session) { sessions_.erase(session); }

  // A job was queued: Node stays alive until as many have been completed.
  void begin();
  // From the thread of a session.
  void complete(std::shared_ptr<PendingJob> job);

  // Node is leaving: no JavaScript runs any more.
  bool closing() const { return closing_; }

 private:
  static void settleAll(napi_env env, napi_value, void* self, void*);
  static void close(void* self);

  napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  int64_t pending_ = 0;
  bool closing_ = false;
  std::unordered_set<SessionObject*> sessions_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<PendingJob>> completed_;
};

}  // namespace steepest
