// Job and JobResult of lib/runtime/addon.ts.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "../runtime/job.h"

namespace steepest {

// Runs arbitrary JavaScript (getters); check what it may have changed afterwards.
// `arrays` are those that the job writes: they have to stay until it has ended.
std::unique_ptr<Job> readJob(const Napi::Value& value, std::vector<Napi::Value>* arrays);

Napi::Object writeResult(Napi::Env env, const JobResult& result);

}  // namespace steepest
