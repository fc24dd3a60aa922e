#pragma once

#include <string>
#include <vector>

#include "diffusion/sampler.h"

namespace ddim::engine::diffusion {

/// A call of the network and what a sampler makes of the answer. Takes all its memory when made.
class NetworkCall {
 public:
  /// For states of the shape of `like`. `options` and `denoiser` must outlive this.
  NetworkCall(const PlanOptions& options, const Denoiser& denoiser, const Tensor& like);

  struct Output {
    Tensor prediction;     ///< of x_t's shape
    Tensor variance = {};  ///< what says the variance, with Sampler::ddpm_learned
  };
  /// The network's output at (x_t, t). Error(user) for another shape than Denoiser should have,
  /// Error(numeric), naming `where`, when it holds NaN or infinity.
  Output output(const Tensor& x_t, double t, const std::string& where) const;

  /// SamplerUpdate, with the dynamic threshold where the clip asks for it.
  void update(const SamplerUpdate& update, const Tensor& x_t, const Tensor& output, const Tensor& z,
              Tensor& y, Tensor& x0_pred);

 private:
  const Clip& clip_;
  const bool learns_variance_;
  const Denoiser& denoiser_;
  Tensor unclipped_x0_;  // with a dynamic threshold only
};

}  // namespace ddim::engine::diffusion
