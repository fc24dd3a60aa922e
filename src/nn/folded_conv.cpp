#include "nn/folded_conv.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ddim::engine {

const NamedTensor& ClassifierFile::get(const std::string& tensor,
                                       const std::vector<std::int64_t>& shape) const {
  const auto found = tensors.find(tensor);
  if (found == tensors.end())
    fail(ErrorCode::corrupt, name, ": has no tensor ", tensor, " of the ", network, " network");
  if (found->second.shape != shape)
    fail(ErrorCode::corrupt, name, ": ", tensor, " must be [", join(shape, ","), "], found [",
         join(found->second.shape, ","), "]");
  return found->second;
}

FoldedConv fold(const Device& device, const ClassifierFile& file, const std::string& conv,
                const std::string& norm, const std::vector<std::int64_t>& shape, double epsilon) {
  const NamedTensor& weight = file.get(conv + ".weight", shape);
  const std::int64_t C_out = shape[0];
  const auto of_norm = [&](const char* part) -> const NamedTensor& {
    return file.get(norm + part, {C_out});
  };
  const NamedTensor &gamma = of_norm(".weight"), &beta = of_norm(".bias"),
                    &mean = of_norm(".running_mean"), &variance = of_norm(".running_var");
  std::vector<float> values = weight.values, bias;
  const std::size_t row = values.size() / static_cast<std::size_t>(C_out);
  for (std::size_t c = 0; c < static_cast<std::size_t>(C_out); ++c) {
    const double factor = gamma.values[c] / std::sqrt(variance.values[c] + epsilon);
    for (std::size_t i = c * row; i < (c + 1) * row; ++i)
      values[i] = static_cast<float>(values[i] * factor);
    bias.push_back(static_cast<float>(beta.values[c] - mean.values[c] * factor));
  }
  return {.weight = from_host(device, Shape(shape), values),
          .bias = from_host(device, {C_out}, bias)};
}

std::vector<float> class_probabilities(const std::vector<float>& features,
                                       const NamedTensor& weight, std::span<const float> bias) {
  const std::size_t classes = bias.size(), K = weight.values.size() / classes;
  std::vector<float> probabilities;
  std::vector<double> logits(classes);
  for (std::size_t first = 0; first < features.size(); first += K) {
    for (std::size_t c = 0; c < classes; ++c) {
      logits[c] = bias[c];
      for (std::size_t i = 0; i < K; ++i)
        logits[c] += static_cast<double>(weight.values[c * K + i]) * features[first + i];
    }
    const double largest = *std::ranges::max_element(logits);
    double sum = 0.0;
    for (double& logit : logits) sum += logit = std::exp(logit - largest);
    for (const double p : logits) probabilities.push_back(static_cast<float>(p / sum));
  }
  return probabilities;
}

}  // namespace ddim::engine
