#include "diffusion/network_call.h"

#include <algorithm>

#include "base/error.h"
#include "diffusion/half_of_channels.h"

namespace ddim::engine::diffusion {
namespace {

Tensor image_of(const Tensor& x, std::int64_t n) { return x.defined() ? x.slice(n, 1) : Tensor(); }

}  // namespace

NetworkCall::NetworkCall(const PlanOptions& options, const Denoiser& denoiser, const Tensor& like)
    : clip_(options.clip),
      learns_variance_(options.sampler == Sampler::ddpm_learned),
      denoiser_(denoiser),
      unclipped_x0_(clip_.bound == Clip::Bound::quantile ? empty_like(like) : Tensor()) {}

NetworkCall::Output NetworkCall::output(const Tensor& x_t, double t,
                                        const std::string& where) const {
  const Tensor output = denoiser_(x_t, t);
  std::vector<std::int64_t> dims(x_t.shape().dims().begin(), x_t.shape().dims().end());
  if (learns_variance_) dims.back() *= 2;
  require(output.shape() == Shape(dims), "sample: the denoiser returned ", output.shape(), " for ",
          x_t.shape(), learns_variance_ ? ", not as many channels again for the variance" : "");
  if (!x_t.device().kernels().is_finite_so_far(output, concat("the network's output at ", where)))
    fail(ErrorCode::numeric, "sample: the network's output at ", where, " holds NaN or infinity");
  if (!learns_variance_) return {.prediction = output};
  return {.prediction = half_of_channels(output, Half::first),
          .variance = half_of_channels(output, Half::second)};
}

void NetworkCall::update(const SamplerUpdate& update, const Tensor& x_t, const Tensor& output,
                         const Tensor& z, Tensor& y, Tensor& x0_pred) {
  Kernels& kernels = x_t.device().kernels();
  if (clip_.bound != Clip::Bound::quantile) {
    kernels.sampler_update(update, x_t, output, z, y, x0_pred);
    return;
  }
  Tensor x0 = unclipped_x0_.slice(0, x_t.dim(0));
  const double factors[] = {update.x0_from_x, update.x0_from_output};
  const Tensor terms[] = {x_t, output};
  kernels.linear_combination(factors, terms, x0);
  std::vector<double> quantiles(static_cast<std::size_t>(x_t.dim(0)));
  kernels.absolute_quantile(x0, clip_.quantile, quantiles);
  for (std::int64_t n = 0; n < x_t.dim(0); ++n) {
    SamplerUpdate of_image = update;
    of_image.clip = std::clamp(quantiles[static_cast<std::size_t>(n)], 1.0, clip_.max);
    of_image.x0_scale = 1.0 / of_image.clip;
    Tensor y_n = image_of(y, n), x0_n = image_of(x0_pred, n);
    kernels.sampler_update(of_image, x_t.slice(n, 1), output.slice(n, 1), image_of(z, n), y_n,
                           x0_n);
  }
}

}  // namespace ddim::engine::diffusion
