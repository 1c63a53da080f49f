// C++ exceptions as JavaScript errors.
#pragma once

#include <napi.h>

#include <exception>

namespace steepest {

// PlanError and JobError become Error and RangeError; OutOfMemory gets code 'ERR_OUT_OF_MEMORY' and `bytes` wanted,
// DeviceError a code that begins with 'ERR_DEVICE'.
Napi::Error toJavaScript(Napi::Env env, const std::exception_ptr& error);

// Runs native code that may throw any of them.
template <typename F>
auto translating(Napi::Env env, F f) {
  try {
    return f();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw toJavaScript(env, std::current_exception());
  }
}

}  // namespace steepest
