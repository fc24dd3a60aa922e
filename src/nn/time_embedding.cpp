#include "nn/time_embedding.h"

#include <cmath>

#include "ops/silu.h"
#include "tensor/kernels.h"

namespace ddim {

std::int64_t time_embedding_channels(const UNetConfig& config) {
  return 4 * config.conv_in_channels();
}

std::vector<float> sinusoidal_embedding(std::span<const double> t, const UNetConfig& config) {
  const std::int64_t half = config.conv_in_channels() / 2;
  std::vector<float> rows;
  rows.reserve(t.size() * static_cast<std::size_t>(2 * half));
  const auto angle = [&](double t_n, std::int64_t i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(half - config.freq_shift);
    return t_n * std::exp(-std::log(10000.0) * exponent);
  };
  for (const double t_n : t) {
    for (std::int64_t i = 0; i < 2 * half; ++i) {
      const bool is_sine = (i < half) != config.flip_sin_to_cos;
      const double a = angle(t_n, i % half);
      rows.push_back(static_cast<float>(is_sine ? std::sin(a) : std::cos(a)));
    }
  }
  return rows;
}

TimeEmbedding::TimeEmbedding(ParameterList& parameters, const std::string& name,
                             const UNetConfig& config, DType dtype)
    : config_(config),
      dtype_(dtype),
      linear_1_(parameters, name + ".linear_1", config.conv_in_channels(),
                time_embedding_channels(config)),
      linear_2_(parameters, name + ".linear_2", time_embedding_channels(config),
                time_embedding_channels(config)) {}

Var TimeEmbedding::operator()(Tape& tape, const Device& device, std::span<const double> t) const {
  const auto num_images = static_cast<std::int64_t>(t.size());
  Tensor waves(device, {num_images, config_.conv_in_channels()}, dtype_);  // [N,C]
  device.kernels().upload(sinusoidal_embedding(t, config_), waves);
  Var h = linear_1_(tape, tape.constant(waves));  // [N,C_emb]
  h = silu(tape, h);                              // [N,C_emb]
  return linear_2_(tape, h);                      // [N,C_emb]
}

}  // namespace ddim
