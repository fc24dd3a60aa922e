#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using test::expect_error;

class Recipes : public MicroModel {};

TEST_F(Recipes, GiveTheOptionsBack) {
  const SampleOptions cases[] = {
      {},
      {.plan = {.steps = 7, .tau = TauKind::quadratic, .eta = 1.0 / 3.0},
       .count = 5,
       .seed = 1ULL << 60,
       .first_image = 9},
      {.plan = {.eta = SigmaHat{}, .clip = {.bound = Clip::Bound::range, .range = 0.9}}},
      {.plan = {.clip = {.bound = Clip::Bound::quantile,
                         .eps = Clip::EpsRule::rederive,
                         .quantile = 0.9,
                         .max = 1.5},
                .final_alpha = FinalAlpha::first}},
      {.plan = {.tau = std::vector<double>{0, 10.5, 700}, .sampler = Sampler::heun}},
      {.plan = {.steps = 10, .tau = TauKind::diffusers_leading, .steps_offset = 1}},
      {.plan = {.sampler = Sampler::adaptive, .tolerance = 0.003}},
      {.plan = {.sampler = Sampler::dpmpp_2m},
       .class_choice = {.classes = {3, 1}, .guidance = 2.5, .null_class = 10}},
      {.plan = {.strength = 0.4}, .init = InitImage{.images = pictures(1), .by = InitBy::encoding}},
  };
  for (const SampleOptions& options : cases) {
    const Recipe recipe = make_recipe(model_, options);
    SampleOptions back = options_of(recipe);
    SCOPED_TRACE(recipe.at("sampler"));
    EXPECT_TRUE(back.plan == options.plan);
    EXPECT_EQ(back.count, options.count);
    EXPECT_EQ(back.seed, options.seed);
    EXPECT_EQ(back.first_image, options.first_image);
    EXPECT_EQ(back.class_choice.classes, options.class_choice.classes);
    EXPECT_EQ(back.class_choice.guidance, options.class_choice.guidance);
    EXPECT_EQ(back.class_choice.null_class, options.class_choice.null_class);
    ASSERT_EQ(back.init.has_value(), options.init.has_value());
    if (back.init) {
      EXPECT_EQ(back.init->by, options.init->by);
      back.init->images = options.init->images;
    }
    EXPECT_EQ(make_recipe(model_, back), recipe);
  }
}

TEST_F(Recipes, OfSeveralRunsListSeedsAndGuidance) {
  std::vector<SampleOptions> runs;
  for (const std::uint64_t seed : {9, 4})
    for (const double guidance : {1.0, 2.5})
      runs.push_back({.seed = seed, .class_choice = {.classes = {3}, .guidance = guidance}});
  const Recipe recipe = recipe_of_runs(model_, runs);
  EXPECT_EQ(recipe.at("seed"), "9,4");
  EXPECT_EQ(recipe.at("guidance"), "1,2.5");
  const std::vector<SampleOptions> back = runs_of(recipe);
  ASSERT_EQ(back.size(), 4U);
  for (std::size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].seed, runs[i].seed);
    EXPECT_EQ(back[i].class_choice.guidance, runs[i].class_choice.guidance);
  }
  EXPECT_EQ(recipe_of_runs(model_, back), recipe);
  EXPECT_EQ(recipe_of_runs(model_, std::span(runs).first(1)), make_recipe(model_, runs.front()));
  expect_error(ErrorCode::user, "4 runs", [&] { options_of(recipe); });
}

TEST_F(Recipes, SayWhatIsWrongWithThem) {
  Recipe recipe = make_recipe(model_, {});
  recipe["steps"] = "5x";
  expect_error(ErrorCode::corrupt, "steps = 5x", [&] { options_of(recipe); });
  recipe["steps"] = "5";
  recipe["mood"] = "blue";
  expect_error(ErrorCode::user, "mood = blue", [&] { options_of(recipe); });
}

class Plans : public MicroModel {};

TEST_F(Plans, AreFollowed) {
  const SampleOptions options{.plan = {.steps = 3, .eta = 0.5}, .count = 2, .seed = 4};
  const Plan plan = make_plan(model_, options.plan);
  const Samples expected = sample(model_, options);
  for (const SampleOptions& given : {options, SampleOptions{.count = 2, .seed = 4}}) {
    const Samples found = sample(model_, plan, given);
    EXPECT_EQ(found.x_0.values, expected.x_0.values);
    EXPECT_EQ(found.recipe, expected.recipe);
  }
  expect_error(ErrorCode::user, "options.plan contradicts the plan",
               [&] { sample(model_, plan, {.plan = {.steps = 4}}); });
}

class Descriptions : public MicroModel {
 protected:
  static void expect_same(const std::filesystem::path& path) {
    const ModelInfo found = describe_model(path);
    const ModelInfo expected = Model::load(path).info();
    EXPECT_EQ(found.name, expected.name);
    EXPECT_EQ(found.shape, expected.shape);
    EXPECT_EQ(found.num_parameters, expected.num_parameters);
    EXPECT_GT(found.num_parameters, 0);
    EXPECT_EQ(found.block_out_channels, expected.block_out_channels);
    EXPECT_EQ(found.attention_levels, expected.attention_levels);
    EXPECT_EQ(found.layers_per_block, expected.layers_per_block);
    EXPECT_EQ(found.num_classes, expected.num_classes);
    EXPECT_EQ(found.null_class, expected.null_class);
    EXPECT_EQ(found.process, expected.process);
    EXPECT_EQ(found.precision, expected.precision);
    EXPECT_EQ(found.format, expected.format);
    EXPECT_EQ(found.weight_type, expected.weight_type);
    EXPECT_EQ(found.has_both_weights, expected.has_both_weights);
    EXPECT_EQ(found.has_adam, expected.has_adam);
    EXPECT_EQ(found.step, expected.step);
    EXPECT_EQ(found.device, "");
    EXPECT_NE(expected.device, "");
  }
};

TEST_F(Descriptions, AreThoseOfTheLoadedModel) { expect_same(folder_ / "micro"); }

TEST_F(Descriptions, OfACheckpoint) {
  write_npz(folder_ / "set.npz", pictures(2), std::vector<std::int64_t>{0, 1});
  TrainConfig config{.model = {.sample_size = 8,
                               .layers_per_block = 1,
                               .block_out_channels = {32},
                               .class_embed_type = ClassEmbedType::lookup,
                               .num_class_embeds = 2}};
  config.training.batch = 2;
  config.training.shards = 1;
  config.training.steps = 2;
  const TrainSummary summary =
      train_model({.config = config, .data = folder_ / "set.npz", .out = folder_ / "run"});
  expect_same(summary.checkpoint);
  const ModelInfo info = describe_model(summary.checkpoint);
  EXPECT_TRUE(info.has_both_weights);
  EXPECT_TRUE(info.has_adam);
  EXPECT_EQ(info.step, 2);
  EXPECT_EQ(info.num_classes, 2);
}

}  // namespace
}  // namespace ddim::api_test
