// Session of lib/runtime/addon.ts.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "../runtime/session.h"
#include "arguments.h"
#include "environment.h"

namespace steepest {

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SessionObject(const Napi::CallbackInfo& info);
  ~SessionObject() override;

  // For the environment: the sessions it knows have one.
  Session& native() const { return *session_; }
  // Resolves or rejects the promise of a job that has ended.
  void settle(PendingJob& job);

 private:
  void readState(const Napi::CallbackInfo& info);
  void writeState(const Napi::CallbackInfo& info);
  Napi::Value addPlan(const Napi::CallbackInfo& info);
  void dropPlan(const Napi::CallbackInfo& info);
  void runSync(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  void abort(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  Session& session() const;  // throws when disposed
  uint32_t planNumber(const Napi::Value& value) const;
  void accountMemory(int64_t bytes);
  void release();

  std::shared_ptr<Environment> environment_;
  std::unique_ptr<Session> session_;
  bool disposed_ = false;
  int64_t pending_ = 0;    // jobs; while there are any, this object and session_ stay
  int64_t accounted_ = 0;  // bytes that the garbage collector knows of
};

}  // namespace steepest
