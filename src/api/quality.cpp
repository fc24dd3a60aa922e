#include <ddim/quality.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "eval/feature_statistics.h"
#include "eval/frechet_distance.h"
#include "eval/set_distances.h"

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

bool is_training_data(const Model& model, const DataOptions& options) {
  const ModelInfo& info = model.info();
  if (!info.training_data) return false;
  data::DatasetOptions reading{.split = options.split,
                               .channels = info.shape.channels,
                               .skip_corrupt = options.read.skip_corrupt,
                               .background = options.read.background};
  if (info.num_classes > 0) reading.labels = data::Labels::read;
  try {
    data::Dataset dataset = data::load_dataset(options.data, reading);
    const Fit fit = data::fit_for(dataset.images, info.shape.height, info.shape.width);
    dataset.images = data::fit_to(std::move(dataset.images), fit, info.shape.height,
                                  info.shape.width, options.data.string());
    return data::fingerprint(dataset) == info.training_data;
  } catch (const Error& error) {
    // It has other channels, or no classes: the model cannot have been trained on it.
    if (error.code() == ErrorCode::user) return false;
    throw;
  }
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
          second.source, "; give another set, or another split (--second-split)");
  for (const FeatureSet* set : {&first, &second})
    require(set->count == 0 || set->count >= kFewestPictures, "evaluate: ", set->source, " has ",
            set->count, " pictures; at least ", kFewestPictures, " are needed");
  if (few_pictures == FewPictures::shrink) return;
  for (const FeatureSet* set : {&first, &second})
    require(set->count == 0 || set->count > set->dimensions, "evaluate: ", set->source, " has ",
            set->count, " pictures; a covariance of ", set->dimensions, " features needs at least ",
            set->dimensions + 1,
            " (10,000 for a figure that others can compare); or shrink the covariances with "
            "--shrink");
}

Quality compare_sets(const FeatureSet& first, const FeatureSet& second,
                     const QualityOptions& options) {
  check_sets(first, second, options.few_pictures);
  const int threads = num_threads_of(options.threads);
  const eval::FrechetSide a = side_of(first, options), b = side_of(second, options);
  Quality result{.frechet_distance = measure_of(eval::frechet_interval(a, b)),
                 .first_shrinkage = a.shrinkage,
                 .second_shrinkage = b.shrinkage};
  if (!first.probabilities.empty())
    result.inception_score = measure_of(
        eval::inception_score({.dimensions = first.classes, .values = first.probabilities}));
  if (first.features.empty() || second.features.empty()) return result;
  result.subset_size = std::min(kSubsetSize, std::min(first.count, second.count) / 2);
  result.kernel_distance = measure_of(eval::kernel_distance(
      a.rows, b.rows,
      {.subset_size = result.subset_size, .num_subsets = kNumSubsets, .seed = options.seed}));
  if (options.manifolds == Manifolds::leave_out) return result;
  result.precision = measure_of(eval::part_within(a.rows, b.rows, kNeighbours, threads));
  result.recall = measure_of(eval::part_within(b.rows, a.rows, kNeighbours, threads));
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
  return make_grid(
      cells, {.columns = neighbours + 1, .scale = std::max<std::int64_t>(1, 64 / first.width)});
}

}  // namespace ddim
