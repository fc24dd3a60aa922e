#pragma once

#include <span>
#include <vector>

#include "nn/linear.h"
#include "nn/unet_config.h"

namespace ddim {

/// The width of the time embedding that blocks see: four times the channels after conv_in.
std::int64_t time_embedding_channels(const UNetConfig& config);

/// The sinusoidal embedding of each t (Vaswani et al., section 3.5), computed in double:
///   f_i = 10000^(-i / (half - freq_shift)), i = 0..half-1, half = conv_in_channels / 2
///   row n = [sin(t_n f), cos(t_n f)], or [cos, sin] with flip_sin_to_cos.
/// t may be any real number. Returns rows one after the other.
std::vector<float> sinusoidal_embedding(std::span<const double> t, const UNetConfig& config);

/// temb = linear_2(silu(linear_1(sinusoidal_embedding(t))))
class TimeEmbedding {
 public:
  TimeEmbedding(ParameterList& parameters, const std::string& name, const UNetConfig& config,
                DType dtype);

  /// t [N] -> [N,C_emb], on `device`, which is where the network runs.
  Var operator()(Tape& tape, const Device& device, std::span<const double> t) const;

 private:
  UNetConfig config_;
  DType dtype_;
  Linear linear_1_, linear_2_;
};

}  // namespace ddim
