#include <ddim/consistency.h>
#include <ddim/evaluate.h>
#include <ddim/pictures.h>
#include <ddim/reconstruct.h>

#include <algorithm>
#include <utility>

#include "api/model_implementation.h"
#include "base/error.h"
#include "data/dataset.h"
#include "eval/code_statistics.h"
#include "eval/consistency.h"
#include "eval/differences.h"
#include "eval/eps_error.h"
#include "eval/reconstruct.h"

namespace ddim {

using namespace engine;
namespace {

eval::EvaluationImages load_images(const PictureShape& shape, const DataOptions& options,
                                   data::Labels labels) {
  data::Dataset dataset = data::load_dataset(
      options.data, data::DatasetOptions{.split = options.split,
                                         .channels = shape.channels,
                                         .skip_corrupt = options.read.skip_corrupt,
                                         .background = options.read.background,
                                         .labels = labels});
  if (options.read.report) options.read.report(dataset.report);
  const Fit fit = data::fit_for(dataset.images, shape.height, shape.width);
  eval::EvaluationImages result{.labels = std::move(dataset.labels),
                                .inner_height = std::min(dataset.images.height, shape.height),
                                .inner_width = std::min(dataset.images.width, shape.width)};
  if (fit == Fit::crop_resize) {
    result.inner_height = shape.height;
    result.inner_width = shape.width;
  }
  const data::Images images = data::fit_to(std::move(dataset.images), fit, shape.height,
                                           shape.width, options.data.string());
  const std::int64_t count = std::min(images.count, options.max_images.value_or(images.count));
  require(count >= 2, "evaluate: an interval needs at least 2 images; got ", count);
  result.images = data::to_floats(images, count);
  if (labels == data::Labels::read) result.labels.resize(static_cast<std::size_t>(count));
  return result;
}

}  // namespace

EpsErrors eps_error(const Model& model, const EpsErrorOptions& options) {
  const bool is_told_classes =
      ModelAccess::is_loaded(model) &&
      ModelAccess::loaded(model, "eps_error").unet.config().class_embed_type !=
          ClassEmbedType::none;
  const run::TrainedNetwork& trained = ModelAccess::trained(model);
  check_eps_error(model, options);
  return eval::eps_error(trained,
                         load_images(trained.network->shape(), options.data,
                                     is_told_classes ? data::Labels::read : data::Labels::ignore),
                         options);
}

void check_eps_error(const Model& model, const EpsErrorOptions& options) {
  require(options.data.max_images.value_or(2) >= 2,
          "max_images must be 2 or greater, because an interval needs 2 pictures; got ",
          options.data.max_images.value_or(0));
  eval::check_times(ModelAccess::described(model), options.t);
}

std::vector<ReconstructedAt> reconstruct(const Model& model, const FloatImages& pictures,
                                         const ReconstructOptions& options) {
  return eval::reconstruct(ModelAccess::trained(model), pictures, options);
}

std::vector<ConsistencyAt> consistency(const Model& model, const ConsistencyOptions& options) {
  return eval::consistency(ModelAccess::trained(model), options);
}

CodeStatistics code_statistics(const FloatImages& x_T) { return eval::code_statistics(x_T); }

std::vector<double> mean_squared_differences(const FloatImages& a, const FloatImages& b) {
  return eval::mean_squared_differences(a, b);
}

}  // namespace ddim
