// Values from JavaScript, checked. Nothing is coerced; every error names the argument, what was expected and what came.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../runtime/host.h"

namespace steepest {

constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

// "number 3.5", "undefined", "Float64Array of length 4".
std::string describe(const Napi::Value& value);

uint64_t integer(const Napi::Value& value, const std::string& name, uint64_t max = kMaxSafeInteger, uint64_t min = 0);
bool boolean(const Napi::Value& value, const std::string& name);
std::string string(const Napi::Value& value, const std::string& name);
Napi::Object object(const Napi::Value& value, const std::string& name);

// The memory of a Float32Array, Int32Array, Uint8Array, Int8Array, or Uint16Array of bfloat16 numbers. Valid until JavaScript runs again.
struct HostArray {
  void* data;
  size_t length;  // elements
  HostType type;  // kUint8 for a Uint8Array, never kBool

  size_t bytes() const { return length * sizeOf(type); }
};
HostArray hostArray(const Napi::Value& value, const std::string& name);

// The memory of a Float64Array, as long.
struct Doubles {
  double* data;
  size_t length;
};
Doubles doubles(const Napi::Value& value, const std::string& name);

// The items of an Array, read before anything else is done with them: getters and proxies run arbitrary code.
std::vector<Napi::Value> items(const Napi::Value& value, const std::string& name);

// A copy of a Uint32Array.
std::vector<uint32_t> words(const Napi::Value& value, const std::string& name);

// `bytes` at byteOffset lie inside a memory of `size` bytes.
void checkRange(Napi::Env env, uint64_t byteOffset, uint64_t bytes, uint64_t size, const char* memory);

}  // namespace steepest
