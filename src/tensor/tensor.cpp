#include "tensor/tensor.h"

#include "base/error.h"
#include "tensor/derived_parameters.h"
#include "tensor/kernels.h"

namespace ddim::engine {

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 2;
  }
  return 0;
}
std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::bf16:
      return "bf16";
  }
  return "";
}

Tensor::Tensor(const Device& device, Storage* storage, const Shape& shape, DType dtype)
    : device_(device), storage_(storage), shape_(shape), dtype_(dtype) {
  ++storage_->num_handles;
}

Tensor::Tensor(const Device& device, const Shape& shape, DType dtype)
    : Tensor(device,
             device.arena().allocate(static_cast<std::size_t>(shape.size()) * size_of(dtype)),
             shape, dtype) {}

Tensor Tensor::persistent(const Device& device, const Shape& shape, DType dtype) {
  return {
      device,
      device.persistent_memory().allocate(static_cast<std::size_t>(shape.size()) * size_of(dtype)),
      shape, dtype};
}

Tensor::Tensor(const Tensor& other)
    : device_(other.device_),
      storage_(other.storage_),
      byte_offset_(other.byte_offset_),
      shape_(other.shape_),
      dtype_(other.dtype_) {
  if (storage_ != nullptr) ++storage_->num_handles;
}

Tensor::~Tensor() {
  if (storage_ == nullptr || --storage_->num_handles > 0) return;
  if (storage_->has_derived) device_.derived_parameters().forget(storage_->id);
  storage_->arena->release(storage_);
}

Tensor Tensor::view(const Shape& shape) const {
  require(shape.size() == size(), "view: ", shape_, " cannot be seen as ", shape);
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::slice(std::int64_t first, std::int64_t count) const {
  require(shape_.rank() > 0 && first >= 0 && count >= 0 && first + count <= shape_[0],
          "slice: rows ", first, " to ", first + count, " of ", shape_);
  Tensor result = *this;
  result.shape_ = shape_.with(0, count);
  const std::int64_t row_size = shape_[0] == 0 ? 0 : size() / shape_[0];
  result.byte_offset_ += static_cast<std::size_t>(first * row_size) * size_of(dtype_);
  return result;
}

Tensor empty_like(const Tensor& like) { return {like.device(), like.shape(), like.dtype()}; }

Tensor from_host(const Device& device, const Shape& shape, std::span<const float> values,
                 DType dtype) {
  require(static_cast<std::int64_t>(values.size()) == shape.size(), "from_host: ", values.size(),
          " values for shape ", shape);
  Tensor result = Tensor::persistent(device, shape, dtype);
  device.kernels().upload(values, result);
  return result;
}

std::vector<float> to_host(const Tensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  tensor.device().kernels().download(tensor, values);
  return values;
}

}  // namespace ddim::engine
