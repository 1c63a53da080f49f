#include "job_object.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "arguments.h"
#include "storage_object.h"

namespace steepest {
namespace {

HostType hostType(const Napi::Value& value, const std::string& name) {
  const std::string type = string(value, name);
  if (type == "float32") return HostType::kFloat32;
  if (type == "int32") return HostType::kInt32;
  if (type == "uint8") return HostType::kUint8;
  if (type == "bool") return HostType::kBool;
  if (type == "int8") return HostType::kInt8;
  if (type == "bfloat16") return HostType::kBfloat16;
  throw Napi::RangeError::New(
      value.Env(), name + ": expected 'float32', 'int32', 'uint8', 'bool', 'int8' or 'bfloat16', got '" + type + "'");
}

// Calls read(item, "job.list[i]") for each item.
template <typename F>
void eachItem(const Napi::Object& job, const char* list, F read) {
  const std::string name = std::string("job.") + list;
  const std::vector<Napi::Value> values = items(job.Get(list), name);
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string itemName = name + "[" + std::to_string(i) + "]";
    read(object(values[i], itemName), itemName);
  }
}

// Calls read(value) when the optional part is there.
template <typename F>
void optionally(const Napi::Object& job, const char* part, F read) {
  const Napi::Value value = job.Get(part);
  if (!value.IsUndefined()) read(object(value, std::string("job.") + part));
}

Napi::Float64Array numbers(Napi::Env env, const std::vector<uint64_t>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Object writeProfile(Napi::Env env, const Profile& profile) {
  Napi::Float64Array events = Napi::Float64Array::New(env, 4 * profile.eventCount());
  double* to = events.Data();
  for (uint64_t i = 0; i < profile.eventCount(); ++i) {
    const Profile::Event& event = profile.events()[i];
    *to++ = event.what == Profile::kStep ? -1.0 : static_cast<double>(event.what);
    *to++ = event.track;
    *to++ = static_cast<double>(event.begin);
    *to++ = static_cast<double>(event.end);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("nanoseconds", numbers(env, profile.nanoseconds()));
  object.Set("calls", numbers(env, profile.calls()));
  object.Set("steps", numbers(env, profile.steps()));
  object.Set("events", events);
  object.Set("eventsLost", static_cast<double>(profile.eventsLost()));
  return object;
}

const char* nameOf(JobResult::Reason reason) {
  switch (reason) {
    case JobResult::Reason::kDone:
      return "done";
    case JobResult::Reason::kAborted:
      return "aborted";
    case JobResult::Reason::kNonFinite:
      return "nonFinite";
    case JobResult::Reason::kLabel:
      return "label";
    case JobResult::Reason::kIndex:
      return "index";
  }
  return "";
}

}  // namespace

std::unique_ptr<Job> readJob(const Napi::Value& value, std::vector<Napi::Value>* arrays) {
  const Napi::Object from = object(value, "job");
  auto job = std::make_unique<Job>();
  eachItem(from, "segments", [&](const Napi::Object& segment, const std::string& name) {
    const auto plan = static_cast<uint32_t>(integer(segment.Get("plan"), name + ".plan", UINT32_MAX));
    const uint64_t rows = integer(segment.Get("rows"), name + ".rows");
    job->segments.push_back({plan, rows, integer(segment.Get("steps"), name + ".steps")});
  });
  eachItem(from, "feeds", [&](const Napi::Object& feed, const std::string& name) {
    auto storage = StorageObject::memoryOf(feed.Get("storage"), name + ".storage");
    const HostType type = hostType(feed.Get("type"), name + ".type");
    job->feeds.push_back({std::move(storage), type, integer(feed.Get("rows"), name + ".rows")});
  });
  eachItem(from, "fetches", [&](const Napi::Object& fetch, const std::string& name) {
    arrays->push_back(fetch.Get("array"));
    job->fetches.push_back({nullptr, {}, 0, integer(fetch.Get("rows"), name + ".rows")});
  });
  job->begin = integer(from.Get("begin"), "job.begin");
  job->end = integer(from.Get("end"), "job.end");
  job->firstRow = integer(from.Get("firstRow"), "job.firstRow");
  optionally(from, "shuffle", [&](const Napi::Object& shuffle) {
    job->seed = static_cast<uint32_t>(integer(shuffle.Get("seed"), "job.shuffle.seed", UINT32_MAX));
  });
  optionally(from, "metrics", [&](const Napi::Object& metrics) {
    const uint64_t byteOffset = integer(metrics.Get("byteOffset"), "job.metrics.byteOffset");
    job->metrics = {byteOffset, integer(metrics.Get("count"), "job.metrics.count")};
  });
  optionally(from, "profile", [&](const Napi::Object& profile) {
    job->profile = {integer(profile.Get("events"), "job.profile.events")};
  });
  optionally(from, "watch", [&](const Napi::Object& watch) {
    const uint64_t byteOffset = integer(watch.Get("byteOffset"), "job.watch.byteOffset");
    job->watch = {byteOffset, boolean(watch.Get("stop"), "job.watch.stop")};
  });
  // Last, when no more JavaScript runs.
  for (size_t i = 0; i < arrays->size(); ++i) {
    const HostArray array = hostArray((*arrays)[i], "job.fetches[" + std::to_string(i) + "].array");
    job->fetches[i].data = array.data;
    job->fetches[i].type = array.type;
    job->fetches[i].bytes = array.bytes();
  }
  return job;
}

Napi::Object writeResult(Napi::Env env, const JobResult& result) {
  Napi::Float32Array log = Napi::Float32Array::New(env, result.log.size());
  if (!result.log.empty()) std::memcpy(log.Data(), result.log.data(), result.log.size() * sizeof(float));
  Napi::Object object = Napi::Object::New(env);
  object.Set("reason", nameOf(result.reason));
  object.Set("next", static_cast<double>(result.next));
  object.Set("nonFiniteStep", static_cast<double>(result.nonFiniteStep));
  object.Set("log", log);
  object.Set("seconds", result.seconds);
  if (result.profile) object.Set("profile", writeProfile(env, *result.profile));
  return object;
}

}  // namespace steepest
