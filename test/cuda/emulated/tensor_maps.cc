// The driver's entry points for tensor maps: what hardware demands of them is checked, and what the twin of ptx.h reads is written.
#include <algorithm>
#include <cstring>

#include "context.h"
#include "settings.h"
#include "tensor_map.h"

using namespace steepest::emulated;

namespace {

// What both kinds of tensor maps demand of the tensor, in swizzled runs of 128 bytes of bfloat16 or float32 numbers, which is what
// the library asks for; what is wrong, or nothing.
const char* wrongTensor(const void* map, int type, uint32_t rank, const void* address, const uint64_t* shape,
                        const uint64_t* strides, const uint32_t* elementStrides, uint64_t innerBytes, int interleave,
                        int swizzle, int promotion, int fill) {
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0) return "that is not at a multiple of 64 bytes";
  if (type != kTensorBfloat16 && type != kTensorFloat32) return "of no such numbers";
  if (reinterpret_cast<uint64_t>(address) % 16 != 0) return "of what is not at a multiple of 16 bytes";
  if (interleave != 0 || swizzle != kTensorSwizzle128 || promotion < 0 || promotion > 3 || fill != 0) {
    return "that the library does not ask for";
  }
  if (innerBytes == 0 || innerBytes > 128 || innerBytes % 16 != 0) return "with runs longer than the swizzle, or none";
  const uint64_t elementBytes = type == kTensorBfloat16 ? 2 : 4;
  for (uint32_t d = 0; d < rank; ++d) {
    if (shape[d] == 0 || shape[d] > uint64_t{1} << 32) return "with an axis that there cannot be";
    if (elementStrides[d] == 0 || elementStrides[d] > 8) return "with a step that is not 1 to 8";
    if (d + 1 == rank) continue;
    if (strides[d] % 16 != 0 || strides[d] >= uint64_t{1} << 40) return "with a stride that there cannot be";
    if (strides[d] < (d == 0 ? shape[0] * elementBytes : strides[d - 1] * shape[d])) return "whose axes overlap";
  }
  uint64_t bytes = shape[0] * elementBytes;
  for (uint32_t d = 1; d < rank; ++d) bytes += (shape[d] - 1) * strides[d - 1];
  if (!current->memory.contains(reinterpret_cast<uint64_t>(address), bytes)) return "of what is not inside device memory";
  return nullptr;
}

CUresult refuseMap(const char* why) { return refuse(kInvalidValue, std::string("a tensor map ") + why); }

Tensor tensorOf(int type, uint32_t rank, const void* address, const uint64_t* shape, const uint64_t* strides) {
  Tensor tensor{};
  tensor.magic = Tensor::kMagic;
  tensor.address = reinterpret_cast<uint64_t>(address);
  tensor.rank = rank;
  tensor.elementBytes = type == kTensorBfloat16 ? 2 : 4;
  std::copy(shape, shape + rank, tensor.shape);
  tensor.strides[0] = tensor.elementBytes;
  std::copy(strides, strides + rank - 1, tensor.strides + 1);
  return tensor;
}

}  // namespace

// Of three axes, for copyBox.
EXPORT CUresult cuTensorMapEncodeTiled(void* map, int type, uint32_t rank, void* address, const uint64_t* shape,
                                       const uint64_t* strides, const uint32_t* box, const uint32_t* elementStrides,
                                       int interleave, int swizzle, int promotion, int fill) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (rank != 3) return refuseMap("of boxes that has not three axes");
  if (const char* const wrong =
          wrongTensor(map, type, rank, address, shape, strides, elementStrides,
                      uint64_t{box[0]} * (type == kTensorBfloat16 ? 2 : 4), interleave, swizzle, promotion, fill)) {
    return refuseMap(wrong);
  }
  Tensor tensor = tensorOf(type, rank, address, shape, strides);
  for (uint32_t d = 0; d < rank; ++d) {
    if (box[d] == 0 || box[d] > 256) return refuseMap("with a box that is too long");
    if (elementStrides[d] != 1) return refuseMap("of boxes with steps");
    tensor.box[d] = box[d];
  }
  addLine("STEEPEST_EMULATED_BOXES", std::to_string(tensor.elementBytes) + " " + std::to_string(box[0]) + " " +
                                         std::to_string(box[1]) + " " + std::to_string(box[2]));
  std::memcpy(map, &tensor, sizeof tensor);
  return kSuccess;
}
// For copyPatches: channels, one to three axes of images, images.
EXPORT CUresult cuTensorMapEncodeIm2col(void* map, int type, uint32_t rank, void* address, const uint64_t* shape,
                                        const uint64_t* strides, const int* lower, const int* upper, uint32_t channels,
                                        uint32_t pixels, const uint32_t* elementStrides, int interleave, int swizzle,
                                        int promotion, int fill) {
  const Lock lock(mutex);
  if (const CUresult result = ready()) return result;
  if (rank < 3 || rank > 5) return refuseMap("of patches that has not three to five axes");
  if (const char* const wrong =
          wrongTensor(map, type, rank, address, shape, strides, elementStrides,
                      uint64_t{channels} * (type == kTensorBfloat16 ? 2 : 4), interleave, swizzle, promotion, fill)) {
    return refuseMap(wrong);
  }
  if (channels > 256 || pixels == 0 || pixels > 1024) return refuseMap("with patches that are too large");
  Tensor tensor = tensorOf(type, rank, address, shape, strides);
  tensor.patches = 1;
  tensor.channels = static_cast<uint16_t>(channels);
  tensor.pixels = static_cast<uint16_t>(pixels);
  // The more axes, the fewer bits for each.
  const int most = rank == 3 ? 32767 : rank == 4 ? 127 : 15;
  for (uint32_t d = 0; d + 2 < rank; ++d) {
    if (lower[d] < -most - 1 || lower[d] > most || upper[d] < -most - 1 || upper[d] > most) {
      return refuseMap("with corners of too many bits");
    }
    if (static_cast<int64_t>(shape[1 + d]) + upper[d] <= lower[d]) return refuseMap("with an empty box");
    tensor.lower[d] = static_cast<int16_t>(lower[d]);
    tensor.upper[d] = static_cast<int16_t>(upper[d]);
    tensor.steps[d] = static_cast<uint8_t>(elementStrides[1 + d]);
  }
  std::memcpy(map, &tensor, sizeof tensor);
  return kSuccess;
}
