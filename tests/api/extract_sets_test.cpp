#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "tests/api/small_models.h"

namespace ddim::api_test {
namespace {

using testing::HasSubstr;

std::string refusal_of(const SetsToCompare& sets, const std::optional<FeatureExtractor>& extractor,
                       const FeatureOptions& options = {}) {
  try {
    extract_sets(sets, extractor, options, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::user);
    return error.what();
  }
  return "nothing was refused";
}

class ExtractSets : public MicroModel {
 protected:
  DataOptions set_of(const std::string& name, std::int64_t count) const {
    write_npz(folder_ / name, pictures(count));
    return {.data = folder_ / name};
  }

  std::optional<FeatureExtractor> extractor_ =
      FeatureExtractor::load("models/features/resnet56-cifar10");
  FeatureOptions padded_{.fit = Fit::pad};
};

TEST_F(ExtractSets, OfStatisticsNeedNoExtractorButOfPicturesTheyDo) {
  FeatureSet statistics{.dimensions = 2, .mean = {0.5, 0.0}, .covariance = {1.0, 0.0, 0.0, 1.0}};
  write_statistics(folder_ / "a.npz", statistics);
  statistics.mean = {0.5, 3.0};
  write_statistics(folder_ / "b.npz", statistics);
  SetsToCompare sets{.first = {.data = folder_ / "a.npz"},
                     .second = DataOptions{.data = folder_ / "b.npz"}};
  const ExtractedSets both = extract_sets(sets, {}, {}, {});
  EXPECT_NEAR(compare_sets(both.first, *both.second).frechet_distance.value, 9.0, 1e-9);
  sets.second.reset();
  EXPECT_FALSE(extract_sets(sets, {}, {}, {}).second);
  sets.first = set_of("pictures.npz", 5);
  EXPECT_THAT(refusal_of(sets, {}), HasSubstr("need an extractor"));
  sets.model = &model_;
  EXPECT_THAT(refusal_of(sets, {}), HasSubstr("need an extractor"));
}

TEST_F(ExtractSets, AsksForWeightsOnceNothingElseIsWrong) {
  const Model described = Model::without_weights(folder_ / "micro");
  const DataOptions enough = set_of("enough.npz", 70);
  int num_asked = 0;
  SetsToCompare sets{.model = &described,
                     .with_weights =
                         [&] {
                           ++num_asked;
                           return model_;
                         },
                     .drawing = {.plan = {.steps = 1}, .count = 3},
                     .drawn_name = "what is drawn here",
                     .second = enough,
                     .few_pictures = FewPictures::shrink};
  EXPECT_THAT(refusal_of(sets, extractor_, padded_), HasSubstr("what is drawn here has 3"));
  sets.drawing.count = 4;
  EXPECT_THAT(refusal_of(sets, extractor_), HasSubstr("what is drawn here"));  // 8x8, not fitted
  sets.second = set_of("few.npz", 3);
  EXPECT_THAT(refusal_of(sets, extractor_, padded_), HasSubstr("few.npz has 3"));
  sets.drawing.plan.steps = 5000;
  EXPECT_THAT(refusal_of(sets, extractor_, padded_), HasSubstr("steps"));
  EXPECT_EQ(num_asked, 0);

  sets.drawing.plan.steps = 1;
  sets.second = enough;
  const ExtractedSets made = extract_sets(sets, extractor_, padded_, {});
  EXPECT_EQ(num_asked, 1);
  EXPECT_EQ(made.first.count, 4);
  EXPECT_EQ(made.second->count, 70);
  EXPECT_EQ(made.seen.fit.fit, Fit::none) << "they have the model's size";

  // A model that has its weights draws the same.
  sets.model = &model_;
  sets.with_weights = {};
  EXPECT_EQ(extract_sets(sets, extractor_, padded_, {}).first.features, made.first.features);
}

TEST_F(ExtractSets, ThoseWhoJoinLeaveTheFeaturesAndWhatSaysSo) {
  SetsToCompare sets{.first = set_of("some.npz", 12), .few_pictures = FewPictures::shrink};
  const std::vector<float> alone = extract_sets(sets, extractor_, padded_, {}).first.features;
  FeatureOptions joined = padded_;
  joined.folder = folder_ / "features";
  joined.sharing.join = true;
  for (int time = 0; time < 2; ++time)
    EXPECT_EQ(extract_sets(sets, extractor_, joined, {}).first.features, alone);
  std::set<std::string> left;
  for (const auto& found : std::filesystem::recursive_directory_iterator(joined.folder))
    left.insert(found.path().filename().string().substr(0, 9));
  EXPECT_EQ(left, std::set<std::string>({"features-", "block-000", "run"}));
}

}  // namespace
}  // namespace ddim::api_test
