#include "storage_object.h"

#include <cstring>

#include "arguments.h"
#include "errors.h"

namespace steepest {
namespace {

// Tells our objects from others: unwrapping a foreign one would be a wild cast.
constexpr napi_type_tag kTag = {0x7374656570657374, 0x73746f7261676531};

}  // namespace

Napi::Function StorageObject::define(Napi::Env env) {
  return DefineClass(
      env, "Storage",
      {InstanceAccessor<&StorageObject::byteLength>("byteLength"), InstanceAccessor<&StorageObject::copied>("copied"),
       InstanceMethod<&StorageObject::write>("write"), InstanceMethod<&StorageObject::read>("read"),
       InstanceMethod<&StorageObject::equals>("equals"), InstanceMethod<&StorageObject::dispose>("dispose")});
}

std::shared_ptr<Storage> StorageObject::memoryOf(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw Napi::TypeError::New(value.Env(), name + ": expected a Storage, got " + describe(value));
  }
  return Unwrap(value.As<Napi::Object>())->memory();
}

StorageObject::StorageObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), environment_(Environment::of(info.Env())) {
  const uint64_t bytes = integer(info[0], "bytes");
  memory_ = translating(info.Env(), [&] { return std::make_shared<Storage>(bytes); });
  info.This().As<Napi::Object>().TypeTag(&kTag);
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), static_cast<int64_t>(bytes));
}

StorageObject::~StorageObject() { release(); }

Napi::Value StorageObject::byteLength(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(memory()->size()));
}

Napi::Value StorageObject::copied(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), memory()->isCopied());
}

void StorageObject::write(const Napi::CallbackInfo& info) {
  const uint64_t byteOffset = integer(info[0], "byteOffset");
  const HostArray source = hostArray(info[1], "source");
  checkRange(info.Env(), byteOffset, source.bytes(), memory()->size(), "storage");
  if (source.length > 0) std::memcpy(memory_->data() + byteOffset, source.data, source.bytes());
  memory_->changed();
}

void StorageObject::read(const Napi::CallbackInfo& info) {
  const uint64_t byteOffset = integer(info[0], "byteOffset");
  const HostArray target = hostArray(info[1], "target");
  checkRange(info.Env(), byteOffset, target.bytes(), memory()->size(), "storage");
  if (target.length > 0) std::memcpy(target.data, memory_->data() + byteOffset, target.bytes());
}

Napi::Value StorageObject::equals(const Napi::CallbackInfo& info) {
  const uint64_t byteOffset = integer(info[0], "byteOffset");
  const HostArray source = hostArray(info[1], "source");
  checkRange(info.Env(), byteOffset, source.bytes(), memory()->size(), "storage");
  const bool equal = source.length == 0 || std::memcmp(memory_->data() + byteOffset, source.data, source.bytes()) == 0;
  return Napi::Boolean::New(info.Env(), equal);
}

void StorageObject::dispose(const Napi::CallbackInfo&) { release(); }

const std::shared_ptr<Storage>& StorageObject::memory() const {
  if (!memory_) throw Napi::Error::New(Env(), "the storage has been disposed");
  return memory_;
}

void StorageObject::release() {
  if (!memory_) return;
  const auto bytes = static_cast<int64_t>(memory_->size());
  memory_.reset();
  if (!environment_->closing()) Napi::MemoryManagement::AdjustExternalMemory(Env(), -bytes);
}

}  // namespace steepest
