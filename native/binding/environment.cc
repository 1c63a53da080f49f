#include "environment.h"

#include <utility>

#include "session_object.h"

namespace steepest {
namespace {

using Shared = std::shared_ptr<Environment>;

void check(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

void Environment::create(Napi::Env env) { env.SetInstanceData(new Shared(std::make_shared<Environment>(env))); }

Shared Environment::of(Napi::Env env) { return *env.GetInstanceData<Shared>(); }

Environment::Environment(Napi::Env env) : env_(env) {
  const Napi::String name = Napi::String::New(env, "steepest");
  check(env,
        napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, settleAll, &wake_));
  check(env, napi_unref_threadsafe_function(env, wake_));
  // Hooks run last in, first out: this one before the thread-safe function's own, which sessions may still call.
  check(env, napi_add_env_cleanup_hook(env, close, this));
}

void Environment::begin() {
  if (pending_++ == 0) napi_ref_threadsafe_function(env_, wake_);
}

void Environment::complete(std::shared_ptr<PendingJob> job) {
  {
    std::lock_guard lock(mutex_);
    completed_.push_back(std::move(job));
  }
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Environment::settleAll(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // Node is leaving
  auto* self = static_cast<Environment*>(context);
  std::vector<std::shared_ptr<PendingJob>> jobs;
  {
    std::lock_guard lock(self->mutex_);
    jobs.swap(self->completed_);
  }
  for (const auto& job : jobs) {
    Napi::HandleScope scope(env);
    job->session->settle(*job);
    if (--self->pending_ == 0) napi_unref_threadsafe_function(env, self->wake_);
  }
}

void Environment::close(void* context) {
  auto* self = static_cast<Environment*>(context);
  self->closing_ = true;
  // All stop at once; then each is waited for, a kernel or two at most.
  for (SessionObject* session : self->sessions_) session->native().abandon();
  for (SessionObject* session : self->sessions_) session->native().close();
  napi_release_threadsafe_function(self->wake_, napi_tsfn_abort);
}

}  // namespace steepest
