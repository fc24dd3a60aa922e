#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

#include "backend/cpu/aligned_bytes.h"
#include "backend/cpu/bf16.h"
#include "tensor/derived_parameters.h"

namespace ddim::engine::cpu {

/// A weight in the layout that one of our own kernels reads, of float or Bf16: a value of
/// DerivedParameters.
class PackedWeight {
 public:
  explicit PackedWeight(std::size_t num_bytes) : data_(allocate_aligned(num_bytes)) {}

  template <class Element>
  Element* elements() {
    return reinterpret_cast<Element*>(data_.get());
  }
  template <class Element>
  const Element* elements() const {
    return reinterpret_cast<const Element*>(data_.get());
  }

 private:
  AlignedBytes data_;
};

template <class Element>
constexpr DerivedKey::Element element_of() {
  return std::is_same_v<Element, Bf16> ? DerivedKey::Element::bf16 : DerivedKey::Element::f32;
}

/// The `num_elements` elements of `key` that are made of `weight`: pack(Element*) writes them.
template <class Element, class Pack>
std::shared_ptr<const PackedWeight> packed_weight(const Tensor& weight, const DerivedKey& key,
                                                  std::int64_t num_elements, const Pack& pack) {
  const std::size_t num_bytes = static_cast<std::size_t>(num_elements) * sizeof(Element);
  return weight.device().derived_parameters().get<PackedWeight>(
      weight, key, [&] { return std::make_shared<PackedWeight>(num_bytes); },
      [&](PackedWeight& packed) { pack(packed.elements<Element>()); });
}

/// The same of a copy that one can do without: null when such copies would come to more than
/// `max_bytes` with it.
template <class Element, class Pack>
std::shared_ptr<const PackedWeight> packed_weight_if_room(const Tensor& weight,
                                                          const DerivedKey& key,
                                                          std::int64_t num_elements,
                                                          std::size_t max_bytes, const Pack& pack) {
  const std::size_t num_bytes = static_cast<std::size_t>(num_elements) * sizeof(Element);
  return weight.device().derived_parameters().get_if_room<PackedWeight>(
      weight, key, {.num_bytes = num_bytes, .max_bytes = max_bytes},
      [&] { return std::make_shared<PackedWeight>(num_bytes); },
      [&](PackedWeight& packed) { pack(packed.elements<Element>()); });
}

}  // namespace ddim::engine::cpu
