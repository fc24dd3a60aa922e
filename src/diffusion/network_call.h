#pragma once

#include <string>
#include <vector>

#include "diffusion/sampler.h"

namespace ddim::engine::diffusion {

/// A call of the network and what a sampler makes of the answer. Takes all its memory when made.
class NetworkCall {
 public:
  /// For states of the shape of `like`. `clip` and `denoiser` must outlive this.
  NetworkCall(const Clip& clip, const Denoiser& denoiser, const Tensor& like);

  /// The network's output at (x_t, t). Error(user) for another shape than x_t's, Error(numeric),
  /// naming `where`, when it holds NaN or infinity.
  Tensor output(const Tensor& x_t, double t, const std::string& where) const;

  /// SamplerUpdate, with the dynamic threshold where the clip asks for it.
  void update(const SamplerUpdate& update, const Tensor& x_t, const Tensor& output, const Tensor& z,
              Tensor& y, Tensor& x0_pred);

 private:
  const Clip& clip_;
  const Denoiser& denoiser_;
  Tensor unclipped_x0_;  // with a dynamic threshold only
};

}  // namespace ddim::engine::diffusion
