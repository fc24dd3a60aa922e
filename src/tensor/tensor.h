#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/shape.h"
#include "tensor/arena.h"
#include "tensor/device.h"
#include "tensor/dtype.h"

namespace ddim::engine {

/// A handle on a dense row-major array on a device. Copies share the elements; activations are
/// [N,H,W,C], parameters keep their checkpoint's shape. The last copy to be destroyed returns the
/// memory to the arena it came from, and frees what the device derived from the elements.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised elements from the device's activation arena.
  Tensor(const Device& device, const Shape& shape, DType dtype = DType::f32);
  /// Uninitialised elements that live as long as a model does (parameters, optimizer state): from
  /// the memory that a device shares with its workers, so that the arenas stay plannable.
  static Tensor persistent(const Device& device, const Shape& shape, DType dtype = DType::f32);

  Tensor(const Tensor& other);
  Tensor(Tensor&& other) noexcept { swap(other); }
  Tensor& operator=(Tensor other) noexcept {
    swap(other);
    return *this;
  }
  ~Tensor();

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(int axis) const { return shape_[axis]; }
  std::int64_t size() const { return shape_.size(); }
  std::size_t num_bytes() const { return static_cast<std::size_t>(size()) * size_of(dtype_); }
  DType dtype() const { return dtype_; }
  const Device& device() const { return device_; }

  /// The elements, where they lie on the device. Only backends look here: tensor/host_values.h has
  /// them for everyone else.
  template <class T>
  const T* data() const {
    assert(defined() && dtype_of<T>() == dtype_);
    return reinterpret_cast<const T*>(storage_->data + byte_offset_);
  }
  template <class T>
  T* data() {
    assert(defined() && dtype_of<T>() == dtype_);
    return reinterpret_cast<T*>(storage_->data + byte_offset_);
  }
  /// The same, but null for an undefined tensor.
  template <class T>
  const T* data_or_null() const {
    return defined() ? data<T>() : nullptr;
  }
  template <class T>
  T* data_or_null() {
    return defined() ? data<T>() : nullptr;
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(size())};
  }
  template <class T>
  std::span<T> values() {
    return {data<T>(), static_cast<std::size_t>(size())};
  }

  /// The same elements under another shape of the same size.
  Tensor view(const Shape& shape) const;
  /// Rows first .. first+count-1 of the slowest axis, sharing the elements.
  Tensor slice(std::int64_t first, std::int64_t count) const;

  /// The identity of the elements, and how often they were changed in place: what tells
  /// DerivedParameters whether its values are up to date. Whoever writes into a parameter calls
  /// mark_modified().
  std::uint64_t storage_id() const { return storage_->id; }
  std::uint64_t version() const { return storage_->version; }
  void mark_modified() { ++storage_->version; }
  /// Called by DerivedParameters: it is to be told when the elements are freed.
  void mark_derived_from() const { storage_->has_derived = true; }

  void swap(Tensor& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(storage_, other.storage_);
    std::swap(byte_offset_, other.byte_offset_);
    std::swap(shape_, other.shape_);
    std::swap(dtype_, other.dtype_);
  }

 private:
  Tensor(const Device& device, Storage* storage, const Shape& shape, DType dtype);

  Device device_;
  Storage* storage_ = nullptr;
  std::size_t byte_offset_ = 0;
  Shape shape_;
  DType dtype_ = DType::f32;
};

/// Uninitialised, with the device, shape and dtype of `like`.
Tensor empty_like(const Tensor& like);

/// A persistent tensor with the given elements, converted to `dtype`.
Tensor from_host(const Device& device, const Shape& shape, std::span<const float> values,
                 DType dtype = DType::f32);
/// The elements as floats on the host.
std::vector<float> to_host(const Tensor& tensor);

}  // namespace ddim::engine
