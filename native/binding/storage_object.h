// Storage of lib/runtime/addon.ts.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "../runtime/storage.h"
#include "environment.h"

namespace steepest {

class StorageObject : public Napi::ObjectWrap<StorageObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // The memory of a value that has to be a storage in use.
  static std::shared_ptr<Storage> memoryOf(const Napi::Value& value, const std::string& name);

  explicit StorageObject(const Napi::CallbackInfo& info);
  ~StorageObject() override;

 private:
  Napi::Value byteLength(const Napi::CallbackInfo& info);
  Napi::Value copied(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  void read(const Napi::CallbackInfo& info);
  Napi::Value equals(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  const std::shared_ptr<Storage>& memory() const;  // throws when disposed
  void release();

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<Storage> memory_;
};

}  // namespace steepest
