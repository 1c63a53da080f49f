#include "session_object.h"

#include <string>
#include <utility>

#include "../plan/validate.h"
#include "../runtime/host.h"
#include "devices.h"
#include "errors.h"
#include "job_object.h"

namespace steepest {
namespace {

// A whole slot in an array of the caller: the same dtype, the same number of elements.
void expectSlot(Napi::Env env, const HostArray& array, const View& slot, const char* list, size_t index) {
  const HostType wanted = hostTypeOf(slot.dtype);
  if (array.type == wanted && array.length == static_cast<size_t>(slot.size())) return;
  static const char* const kNames[] = {"Float32Array", "Int32Array", "Uint8Array", "",
                                       "Int8Array",    "Uint16Array"};  // by HostType
  throw Napi::TypeError::New(env, std::string(list) + "[" + std::to_string(index) + "]: expected a " +
                                      kNames[static_cast<int>(wanted)] + " of length " + std::to_string(slot.size()) +
                                      " for " + describe(slot) + ", got a " + kNames[static_cast<int>(array.type)] +
                                      " of length " + std::to_string(array.length));
}

// The arrays of all slots. Their memory is asked for last, when no more JavaScript runs.
std::vector<HostArray> slotArrays(Napi::Env env, const std::vector<Napi::Value>& values, const std::vector<View>& slots,
                                  const char* list) {
  if (values.size() != slots.size()) {
    throw Napi::RangeError::New(env, std::string(list) + ": expected " + std::to_string(slots.size()) +
                                         " arrays, got " + std::to_string(values.size()));
  }
  std::vector<HostArray> arrays(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    arrays[i] = hostArray(values[i], list);
    expectSlot(env, arrays[i], slots[i], list, i);
  }
  return arrays;
}

}  // namespace

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(
      env, "Session",
      {InstanceMethod<&SessionObject::readState>("readState"), InstanceMethod<&SessionObject::writeState>("writeState"),
       InstanceMethod<&SessionObject::addPlan>("addPlan"), InstanceMethod<&SessionObject::dropPlan>("dropPlan"),
       InstanceMethod<&SessionObject::runSync>("runSync"), InstanceMethod<&SessionObject::run>("run"),
       InstanceMethod<&SessionObject::abort>("abort"), InstanceMethod<&SessionObject::dispose>("dispose")});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), environment_(Environment::of(info.Env())) {
  const uint64_t stateBytes = integer(info[0], "stateBytes");
  const std::string device = info[1].IsUndefined() ? "cpu" : string(info[1], "device");
  session_ = translating(info.Env(), [&] { return std::make_unique<Session>(stateBytes, openDevice(device)); });
  environment_->add(this);
  accountMemory(static_cast<int64_t>(session_->bytes()));
}

SessionObject::~SessionObject() { release(); }

void SessionObject::readState(const Napi::CallbackInfo& info) {
  const uint64_t byteOffset = integer(info[0], "byteOffset");
  const HostArray target = hostArray(info[1], "target");
  checkRange(info.Env(), byteOffset, target.bytes(), session().stateBytes(), "state");
  translating(info.Env(), [&] { session_->readState(byteOffset, target.data, target.bytes()); });
}

void SessionObject::writeState(const Napi::CallbackInfo& info) {
  const uint64_t byteOffset = integer(info[0], "byteOffset");
  const HostArray source = hostArray(info[1], "source");
  checkRange(info.Env(), byteOffset, source.bytes(), session().stateBytes(), "state");
  translating(info.Env(), [&] { session_->writeState(byteOffset, source.data, source.bytes()); });
}

Napi::Value SessionObject::addPlan(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> plan = words(info[0], "words");
  const uint32_t number = translating(info.Env(), [&] { return session().addPlan(plan.data(), plan.size()); });
  accountMemory(static_cast<int64_t>(session_->bytes()));
  return Napi::Number::New(info.Env(), number);
}

void SessionObject::dropPlan(const Napi::CallbackInfo& info) {
  session_->dropPlan(planNumber(info[0]));
  accountMemory(static_cast<int64_t>(session_->bytes()));
}

void SessionObject::runSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<Napi::Value> feedValues = items(info[1], "feeds");
  const std::vector<Napi::Value> fetchValues = items(info[2], "fetches");
  const uint32_t number = planNumber(info[0]);
  const Executor& executor = *session_->plans()[number];
  const std::vector<HostArray> feedArrays = slotArrays(env, feedValues, executor.feeds(), "feeds");
  const std::vector<HostArray> fetchArrays = slotArrays(env, fetchValues, executor.fetches(), "fetches");

  std::vector<FeedSource> feeds;
  feeds.reserve(feedArrays.size());
  for (size_t i = 0; i < feedArrays.size(); ++i) {
    feeds.push_back({feedArrays[i].data, feedArrays[i].type, rowsOf(executor.feeds()[i])});
  }
  std::vector<FetchTarget> fetches;
  fetches.reserve(fetchArrays.size());
  for (size_t i = 0; i < fetchArrays.size(); ++i) {
    fetches.push_back({fetchArrays[i].data, rowsOf(executor.fetches()[i]), true});
  }
  switch (translating(env, [&] { return session_->runSync(number, feeds.data(), fetches.data()); })) {
    case DataError::kNone:
      return;
    case DataError::kLabel:
      throw Napi::RangeError::New(env, "a label is out of range");
    case DataError::kIndex:
      throw Napi::RangeError::New(env, "an index is out of range");
  }
}

Napi::Value SessionObject::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<Napi::Value> arrays;
  std::unique_ptr<Job> job = readJob(info[0], &arrays);
  Session& native = session();
  auto pending = std::make_shared<PendingJob>();
  pending->session = this;
  translating(env, [&] {
    native.submit(std::move(job), [pending, environment = environment_](JobResult result) {
      pending->result = std::move(result);
      environment->complete(pending);
    });
  });
  environment_->begin();
  if (pending_++ == 0) Ref();
  // The job may have ended by now, but promises are settled on this thread only.
  for (const Napi::Value& array : arrays) {
    napi_create_reference(env, array, 1, &pending->arrays.emplace_back());
  }
  pending->deferred.emplace(env);
  return pending->deferred->Promise();
}

void SessionObject::settle(PendingJob& job) {
  const Napi::Env env = Env();
  for (const napi_ref array : job.arrays) napi_delete_reference(env, array);
  try {
    if (job.result.error) {
      job.deferred->Reject(toJavaScript(env, job.result.error).Value());
    } else {
      job.deferred->Resolve(writeResult(env, job.result));
    }
  } catch (const Napi::Error&) {
    // The environment is being torn down and runs no JavaScript: nobody is left to hear of it.
  }
  if (--pending_ > 0) return;
  if (disposed_) release();
  Unref();
}

void SessionObject::abort(const Napi::CallbackInfo&) { session().abort(); }

void SessionObject::dispose(const Napi::CallbackInfo&) {
  if (disposed_) return;
  disposed_ = true;
  session_->abandon();
  if (pending_ == 0) release();
}

Session& SessionObject::session() const {
  if (disposed_) throw Napi::Error::New(Env(), "the session has been disposed");
  return *session_;
}

uint32_t SessionObject::planNumber(const Napi::Value& value) const {
  const size_t plans = session().plans().size();
  const uint64_t number = integer(value, "plan");
  if (number >= plans) {
    throw Napi::RangeError::New(
        Env(), "plan: the session has " + std::to_string(plans) + " plans, got number " + std::to_string(number));
  }
  if (!session_->plans()[number]) {
    throw Napi::RangeError::New(Env(), "plan: number " + std::to_string(number) + " has been dropped");
  }
  return static_cast<uint32_t>(number);
}

// Lets the garbage collector know how much memory hangs on this small object.
void SessionObject::accountMemory(int64_t bytes) {
  if (!environment_->closing()) Napi::MemoryManagement::AdjustExternalMemory(Env(), bytes - accounted_);
  accounted_ = bytes;
}

// The thread is idle or has nothing to run: this does not wait for steps.
void SessionObject::release() {
  if (!session_) return;
  environment_->remove(this);
  session_.reset();
  accountMemory(0);
}

}  // namespace steepest
