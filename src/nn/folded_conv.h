#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tensor/tape.h"

namespace ddim::engine {

/// A tensor of a file.
struct NamedTensor {
  std::vector<std::int64_t> shape = {};
  std::vector<float> values = {};
};
using NamedTensors = std::map<std::string, NamedTensor>;

/// The tensors of a network that classifies, and what messages call its file and the network.
struct ClassifierFile {
  const NamedTensors& tensors;
  const std::string& name;
  const char* network;  ///< "resnet56-cifar10"

  /// Error(corrupt), naming file and tensor, for one that is missing or has another shape.
  const NamedTensor& get(const std::string& tensor, const std::vector<std::int64_t>& shape) const;
};

/// A convolution whose batch norm is in its weight and bias:
///   w' = w gamma / sqrt(var + epsilon), b' = beta - mean gamma / sqrt(var + epsilon)
struct FoldedConv {
  Tensor weight;  ///< `shape`, [C_out,C_in,kernel,kernel]
  Tensor bias;    ///< [C_out]
};
/// Of the tensors CONV.weight and NORM.weight, .bias, .running_mean, .running_var.

FoldedConv fold(const Device& device, const ClassifierFile& file, const std::string& conv,
                const std::string& norm, const std::vector<std::int64_t>& shape, double epsilon);

/// The classifier's linear layer and softmax: features [N,K], weight [C,K], bias [C] ->
/// probabilities [N,C], in double.
std::vector<float> class_probabilities(const std::vector<float>& features,
                                       const NamedTensor& weight, std::span<const float> bias);

}  // namespace ddim::engine
