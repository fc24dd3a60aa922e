#include <ddim/consistency.h>
#include <ddim/evaluate.h>
#include <ddim/pictures.h>
#include <ddim/reconstruct.h>

#include "api/data_for_model.h"
#include "api/model_implementation.h"
#include "base/error.h"
#include "data/class_list.h"
#include "data/dataset.h"
#include "eval/code_statistics.h"
#include "eval/consistency.h"
#include "eval/differences.h"
#include "eval/eps_error.h"
#include "eval/reconstruct.h"

namespace ddim {

using namespace engine;
namespace {

/// With classes where the network is told them.
data::Dataset load_evaluated(const Model& model, const EpsErrorOptions& options) {
  const ModelInfo& info = model.info();
  data::DatasetOptions reading = reading_for(info, options.data, options.fit);
  const bool is_told_classes = info.class_embed_type != ClassEmbedType::none;
  if (is_told_classes) reading.labels = data::Labels::read;
  data::Dataset set = data::load_dataset(options.data.data, reading);
  if (options.data.read.report) options.data.read.report(set.report);
  require(set.images.count >= 2, "evaluate: an interval needs at least 2 images; got ",
          set.images.count);
  if (is_told_classes) data::number_as(info.class_names, set, options.data.data.string());
  return set;
}

}  // namespace

EpsErrors eps_error(const Model& model, const EpsErrorOptions& options) {
  const run::TrainedNetwork& trained = ModelAccess::trained(model);
  check_eps_error(model, options);
  const data::Dataset set = load_evaluated(model, options);
  EpsErrors errors = eval::eps_error(trained,
                                     {.images = data::to_floats(set.images, set.images.count),
                                      .labels = set.labels,
                                      .inner_height = set.fitted.inner_height,
                                      .inner_width = set.fitted.inner_width},
                                     options);
  errors.part = part_text(options.data, set);
  errors.fit = set.fitted.fit;
  errors.checksum = data::fingerprint(set);
  return errors;
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
