#include "model/encode.h"

#include <algorithm>
#include <utility>

#include "diffusion/invert.h"
#include "model/run_images.h"

namespace ddim::model {

Encoded encode(const UNet& unet, const EncodeOptions& options) {
  const std::vector<diffusion::EncodeStep> steps = diffusion::make_encoding(options.plan);
  check_images(unet, options.count, options.images, "encode");
  const auto count = static_cast<std::size_t>(options.count);
  Encoded result{.x_T = {},
                 .num_calls = std::vector<std::int64_t>(count, std::ssize(steps)),
                 .residuals = std::vector<double>(count)};

  const ImageProcess encode_batch = [&](const MicroBatch& batch) {
    const Tensor x_0 = batch.upload(options.images);
    const auto observer = [&](const diffusion::EncodeReport&) { return batch.step_done(); };
    if (options.method == EncodeMethod::euler)
      return diffusion::encode(steps, batch.denoiser, x_0, observer);
    diffusion::Inverted inverted = diffusion::invert(steps, batch.denoiser, x_0, {}, observer);
    std::ranges::copy(inverted.num_calls, result.num_calls.begin() + batch.first);
    std::ranges::copy(inverted.residuals, result.residuals.begin() + batch.first);
    return std::move(inverted.x_T);
  };
  result.x_T = run_images(unet,
                          {.count = options.count,
                           .batch = options.batch,
                           .num_threads = options.num_threads,
                           .condition = options.condition,
                           .steps_per_image = std::ssize(steps),
                           .progress = options.progress},
                          encode_batch)
                   .images;
  for (std::int64_t& calls : result.num_calls) calls *= options.condition.num_calls();
  return result;
}

}  // namespace ddim::model
