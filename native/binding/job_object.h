// Job and JobResult of lib/runtime/addon.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "../runtime/job.h"

namespace steepest {

// Runs arbitrary JavaScript (getters); check what it may have changed afterwards.
std::unique_ptr<Job> readJob(const Napi::Value& value);

Napi::Object writeResult(Napi::Env env, const JobResult& result);

}  // namespace steepest
