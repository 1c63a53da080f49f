// The exports of the addon: lib/runtime/addon.ts, `Addon`.
#include <napi.h>

#include <string>

#include "../cpu/blas.h"
#include "../cpu/fused_match.h"
#include "../cpu/limits.h"
#include "../cpu/scratch.h"
#include "../cpu/simd/table.h"
#include "../plan/ops.h"
#include "../runtime/draw.h"
#include "../runtime/session.h"
#include "arguments.h"
#include "devices.h"
#include "environment.h"
#include "errors.h"
#include "session_object.h"
#include "storage_object.h"

namespace steepest {
namespace {

Napi::Array targetNames(Napi::Env env) {
  size_t count = 0;
  const Simd* const* const targets = simdTargets(&count);
  Napi::Array names = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; ++i) names.Set(static_cast<uint32_t>(i), targets[i]->name);
  return names;
}

Napi::Value info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return translating(env, [&] {
    const char* const blas = blasName();
    Napi::Object result = Napi::Object::New(env);
    result.Set("target", simd().name);
    result.Set("targets", targetNames(env));
    result.Set("threads", Threads::pool().count());
    result.Set("blas", blas == nullptr ? env.Null() : Napi::String::New(env, blas));
    result.Set("sessions", static_cast<double>(sessionsAlive()));
    result.Set("storages", static_cast<double>(storagesAlive()));
    result.Set("bytes", static_cast<double>(bytesInUse()));
    result.Set("spareBytes", static_cast<double>(bytesSpare()));
    return result;
  });
}

void setThreads(const Napi::CallbackInfo& info) {
  Threads::pool().setCount(static_cast<int>(integer(info[0], "count", 256, 1)));
}

template <void (*draws)(Threads&, const Draw&, double*, int64_t)>
void draw(const Napi::CallbackInfo& info) {
  const Doubles to = doubles(info[0], "to");
  const uint64_t seed = integer(info[1], "seed", UINT32_MAX), stream = integer(info[2], "stream", UINT32_MAX);
  const Draw from{static_cast<uint32_t>(seed), static_cast<uint32_t>(stream), integer(info[3], "begin")};
  draws(Threads::pool(), from, to.data, static_cast<int64_t>(to.length));
}

void selectTarget(const Napi::CallbackInfo& info) {
  const std::string name = string(info[0], "name");
  if (!selectSimd(name.c_str())) {
    throw Napi::RangeError::New(info.Env(), "name: this CPU and build have no target '" + name + "'");
  }
}

void spoil(const Napi::CallbackInfo& info) { spoilWorkspaces(boolean(info[0], "on")); }

void selectBlasLibrary(const Napi::CallbackInfo& info) {
  const std::string choice = string(info[0], "choice");
  translating(info.Env(), [&] { selectBlas(choice); });
}

Napi::Value listDevices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return translating(env, [&] {
    const Devices found = findDevices();
    Napi::Array list = Napi::Array::New(env, found.list.size());
    for (size_t i = 0; i < found.list.size(); ++i) {
      Napi::Object item = Napi::Object::New(env);
      item.Set("name", found.list[i].name);
      item.Set("description", found.list[i].description);
      item.Set("bytes", static_cast<double>(found.list[i].bytes));
      list.Set(static_cast<uint32_t>(i), item);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("list", list);
    result.Set("withoutCuda", found.withoutCuda.empty() ? env.Null() : Napi::String::New(env, found.withoutCuda));
    return result;
  });
}

void setKernels(const Napi::CallbackInfo& info) {
  const std::string file = string(info[0], "file");
  translating(info.Env(), [&] { setInstalledKernels(file); });
}

Napi::Value printPlan(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> plan = words(info[0], "words");
  return translating(info.Env(),
                     [&] { return Napi::String::New(info.Env(), print(decode(plan.data(), plan.size()))); });
}

Napi::Value limits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return translating(env, [&] {
    const Limits found = measureLimits();
    Napi::Array bandwidth = Napi::Array::New(env, found.bandwidth.size());
    for (size_t i = 0; i < found.bandwidth.size(); ++i) {
      const Limits::Bandwidth& level = found.bandwidth[i];
      Napi::Object item = Napi::Object::New(env);
      item.Set("bytes", static_cast<double>(level.bytes));
      item.Set("read", level.read);
      item.Set("triad", level.triad);
      bandwidth.Set(static_cast<uint32_t>(i), item);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("threads", found.threads);
    result.Set("flops", found.flops);
    result.Set("bfloat16Flops", found.bfloat16Flops);
    result.Set("int8Ops", found.int8Ops);
    result.Set("bandwidth", bandwidth);
    return result;
  });
}

Napi::Value fusedRuns(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  for (int run = 0; run < kFusedRunCount; ++run) {
    result.Set(fusedRunName(run), static_cast<double>(timesFound(run)));
  }
  return result;
}

template <Napi::Value (*F)(const Napi::CallbackInfo&)>
void add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<F>(exports.Env(), name));
}

template <void (*F)(const Napi::CallbackInfo&)>
void add(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<F>(exports.Env(), name));
}

Napi::Object load(Napi::Env env, Napi::Object exports) {
  Environment::create(env);
  exports.Set("tableHash", static_cast<double>(STEEPEST_TABLE_HASH));
  add<listDevices>(exports, "devices");
  add<setKernels>(exports, "setKernels");
  exports.Set("Session", SessionObject::define(env));
  exports.Set("Storage", StorageObject::define(env));
  add<info>(exports, "info");
  add<setThreads>(exports, "setThreads");
  add<draw<drawUniform>>(exports, "drawUniform");
  add<draw<drawNormal>>(exports, "drawNormal");
  add<selectTarget>(exports, "selectTarget");
  add<spoil>(exports, "spoilWorkspaces");
  add<selectBlasLibrary>(exports, "selectBlas");
  add<printPlan>(exports, "printPlan");
  add<fusedRuns>(exports, "fusedRuns");
  add<limits>(exports, "limits");
  return exports;
}

NODE_API_MODULE(steepest, load)

}  // namespace
}  // namespace steepest
