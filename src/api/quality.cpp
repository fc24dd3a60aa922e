#include <ddim/counts.h>
#include <ddim/quality.h>

#include <algorithm>
#include <iostream>
#include <mutex>
#include <optional>
#include <vector>

#include "api/data_for_model.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "eval/feature_statistics.h"
#include "eval/frechet_distance.h"
#include "eval/set_distances.h"
#include "run/reporter.h"
#include "train/held_out.h"

namespace ddim {

using namespace engine;

namespace {

constexpr std::int64_t kNeighbours = kFewestPictures - 1;
constexpr std::int64_t kNumSubsets = 100;
constexpr std::int64_t kSubsetSize = 1000;

eval::FrechetSide side_of(const FeatureSet& set, const QualityOptions& options) {
  eval::FrechetSide side{
      .statistics = {.count = set.count, .mean = set.mean, .covariance = set.covariance},
      .rows = {.dimensions = set.dimensions, .values = set.features}};
  // Statistics without a count are published ones, of enough pictures.
  if (options.few_pictures == FewPictures::shrink && set.count > 0)
    side.shrinkage = eval::shrink(side.statistics);
  return side;
}

Measure measure_of(const eval::Interval& interval) {
  return {.value = interval.mean, .half_width_95 = interval.half_width_95};
}

}  // namespace

SeenAs seen_by(const Model& model, const DataOptions& options) {
  const ModelInfo& info = model.info();
  data::DatasetOptions reading = reading_for(info, options);
  const auto load = [&]() -> std::optional<data::Dataset> {
    try {
      return data::load_dataset(options.data, reading);
    } catch (const Error&) {  // who reads it next says why
      return std::nullopt;
    }
  };
  SeenAs seen{.background = reading.background};
  std::optional<data::Dataset> set;
  if (info.training_data) {
    reading.labels = info.num_classes > 0 ? data::Labels::read : data::Labels::ignore;
    reading.max_images = {};
    set = load();
  }
  std::optional<Fit> fit;
  if (set) {
    fit = set->fitted.fit;
    if (info.data_config && info.data_config->validation.share > 0.0)
      train::hold_out(*set, info.data_config->validation.share);
    seen.is_training_data = data::fingerprint(*set) == info.training_data;
  } else {
    reading.channels = 3;  // as extractors do
    reading.labels = data::Labels::ignore;
    reading.max_images = options.max_images;
    if (set = load(); set) fit = set->fitted.fit;
  }
  seen.fit = {.fit = fit.value_or(Fit::crop_resize),
              .height = info.shape.height,
              .width = info.shape.width};
  return seen;
}

void check_sets(const FeatureSet& first, const FeatureSet& second, FewPictures few_pictures) {
  const auto agree = [&](const char* what, const auto& a, const auto& b) {
    require(a == b, "evaluate: the sets have different ", what, ": ", first.source, " has ", a,
            ", ", second.source, " has ", b, "; make the features of both in the same way");
  };
  const auto agree_if_known = [&](const char* what, const std::string& a, const std::string& b) {
    if (!a.empty() && !b.empty()) agree(what, a, b);
  };
  agree_if_known("extractors", first.recipe.extractor, second.recipe.extractor);
  agree("numbers of features", first.dimensions, second.dimensions);
  agree_if_known("extractor hashes", first.recipe.extractor_hash, second.recipe.extractor_hash);
  agree_if_known("resizings", first.recipe.resizing, second.recipe.resizing);
  agree_if_known("roundings", first.recipe.rounding, second.recipe.rounding);
  const auto size_of = [](const FeatureSet& set) {
    return set.width == 0 ? "" : concat(set.width, "x", set.height);
  };
  agree_if_known("sizes of pictures", size_of(first), size_of(second));
  require(first.pictures_hash.empty() || first.pictures_hash != second.pictures_hash,
          "evaluate: both sets are the same ", first.count, " pictures: ", first.source, " and ",
          second.source, "; give another set, or another split of it");
  for (const FeatureSet* set : {&first, &second}) {
    if (set->count == 0) continue;
    const std::string has =
        concat("evaluate: ", set->source, " has ", count_of(set->count, "pictures"));
    if (few_pictures == FewPictures::shrink) {
      require(set->count >= kFewestPictures, has, "; at least ", kFewestPictures, " are needed");
    } else {
      const std::int64_t needed = std::max(kFewestPictures, set->dimensions + 1);
      require(set->count >= needed, has, "; a covariance of ", set->dimensions,
              " features needs at least ", needed,
              " (10,000 for a figure that others can compare); --shrink takes fewer, ",
              kFewestPictures, " or more, and shrinks the covariances");
    }
  }
}

namespace {

/// Shows how far a comparison is, and ends it when a stop is requested.
class ComparisonProgress {
 public:
  ComparisonProgress(const QualityOptions& options, std::int64_t num_steps)
      : options_(options),
        display_(std::clog, run::style_of(options.show_progress), "steps of the comparison") {
    display_.begin(0, num_steps);
  }
  eval::Tick tick() {
    return [this] { advance(); };
  }
  void advance() {
    if (options_.stop.stop_requested())
      fail(ErrorCode::interrupted, "evaluate: stopped while the sets were compared");
    const std::lock_guard lock(mutex_);
    display_.update(++num_done_, "");
  }

 private:
  const QualityOptions& options_;
  std::mutex mutex_;
  std::int64_t num_done_ = 0;
  Progress display_;
};

}  // namespace

Quality compare_sets(const FeatureSet& first, const FeatureSet& second,
                     const QualityOptions& options) {
  check_sets(first, second, options.few_pictures);
  const int threads = num_threads_of(options.threads);
  const bool has_features = !first.features.empty() && !second.features.empty();
  const bool has_manifolds = has_features && options.manifolds == Manifolds::compare;
  std::int64_t num_steps = 1 + (has_features ? kNumSubsets : 0);
  if (has_manifolds) num_steps += 2 * eval::num_ticks_of_part(first.count, second.count);
  ComparisonProgress steps(options, num_steps);
  const eval::FrechetSide a = side_of(first, options), b = side_of(second, options);
  Quality result{.frechet_distance = measure_of(eval::frechet_interval(a, b)),
                 .first_shrinkage = a.shrinkage,
                 .second_shrinkage = b.shrinkage};
  if (!first.probabilities.empty())
    result.inception_score = measure_of(
        eval::inception_score({.dimensions = first.classes, .values = first.probabilities}));
  steps.advance();
  if (!has_features) return result;
  result.subset_size = std::min(kSubsetSize, std::min(first.count, second.count) / 2);
  result.kernel_distance = measure_of(eval::kernel_distance(
      a.rows, b.rows,
      {.subset_size = result.subset_size, .num_subsets = kNumSubsets, .seed = options.seed},
      steps.tick()));
  if (!has_manifolds) return result;
  result.precision =
      measure_of(eval::part_within(a.rows, b.rows, kNeighbours, threads, steps.tick()));
  result.recall = measure_of(eval::part_within(b.rows, a.rows, kNeighbours, threads, steps.tick()));
  return result;
}

Image nearest_neighbours(const FeatureSet& first, const FeatureSet& second, std::int64_t rows,
                         std::int64_t neighbours) {
  for (const FeatureSet* set : {&first, &second})
    require(!set->pictures.empty(), "neighbours: ", set->source, " has no pictures to show");
  require(rows >= 1 && first.count >= rows, "neighbours: ", rows, " rows need as many pictures; ",
          first.source, " has ", first.count);
  const eval::FeatureRows points{.dimensions = first.dimensions, .values = first.features};
  const eval::FeatureRows reference{.dimensions = second.dimensions, .values = second.features};
  std::vector<Image> cells;
  const auto add = [&](const FeatureSet& set, std::int64_t index) {
    const std::int64_t bytes = 3 * set.height * set.width;
    const auto begin = set.pictures.begin() + index * bytes;
    cells.push_back({.width = set.width,
                     .height = set.height,
                     .channels = 3,
                     .pixels = {begin, begin + bytes}});
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t index = row * first.count / rows;
    add(first, index);
    for (const std::int64_t nearest : eval::nearest_rows(points[index], reference, neighbours))
      add(second, nearest);
  }
  GridOptions grid{.columns = neighbours + 1,
                   .scale = std::max<std::int64_t>(1, 64 / first.width),
                   .column_labels = {"first", "nearest"}};
  for (std::int64_t k = 2; k <= neighbours; ++k) grid.column_labels.push_back(std::to_string(k));
  return make_grid(cells, grid);
}

}  // namespace ddim
