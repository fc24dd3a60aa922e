#include <ddim/quality.h>

#include "base/error.h"

namespace ddim {

using namespace engine;

ExtractedSets extract_sets(const SetsToCompare& sets,
                           const std::optional<FeatureExtractor>& extractor,
                           const FeatureOptions& options, const RunOptions& run) {
  ExtractedSets made;
  const auto network = [&]() -> const FeatureExtractor& {
    require(extractor.has_value(), "evaluate: sets of pictures need an extractor");
    return *extractor;
  };
  const auto read = [&](const DataOptions& set, bool has_pictures, const PictureFit& first) {
    if (!has_pictures) return read_statistics(set.data);
    FeatureOptions reading = options;
    reading.first = first;
    reading.check = [&](const FeatureSet& found) {
      if (made.second) {
        check_sets(found, *made.second, sets.few_pictures);
      } else if (sets.second) {
        check_sets({.dimensions = found.dimensions}, found, sets.few_pictures);
      }
    };
    return network().extract(set, reading, run);
  };
  std::optional<DataOptions> second = sets.second;
  const bool has_pictures = second && !holds_statistics(second->data);
  if (sets.model == nullptr) {
    if (second) made.second = read(*second, has_pictures, {});
    made.first = read(sets.first, !holds_statistics(sets.first.data), {});
    return made;
  }
  const Model& model = *sets.model;
  SampleOptions drawing = sets.drawing;
  drawing.run = run;
  const Plan plan = make_plan(model, drawing.plan);
  check_sample(model, plan, drawing);
  const FeatureSet to_draw =
      network().set_to_draw(model, drawing.count, options.fit, sets.drawn_name);
  if (second) {
    check_sets(to_draw, {.dimensions = to_draw.dimensions}, sets.few_pictures);
    if (has_pictures) {
      made.seen = seen_by(model, *second);
      second->read.background = made.seen.background;
    }
    made.second = read(*second, has_pictures, made.seen.fit);
    check_sets(to_draw, *made.second, sets.few_pictures);
  }
  made.first =
      network().extract(sets.with_weights ? sets.with_weights() : model, plan, drawing, options);
  return made;
}

}  // namespace ddim
