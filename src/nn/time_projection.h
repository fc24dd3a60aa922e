#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "nn/parameter_list.h"
#include "nn/unet_config.h"
#include "tensor/tape.h"

namespace ddim::engine {

/// How many numbers stand for one t.
std::int64_t time_projection_channels(const UNetConfig& config);

/// The sinusoidal embedding of each t (Vaswani et al., section 3.5), computed in double:
///   f_i = 10000^(-i / (half - freq_shift)), i = 0..half-1, half = conv_in_channels / 2
///   row n = [sin(t_n f), cos(t_n f)], or [cos, sin] with flip_sin_to_cos.
/// t may be any real number. Returns rows one after the other.
std::vector<float> sinusoidal_embedding(std::span<const double> t, const UNetConfig& config);

/// row n = [sin(2 pi f log t_n), cos(2 pi f log t_n)] for given frequencies f (Song et al.,
/// arXiv:2011.13456, appendix H). The angle is rounded to float at each step, as PyTorch does it:
/// frequencies are large enough for that to be seen.
std::vector<float> fourier_embedding(std::span<const double> t, std::span<const float> frequencies);

/// The numbers that stand for t before the first linear layer, of the configuration's
/// TimeEmbeddingType.
class TimeProjection {
 public:
  /// Parameter "time_proj.weight": the frequencies [C] of `fourier`, the rows [T,C] of `learned`;
  /// none for `positional`.
  TimeProjection(ParameterList& parameters, const UNetConfig& config, DType dtype);

  /// Throws Error(user) for a t that the type has no meaning for: 0 or less for `fourier`, other
  /// than 0, 1 .. T-1 for `learned`.
  void check(std::span<const double> t) const;

  /// t [N] -> [N,C], on `device`, which is where the network runs.
  Var operator()(Tape& tape, const Device& device, std::span<const double> t) const;

 private:
  UNetConfig config_;
  DType dtype_;
  std::optional<std::reference_wrapper<const Parameter>> weight_;
};

}  // namespace ddim::engine
