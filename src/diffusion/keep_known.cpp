#include "diffusion/keep_known.h"

#include <cmath>
#include <vector>

#include "base/error.h"
#include "diffusion/prediction.h"

namespace ddim::engine::diffusion {
namespace {

/// For each pixel of N images, factor * kept, or rest where it is not.
std::vector<double> per_pixel(std::span<const double> kept, std::int64_t num_images, double factor,
                              double rest) {
  std::vector<double> factors;
  factors.reserve(kept.size() * static_cast<std::size_t>(num_images));
  for (std::int64_t n = 0; n < num_images; ++n)
    for (const double is_kept : kept) factors.push_back(is_kept * factor + (1.0 - is_kept) * rest);
  return factors;
}

/// Pixels as if they were images: [N*H*W,C].
Tensor pixels_of(const Tensor& x) { return x.view({x.size() / x.dim(3), x.dim(3)}); }

}  // namespace

Denoiser keep_known(const Schedule& schedule, Prediction prediction, const Denoiser& denoiser,
                    const Tensor& known, std::span<const double> kept) {
  require(known.shape().rank() == 4 && std::ssize(kept) == known.dim(1) * known.dim(2),
          "inpaint: a mask of ", kept.size(), " pixels for images of ", known.shape());
  return [&schedule, &denoiser, prediction, known,
          kept = std::vector<double>(kept.begin(), kept.end())](const Tensor& x, double t) {
    require(x.shape() == known.shape(), "inpaint: a state of ", x.shape(), " for images of ",
            known.shape());
    const double alpha_bar = schedule.alpha_bar_at(t);
    const Target target = training_target(prediction, alpha_bar);
    // The wanted output is from_x0 x_0 + from_eps eps, and eps is linear in x_t and x_0.
    const double from_x = target.from_eps / std::sqrt(1.0 - alpha_bar);
    const double from_known = target.from_x0 - from_x * std::sqrt(alpha_bar);
    const std::int64_t num_images = x.dim(0);

    Kernels& kernels = x.device().kernels();
    Tensor oracle = empty_like(x);
    Tensor oracle_pixels = pixels_of(oracle);
    kernels.mix_per_image(per_pixel(kept, num_images, from_x, 0.0), pixels_of(x),
                          per_pixel(kept, num_images, from_known, 0.0), pixels_of(known),
                          oracle_pixels);
    const Tensor network = denoiser(x, t);
    kernels.mix_per_image(per_pixel(kept, num_images, 1.0, 1.0), oracle_pixels,
                          per_pixel(kept, num_images, 0.0, 1.0), pixels_of(network), oracle_pixels);
    return oracle;
  };
}

Tensor restore_known(const Tensor& x, const Tensor& known, std::span<const double> kept) {
  Tensor result = empty_like(x);
  Tensor pixels = pixels_of(result);
  x.device().kernels().mix_per_image(per_pixel(kept, x.dim(0), 0.0, 1.0), pixels_of(x),
                                     per_pixel(kept, x.dim(0), 1.0, 0.0), pixels_of(known), pixels);
  return result;
}

}  // namespace ddim::engine::diffusion
