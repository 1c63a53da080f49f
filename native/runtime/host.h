// Host memory beside plan memory: which types convert, and how many bytes a slot's rows take.
#pragma once

#include <cstdint>

#include "kernel.h"

namespace steepest {

inline size_t sizeOf(HostType type) {
  return type == HostType::kFloat32 || type == HostType::kInt32 ? 4 : type == HostType::kBfloat16 ? 2 : 1;
}

// Whether a feed of this dtype takes rows of this host type: the same type, and unsigned bytes as any number that holds them.
inline bool converts(HostType from, DType to) {
  switch (to) {
    case DType::kFloat32:
      return from == HostType::kFloat32 || from == HostType::kUint8;
    case DType::kInt32:
      return from == HostType::kInt32 || from == HostType::kUint8;
    case DType::kBool:
      return from == HostType::kBool || from == HostType::kUint8;
    case DType::kInt8:
      return from == HostType::kInt8;
    case DType::kBfloat16:
      return from == HostType::kBfloat16;
  }
  return false;
}

// Of the caller's arrays that take what is fetched; no array is of booleans.
inline HostType hostTypeOf(DType dtype) {
  constexpr HostType kTypes[] = {HostType::kFloat32, HostType::kInt32, HostType::kUint8, HostType::kInt8,
                                 HostType::kBfloat16};
  return kTypes[static_cast<int>(dtype)];
}

// Axis 0 of a slot counts rows; a slot of rank 0 is one row.
inline uint64_t rowsOf(const View& slot) { return slot.rank == 0 ? 1 : static_cast<uint64_t>(slot.shape[0]); }
inline uint64_t elementsPerRow(const View& slot) { return static_cast<uint64_t>(slot.size()) / rowsOf(slot); }

}  // namespace steepest
