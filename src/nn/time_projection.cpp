#include "nn/time_projection.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "ops/gather_rows.h"
#include "tensor/derived_parameters.h"
#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

constexpr const char* kName = "time_proj.weight";

std::optional<std::reference_wrapper<const Parameter>> make_weight(ParameterList& parameters,
                                                                   const UNetConfig& config) {
  switch (config.time_embedding_type) {
    case TimeEmbeddingType::positional:
      return std::nullopt;
    case TimeEmbeddingType::fourier:
      return parameters.add(kName, {config.conv_in_channels()}, ParameterRole::frequencies);
    case TimeEmbeddingType::learned:
      return parameters.add(kName, {*config.num_train_timesteps, config.conv_in_channels()},
                            ParameterRole::table);
  }
  return std::nullopt;
}

/// The frequencies where the host can read them. A GPU would be waited for in each call.
std::shared_ptr<const std::vector<float>> on_host(const Device& device, const Tensor& frequencies) {
  return device.derived_parameters().get<std::vector<float>>(
      frequencies, {.purpose = "frequencies"},
      [] { return std::make_shared<std::vector<float>>(); },
      [&](std::vector<float>& values) { values = to_host(frequencies); });
}

}  // namespace

std::int64_t time_projection_channels(const UNetConfig& config) {
  const bool doubled = config.time_embedding_type == TimeEmbeddingType::fourier;
  return (doubled ? 2 : 1) * config.conv_in_channels();
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

std::vector<float> fourier_embedding(std::span<const double> t,
                                     std::span<const float> frequencies) {
  const std::size_t half = frequencies.size();
  std::vector<float> rows(t.size() * 2 * half);
  for (std::size_t n = 0; n < t.size(); ++n) {
    const auto log_t = static_cast<float>(std::log(t[n]));
    for (std::size_t i = 0; i < half; ++i) {
      const float turns = log_t * frequencies[i];
      const double angle = static_cast<double>(turns * 2.0F * std::numbers::pi_v<float>);
      rows[n * 2 * half + i] = static_cast<float>(std::sin(angle));
      rows[n * 2 * half + half + i] = static_cast<float>(std::cos(angle));
    }
  }
  return rows;
}

TimeProjection::TimeProjection(ParameterList& parameters, const UNetConfig& config, DType dtype)
    : config_(config), dtype_(dtype), weight_(make_weight(parameters, config)) {}

void TimeProjection::check(std::span<const double> t) const {
  for (const double t_n : t) {
    if (config_.time_embedding_type == TimeEmbeddingType::fourier) {
      require(t_n > 0.0, "unet: t is ", t_n,
              ", but a network with a fourier time embedding takes the logarithm of t; choose "
              "steps that do not visit t = 0");
    }
    if (config_.time_embedding_type == TimeEmbeddingType::learned) {
      const std::int64_t T = *config_.num_train_timesteps;
      require(t_n >= 0.0 && t_n < static_cast<double>(T) && std::floor(t_n) == t_n, "unet: t is ",
              t_n, ", but a network with a learned time embedding knows only 0, 1 .. ", T - 1);
    }
  }
}

Var TimeProjection::operator()(Tape& tape, const Device& device, std::span<const double> t) const {
  const auto observed = [&tape](const Var& rows) {
    tape.observe("time_proj", rows);
    return rows;
  };
  if (config_.time_embedding_type == TimeEmbeddingType::learned)
    return observed(gather_rows(tape, device, tape.leaf(*weight_), {t.begin(), t.end()}));  // [N,C]
  Tensor waves(device, {static_cast<std::int64_t>(t.size()), time_projection_channels(config_)},
               dtype_);  // [N,C]
  const bool fourier = config_.time_embedding_type == TimeEmbeddingType::fourier;
  device.kernels().upload(fourier ? fourier_embedding(t, *on_host(device, weight_->get().value))
                                  : sinusoidal_embedding(t, config_),
                          waves);
  return observed(tape.constant(waves));
}

}  // namespace ddim::engine
