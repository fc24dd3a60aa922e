#pragma once

#include <deque>
#include <span>
#include <vector>

#include "tensor/kernels.h"
#include "tensor/tensor.h"

namespace ddim::engine {

/// The elements of f32 tensors for the host to read, whatever device they live on: in their place
/// where the host can read that, or as copies, which live as long as this does.
class HostValues {
 public:
  /// Valid while the tensor lives, and has what it has now.
  std::span<const float> of(const Tensor& tensor);

 private:
  std::deque<std::vector<float>> copies_;
};

/// Lets the host write all elements of an f32 tensor, whatever device it lives on: calls
/// write(std::span<float>), whose numbers are the tensor's afterwards.
template <class WriteValues>
void write_on_host(Tensor& tensor, const WriteValues& write) {
  if (tensor.device().memory_is_the_hosts()) {
    write(tensor.values<float>());
  } else {
    std::vector<float> values(static_cast<std::size_t>(tensor.size()));
    write(std::span<float>(values));
    tensor.device().kernels().upload(values, tensor);
  }
  tensor.mark_modified();
}

}  // namespace ddim::engine
