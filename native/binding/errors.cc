#include "errors.h"

#include <stdexcept>
#include <string>

#include "../runtime/allocator.h"
#include "../runtime/backend.h"
#include "../runtime/job.h"

namespace steepest {
namespace {

const char* codeOf(DeviceError::Kind kind) {
  switch (kind) {
    case DeviceError::Kind::kMissing:
      return "ERR_DEVICE_MISSING";
    case DeviceError::Kind::kTooOld:
      return "ERR_DEVICE_TOO_OLD";
    case DeviceError::Kind::kLost:
      return "ERR_DEVICE_LOST";
    case DeviceError::Kind::kFailed:
      break;
  }
  return "ERR_DEVICE";
}

Napi::Error outOfMemory(Napi::Env env, const char* message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_OUT_OF_MEMORY"));
  return error;
}

}  // namespace

Napi::Error toJavaScript(Napi::Env env, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& e) {
    return e;
  } catch (const OutOfMemory& e) {
    Napi::Error result = outOfMemory(env, e.what());
    result.Set("bytes", Napi::Number::New(env, static_cast<double>(e.bytes())));
    return result;
  } catch (const std::bad_alloc&) {
    return outOfMemory(env, "out of memory");
  } catch (const DeviceError& e) {
    Napi::Error result = Napi::Error::New(env, e.what());
    result.Set("code", Napi::String::New(env, codeOf(e.kind)));
    return result;
  } catch (const JobError& e) {
    return Napi::RangeError::New(env, e.what());
  } catch (const std::invalid_argument& e) {
    return Napi::RangeError::New(env, e.what());
  } catch (const std::exception& e) {
    return Napi::Error::New(env, e.what());
  } catch (...) {
    return Napi::Error::New(env, "unknown native error");
  }
}

}  // namespace steepest
