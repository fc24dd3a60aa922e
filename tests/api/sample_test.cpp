#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/noise.h"
#include "tests/support/temporary_folder.h"

namespace ddim::api_test {
namespace {

class Sampling : public testing::Test {
 protected:
  Sampling() : model_(load()) {}

  Model load() const {
    convert_model("tests/golden/micro", folder_ / "micro");
    return Model::load(folder_ / "micro/");
  }

  test::TemporaryFolder folder_;
  Model model_;
};

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::user;
}

TEST_F(Sampling, ModelsSayWhatTheyAre) {
  const ModelInfo& info = model_.info();
  EXPECT_EQ(info.name, "micro");
  EXPECT_EQ(info.shape.height, 8);
  EXPECT_EQ(info.shape.width, 8);
  EXPECT_EQ(info.shape.channels, 3);
  EXPECT_EQ(info.process.T, 1000);
  EXPECT_DOUBLE_EQ(info.process.beta_end, 0.02);
  EXPECT_GT(info.num_parameters, 1000);
}

// Also a network that takes the class as a number, without a table of classes.
TEST_F(Sampling, TheErrorOfANetworkWithClassesIsMeasuredWithTheClassesOfTheData) {
  FloatImages images{.count = 3, .shape = {.channels = 3, .height = 8, .width = 8}, .values = {}};
  images.values = test::noise(3 * 192);
  const std::string data = (folder_ / "set.npz").string();
  write_npz(data, images, std::vector<std::int64_t>{1, 3, 0});
  for (const char* model : {"class_as_time", "classes"}) {
    const EpsErrors errors = eps_error(Model::load(std::string("tests/diffusers/goldens/") + model),
                                       {.data = {.data = data}, .t = {10}});
    EXPECT_EQ(errors.images, 3) << model;
    EXPECT_GT(errors.at.at(0).mean_squared_error, 0.0) << model;
  }
}

// Wherever the last step leads.
TEST_F(Sampling, OneStepOfAPreviewIsTheLast) {
  for (const PlanOptions& plan :
       {PlanOptions{.steps = 4}, PlanOptions{.steps = 4, .final_alpha = FinalAlpha::first},
        PlanOptions{.steps = 4, .tau = TauKind::diffusers_trailing},
        PlanOptions{.steps = 4, .sampler = Sampler::heun},
        PlanOptions{.sampler = Sampler::adaptive, .tolerance = 1.0}}) {
    std::int64_t newest = -1, last = -1, num_last = 0;
    SampleOptions options{.plan = plan};
    options.preview = [&](const StepPreview& preview) {
      newest = preview.step;
      if (!preview.is_last) return;
      last = preview.step;
      ++num_last;
    };
    sample(model_, options);
    EXPECT_EQ(num_last, 1) << to_string(plan.sampler);
    EXPECT_EQ(last, newest) << to_string(plan.sampler);
    EXPECT_GE(last, 1);
  }
}

TEST_F(Sampling, OneModelServesSeveralCallsAtTheSameTime) {
  const auto draw = [&](std::uint64_t seed) {
    return sample(model_, {.plan = {.steps = 4}, .count = 3, .seed = seed, .run = {.threads = 2}})
        .x_0.values;
  };
  std::vector<std::future<std::vector<float>>> calls;
  for (std::uint64_t seed = 0; seed < 4; ++seed)
    calls.push_back(std::async(std::launch::async, draw, seed));
  for (std::uint64_t seed = 0; seed < 4; ++seed) EXPECT_EQ(calls[seed].get(), draw(seed));
}

TEST_F(Sampling, ATrimmedModelDrawsTheSame) {
  const SampleOptions options{.plan = {.steps = 3}, .count = 2};
  const FloatImages pictures = sample(model_, options).x_0;
  model_.trim();
  EXPECT_EQ(sample(model_, options).x_0.values, pictures.values);
  std::jthread trimming([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) model_.trim();
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sample(model_, options).x_0.values, pictures.values);
}

TEST_F(Sampling, PicturesDoNotDependOnTheirNeighbours) {
  const SampleOptions options{.plan = {.steps = 3, .eta = 1.0}, .count = 5, .seed = 7};
  const Samples all = sample(model_, options);
  EXPECT_EQ(all.nfe, 3);
  EXPECT_EQ(all.x_0.count, 5);
  SampleOptions last = options;
  last.count = 1;
  last.first_image = 4;
  EXPECT_EQ(to_image(sample(model_, last).x_0, 0).pixels, to_image(all.x_0, 4).pixels);
  EXPECT_NE(to_image(all.x_0, 3).pixels, to_image(all.x_0, 4).pixels);
}

TEST_F(Sampling, TellsHowFarItIs) {
  std::int64_t done = 0;
  std::int64_t total = 0;
  sample(model_, {.plan = {.steps = 4},
                  .count = 3,
                  .run = {.batch = 1, .progress = [&](const RunProgress& now) {
                            EXPECT_GT(now.evaluations_done, done);
                            done = now.evaluations_done;
                            total = now.evaluations;
                          }}});
  EXPECT_EQ(done, 12);
  EXPECT_EQ(total, 12);
}

TEST_F(Sampling, StopsWhenAskedTo) {
  std::stop_source stop;
  std::int64_t done = 0;
  const auto stopped = [&] {
    sample(model_, {.plan = {.steps = 1000},
                    .run = {.progress =
                                [&](const RunProgress& now) {
                                  done = now.evaluations_done;
                                  if (done == 2) stop.request_stop();
                                },
                            .stop = stop.get_token()}});
  };
  EXPECT_EQ(code_of(stopped), ErrorCode::interrupted);
  EXPECT_EQ(done, 2);
}

TEST_F(Sampling, EachKindOfClippingIsASamplerOfItsOwn) {
  const auto with = [&](Clip clip) {
    return sample(model_, {.plan = {.steps = 3, .clip = clip}, .seed = 1}).x_0.values;
  };
  const Clip none, keep_eps{.bound = Clip::Bound::range},
      rederive_eps{.bound = Clip::Bound::range, .eps = Clip::EpsRule::rederive};
  EXPECT_NE(with(none), with(keep_eps));
  EXPECT_NE(with(keep_eps), with(rederive_eps));
  EXPECT_EQ(with(none), with(none));
}

TEST_F(Sampling, RefusesStatesOfAnotherShape) {
  FloatImages x_T{.count = 1, .shape = {.channels = 1, .height = 8, .width = 8}};
  x_T.values.resize(64);
  EXPECT_EQ(code_of([&] { sample(model_, {.plan = {.steps = 2}, .x_T = x_T}); }), ErrorCode::user);
  x_T.shape.channels = 3;  // but still 64 values
  EXPECT_EQ(code_of([&] { sample(model_, {.plan = {.steps = 2}, .x_T = x_T}); }), ErrorCode::user);
  x_T.values.resize(192);
  EXPECT_NO_THROW(sample(model_, {.plan = {.steps = 2}, .x_T = x_T}));
}

TEST_F(Sampling, RefusesOptionsThatCannotBe) {
  EXPECT_EQ(code_of([&] { sample(model_, {.count = 0}); }), ErrorCode::user);
  EXPECT_EQ(code_of([&] { sample(model_, {.first_image = -1}); }), ErrorCode::user);
  EXPECT_EQ(code_of([&] { sample(model_, {.count = 2, .first_image = 4294967295}); }),
            ErrorCode::user);
  EXPECT_EQ(code_of([&] { sample(model_, {.run = {.threads = -1}}); }), ErrorCode::user);
  EXPECT_EQ(code_of([&] { sample(model_, {.run = {.batch = 0}}); }), ErrorCode::user);
}

TEST_F(Sampling, AModelWithoutWeightsIsForChecksOnly) {
  const std::string file = "micro/unet/diffusion_pytorch_model.safetensors";
  for (const std::filesystem::path& path :
       {folder_ / "micro", folder_ / file, std::filesystem::path("tests/golden/micro")}) {
    const Model described = Model::without_weights(path);
    EXPECT_EQ(described.info().shape, model_.info().shape);
    EXPECT_EQ(described.info().num_parameters, model_.info().num_parameters);
    const Plan plan = make_plan(described, {.steps = 2});
    EXPECT_EQ(to_table(plan), to_table(make_plan(model_, {.steps = 2})));
    EXPECT_NO_THROW(check_sample(described, plan, {}));
    EXPECT_EQ(code_of([&] { check_sample(described, plan, {.count = 0}); }), ErrorCode::user);
    EXPECT_EQ(code_of([&] { sample(described, {.plan = {.steps = 2}}); }), ErrorCode::user);
    EXPECT_EQ(code_of([&] { described.weights_hash(); }), ErrorCode::user);
  }
}

TEST_F(Sampling, RecipesSayWhatIsDrawn) {
  SampleOptions options{.plan = {.steps = 3, .eta = 0.5}, .count = 2, .seed = 7, .first_image = 4};
  const Recipe recipe = make_recipe(model_, options);
  EXPECT_EQ(recipe, sample(model_, options).recipe);
  EXPECT_EQ(recipe.at("model_hash"), model_.weights_hash());
  EXPECT_EQ(recipe.at("size"), "8x8x3");
  EXPECT_EQ(recipe.at("x_T"), "drawn");
  options.x_T = FloatImages{.count = 2, .shape = {.channels = 3, .height = 8, .width = 8}};
  options.x_T->values.resize(384);
  const std::string zeros = make_recipe(model_, options).at("x_T");
  options.x_T->values[300] = 1.0F;
  EXPECT_NE(make_recipe(model_, options).at("x_T"), zeros);
}

TEST_F(Sampling, OnePictureOfARunCanBeDrawnAlone) {
  SampleOptions options{.plan = {.steps = 3, .eta = 1.0}, .count = 3, .seed = 7, .first_image = 4};
  options.x_T = FloatImages{.count = 3, .shape = {.channels = 3, .height = 8, .width = 8}};
  options.x_T->values = test::noise(3 * 192);
  const SampleOptions alone = only_pictures(options, 2);
  EXPECT_EQ(alone.first_image, 6);
  EXPECT_EQ(to_image(sample(model_, alone).x_0, 0).pixels,
            to_image(sample(model_, options).x_0, 2).pixels);
  EXPECT_EQ(code_of([&] { only_pictures(options, 3); }), ErrorCode::user);
  EXPECT_EQ(code_of([&] { only_pictures(options, 2, 2); }), ErrorCode::user);
  SampleOptions short_of_states = options;
  short_of_states.x_T = FloatImages{.count = 2, .shape = {1, 1, 1}, .values = {0.0F, 0.0F}};
  EXPECT_EQ(code_of([&] { only_pictures(short_of_states, 0); }), ErrorCode::user);
}

TEST_F(Sampling, PlansOfAModelAreThoseOfItsBetas) {
  const PlanOptions options{.steps = 10, .tau = TauKind::quadratic, .eta = SigmaHat{}};
  const Plan plan = make_plan(model_, options);
  EXPECT_EQ(plan.nfe, 10);
  ASSERT_EQ(plan.steps.size(), 10U);
  EXPECT_EQ(plan.steps.front().t, 999);
  EXPECT_EQ(plan.steps.back().t_prev, -1);
  EXPECT_GT(plan.steps.front().sigma, 0.9);
  EXPECT_EQ(to_json(plan), to_json(make_plan(ForwardProcess{}, options)));
  EXPECT_NE(to_json(plan), to_json(make_plan(ForwardProcess{.beta_end = 0.01}, options)));
}

TEST(ShippedModels, AreSmallWholeAndDraw) {
  int num_models = 0;
  for (const auto& folder : std::filesystem::directory_iterator("models")) {
    if (!std::filesystem::exists(folder.path() / "model_index.json")) continue;
    SCOPED_TRACE(folder.path().string());
    ++num_models;
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "README.md"));
    std::uintmax_t bytes = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path()))
      if (file.is_regular_file()) bytes += file.file_size();
    EXPECT_LT(bytes, 20'000'000U);
    const Model model = Model::load(folder.path());  // compares digests
    EXPECT_TRUE(model.info().notes.empty());
    SampleOptions options{.plan = {.steps = 2}, .count = 2};
    if (model.info().num_classes > 0) options.class_choice.classes = {0};
    const FloatImages pictures = sample(model, options).x_0;
    EXPECT_NE(to_image(pictures, 0).pixels, to_image(pictures, 1).pixels);
  }
  EXPECT_GE(num_models, 3);
}

}  // namespace
}  // namespace ddim::api_test
