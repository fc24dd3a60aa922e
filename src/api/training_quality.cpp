#include "api/training_quality.h"

#include <ddim/quality.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "data/images.h"
#include "diffusion/plan.h"
#include "eval/eps_error.h"
#include "run/generate.h"
#include "train/sample_grid.h"

namespace ddim {

using namespace engine;
namespace {

/// Evenly spaced ones, with their classes.
eval::EvaluationImages some_of(const data::Dataset& set, std::int64_t most) {
  eval::EvaluationImages some{.images = data::some_to_floats(set.images, most),
                              .inner_height = set.images.height,
                              .inner_width = set.images.width};
  for (std::int64_t k = 0; k < some.images.count && !set.labels.empty(); ++k)
    some.labels.push_back(set.labels[static_cast<std::size_t>(
        data::spaced_index(k, some.images.count, set.images.count))]);
  return some;
}

FeatureExtractor load_extractor() {
  const std::string name = "resnet56-cifar10";
  try {
    return FeatureExtractor::load(find_extractor(name));
  } catch (const Error& error) {
    fail(error.code(), "output.evaluate_every_steps: ", name,
         ", which compares pictures, cannot be loaded: ", error.what(), "; 0 leaves this out");
  }
}

}  // namespace

train::MeasureQuality make_quality_measure(const TrainConfig& config) {
  const std::int64_t channels = config.model.in_channels;
  require(channels == 1 || channels == 3,
          "output.evaluate_every_steps: pictures are compared by a network that takes 1 or 3 "
          "channels, and these have ",
          channels, "; set it to 0");
  const auto extractor = std::make_shared<const FeatureExtractor>(load_extractor());
  const std::int64_t size = *extractor->picture_size();
  const bool is_small = config.model.height() <= size && config.model.width() <= size;
  const FeatureOptions features{.fit = is_small ? Fit::pad : Fit::crop_resize};
  // The real ones are the same all the time.
  const auto reference = std::make_shared<std::optional<FeatureSet>>();
  return [=](const run::TrainedNetwork& averaged, const TrainConfig& now,
             const train::TrainingData& data, const RunOptions& run) -> train::MeasuredQuality {
    const OutputConfig& output = now.output;
    const auto seed = static_cast<std::uint64_t>(now.training.seed);
    train::MeasuredQuality found;
    const eval::EvaluationImages real =
        some_of(data.held_out ? *data.held_out : data.training, output.evaluate_count);
    if (data.held_out && real.images.count >= 2) {
      const std::int64_t T = averaged.schedule.num_steps();
      const EpsErrors errors = eval::eps_error(
          averaged, real, {.t = {T / 100, T / 10, T / 2, T * 9 / 10}, .seed = seed, .run = run});
      double mean = 0.0;
      for (const EpsErrorAt& at : errors.at)
        mean += at.mean_squared_error / static_cast<double>(errors.at.size());
      found.eps_error = mean;
    }
    if (real.images.count < kFewestPictures) return found;
    const SampleOptions drawing{
        .plan = {.steps = output.evaluate_steps},
        .count = real.images.count,
        .seed = seed,
        .class_choice = {.classes = train::classes_in_turn(now.model, data.training)},
        .run = run};
    const FloatImages drawn =
        run::generate(averaged,
                      diffusion::make_plan(averaged.schedule, averaged.prediction, drawing.plan),
                      drawing)
            .samples.x_0;
    if (!*reference)
      *reference = extractor->extract(real.images, features, run, "held-out pictures");
    found.kernel_distance =
        compare_sets(extractor->extract(drawn, features, run, "drawn pictures"), **reference,
                     {.few_pictures = FewPictures::shrink,
                      .manifolds = Manifolds::leave_out,
                      .seed = seed,
                      .threads = run.threads})
            .kernel_distance->value;
    return found;
  };
}

}  // namespace ddim
