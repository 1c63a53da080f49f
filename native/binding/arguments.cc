#include "arguments.h"

#include <cmath>

namespace steepest {
namespace {

[[noreturn]] void failType(const Napi::Value& value, const std::string& name, const char* expected) {
  throw Napi::TypeError::New(value.Env(), name + ": expected " + expected + ", got " + describe(value));
}

const char* nameOf(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
      return "Int8Array";
    case napi_uint8_array:
      return "Uint8Array";
    case napi_uint8_clamped_array:
      return "Uint8ClampedArray";
    case napi_int16_array:
      return "Int16Array";
    case napi_uint16_array:
      return "Uint16Array";
    case napi_int32_array:
      return "Int32Array";
    case napi_uint32_array:
      return "Uint32Array";
    case napi_float32_array:
      return "Float32Array";
    case napi_float64_array:
      return "Float64Array";
    case napi_bigint64_array:
      return "BigInt64Array";
    case napi_biguint64_array:
      return "BigUint64Array";
    default:
      return "typed array";
  }
}

std::string text(double number) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.17g", number);
  return buffer;
}

// Costs about 100 ns: the C function asks for the least.
bool typedArray(const Napi::Value& value, napi_typedarray_type* type, size_t* length, void** data) {
  return napi_get_typedarray_info(value.Env(), value, type, length, data, nullptr, nullptr) == napi_ok;
}

}  // namespace

std::string describe(const Napi::Value& value) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>() ? "true" : "false";
    case napi_number:
      return "number " + text(value.As<Napi::Number>().DoubleValue());
    case napi_string:
      return "string '" + value.As<Napi::String>().Utf8Value() + "'";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    default:
      if (typedArray(value, &type, &length, &data)) {
        return std::string(nameOf(type)) + " of length " + std::to_string(length);
      }
      return value.IsArray() ? "an array" : "an object";
  }
}

uint64_t integer(const Napi::Value& value, const std::string& name, uint64_t max, uint64_t min) {
  double number;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) failType(value, name, "an integer");
  // The negated comparisons refuse NaN.
  if (!(number >= static_cast<double>(min)) || !(number <= static_cast<double>(max)) || number != std::floor(number)) {
    throw Napi::RangeError::New(value.Env(), name + ": expected an integer from " + std::to_string(min) + " to " +
                                                 std::to_string(max) + ", got " + text(number));
  }
  return static_cast<uint64_t>(number);
}

bool boolean(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) failType(value, name, "a boolean");
  return value.As<Napi::Boolean>();
}

std::string string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) failType(value, name, "a string");
  return value.As<Napi::String>();
}

Napi::Object object(const Napi::Value& value, const std::string& name) {
  if (value.Type() != napi_object) failType(value, name, "an object");
  return value.As<Napi::Object>();
}

HostArray hostArray(const Napi::Value& value, const std::string& name) {
  napi_typedarray_type type;
  HostArray array;
  if (typedArray(value, &type, &array.length, &array.data)) {
    switch (type) {
      case napi_float32_array:
        array.type = HostType::kFloat32;
        return array;
      case napi_int32_array:
        array.type = HostType::kInt32;
        return array;
      case napi_uint8_array:
        array.type = HostType::kUint8;
        return array;
      case napi_int8_array:
        array.type = HostType::kInt8;
        return array;
      case napi_uint16_array:
        array.type = HostType::kBfloat16;
        return array;
      default:
        break;
    }
  }
  failType(value, name, "a Float32Array, Int32Array, Uint8Array, Int8Array or Uint16Array");
}

Doubles doubles(const Napi::Value& value, const std::string& name) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  if (!typedArray(value, &type, &length, &data) || type != napi_float64_array) {
    failType(value, name, "a Float64Array");
  }
  return {static_cast<double*>(data), length};
}

std::vector<Napi::Value> items(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) failType(value, name, "an array");
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (length > 65536) {
    throw Napi::RangeError::New(value.Env(), name + ": expected at most 65536 items, got " + std::to_string(length));
  }
  std::vector<Napi::Value> result(length);
  for (uint32_t i = 0; i < length; ++i) result[i] = array.Get(i);
  return result;
}

std::vector<uint32_t> words(const Napi::Value& value, const std::string& name) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  if (!typedArray(value, &type, &length, &data) || type != napi_uint32_array) failType(value, name, "a Uint32Array");
  const uint32_t* const begin = static_cast<const uint32_t*>(data);
  return length == 0 ? std::vector<uint32_t>() : std::vector<uint32_t>(begin, begin + length);
}

void checkRange(Napi::Env env, uint64_t byteOffset, uint64_t bytes, uint64_t size, const char* memory) {
  if (bytes > size || byteOffset > size - bytes) {
    throw Napi::RangeError::New(env, "byteOffset: " + std::to_string(bytes) + " bytes from " +
                                         std::to_string(byteOffset) + " on do not lie inside the " +
                                         std::to_string(size) + " bytes of the " + memory);
  }
}

}  // namespace steepest
