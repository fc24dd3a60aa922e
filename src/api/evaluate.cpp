#include <ddim/evaluate.h>

#include <algorithm>
#include <iostream>

#include "api/model_implementation.h"
#include "api/num_threads.h"
#include "api/progress_style.h"
#include "data/dataset.h"
#include "eval/eps_error.h"

namespace ddim {
namespace {

struct EvaluationImages {
  std::vector<float> values;         // [N,H,W,C]
  std::vector<std::int64_t> labels;  // empty for a network that is told none
  std::int64_t count;
  std::int64_t inner_size;
};

data::Fit fit_for(const data::Images& images, std::int64_t resolution) {
  if (images.height == resolution && images.width == resolution) return data::Fit::none;
  if (images.height <= resolution && images.width <= resolution) return data::Fit::pad;
  return data::Fit::crop_resize;
}

EvaluationImages load_images(const ModelInfo& model, const EpsErrorOptions& options,
                             data::Labels labels) {
  require(model.width == model.resolution, "evaluate: the model's pictures are ", model.resolution,
          "x", model.width, "; only square ones can be evaluated");
  data::Dataset dataset = data::load_dataset(
      options.data,
      {.split = options.split == DataSplit::train ? data::Split::train : data::Split::test,
       .channels = model.channels,
       .labels = labels});
  const data::Fit fit = fit_for(dataset.images, model.resolution);
  const std::int64_t inner_size = fit == data::Fit::pad
                                      ? std::min(dataset.images.height, dataset.images.width)
                                      : model.resolution;
  const data::Images images =
      data::fit_to(std::move(dataset.images), fit, model.resolution, options.data.string());

  EvaluationImages result{
      .values = {},
      .labels = std::move(dataset.labels),
      .count = std::min(images.count, options.max_images.value_or(images.count)),
      .inner_size = inner_size};
  require(result.count >= 2, "evaluate: an interval needs at least 2 images, not ", result.count);
  const std::size_t size = images.image_bytes();
  if (labels == data::Labels::read) result.labels.resize(static_cast<std::size_t>(result.count));
  result.values.resize(static_cast<std::size_t>(result.count) * size);
  for (std::int64_t k = 0; k < result.count; ++k) {
    data::to_floats(images, k, data::Flip::no,
                    std::span(result.values).subspan(static_cast<std::size_t>(k) * size, size));
  }
  return result;
}

}  // namespace

EpsErrors eps_error(const Model& model, const EpsErrorOptions& options) {
  const model::Model& loaded = model.implementation().model;
  const bool is_told_classes = loaded.unet.config().class_embed_type != ClassEmbedType::none;
  const EvaluationImages images = load_images(
      model.info(), options, is_told_classes ? data::Labels::read : data::Labels::ignore);
  Progress display(std::clog, style_of(options.show_progress), "evaluations");
  bool begun = false;
  const auto report = [&](std::int64_t done, std::int64_t total) {
    if (!begun) display.begin(0, total);
    begun = true;
    display.update(done, "");
    return options.stop.stop_requested() ? diffusion::Flow::stop : diffusion::Flow::proceed;
  };

  const std::vector<eval::EpsError> errors =
      eval::eps_error(loaded.unet, loaded.schedule, images.values,
                      {.t = options.t,
                       .inner_size = images.inner_size,
                       .labels = images.labels,
                       .prediction = loaded.prediction,
                       .seed = options.seed,
                       .batch = options.batch,
                       .num_threads = num_threads_of(options.threads),
                       .progress = report});
  EpsErrors result{.images = images.count, .inner_size = images.inner_size, .at = {}};
  for (const eval::EpsError& error : errors) {
    result.at.push_back({.t = error.t,
                         .mean_squared_error = error.mean_squared_error,
                         .half_width_95 = error.half_width_95});
  }
  return result;
}

}  // namespace ddim
