// Runs that begin from a model: what goes along, and what does not suit.
#include <gmock/gmock.h>

#include <string>

#include "model/model_files.h"
#include "tests/support/expect_error.h"
#include "tests/train/run_fixture.h"

namespace ddim::engine::train {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class BeginFromModel : public RunTest {
 protected:
  /// What a run says that begins from `model` and does one step.
  std::string log_from(const fs::path& model, const TrainConfig& config,
                       const fs::path& data = {}) {
    fs::remove_all(folder("second"));
    return log_of("second", config, {.data = data, .init = model, .max_steps = 4});
  }
};

TEST_F(BeginFromModel, ClassesOfOtherNamesAreTold) {
  const TrainConfig config = config_with_classes(2);
  const fs::path pets = class_pictures("pets", {"cat", "dog"});
  const fs::path model = train("first", config, {.data = pets, .max_steps = 3}).checkpoint;
  EXPECT_THAT(log_from(model, config, class_pictures("others", {"ape", "cat"})),
              HasSubstr("init: class 0 was cat there and is ape here, class 1 was dog there and is "
                        "cat here\n"));
  EXPECT_THAT(log_from(model, config, pets), Not(HasSubstr("there and is")));
  // These are the model's own numbers.
  EXPECT_THAT(log_from(model, config, class_pictures("numbers", {"0", "1"})),
              Not(HasSubstr("there and is")));
  // Numbers as names, which are not the model's own.
  const fs::path from_1 =
      train("from 1", config, {.data = class_pictures("from1", {"1", "2"}), .max_steps = 3})
          .checkpoint;
  EXPECT_THAT(log_from(from_1, config, folder("numbers")),
              HasSubstr("init: class 0 was 1 there and is 0 here, class 1 was 2 there and is 1"));
}

TEST_F(BeginFromModel, AnotherMeaningOfTheClassesIsRefused) {
  const fs::path pets = class_pictures("pets", {"cat", "dog"});
  const auto model_of = [&](const std::string& run, const TrainConfig& config) {
    return train(run, config, {.data = pets, .max_steps = 1}).checkpoint;
  };
  const fs::path two = model_of("two", config_with_classes(2));
  const fs::path three = model_of("three", config_with_classes(3));
  const fs::path guided = model_of("guided", config_with_classes(2, 0.5));
  const auto refused = [&](const fs::path& model, const TrainConfig& config,
                           const std::string& message) {
    expect_error(ErrorCode::user, message,
                 [&] { train("second", config, {.data = pets, .init = model}); });
    EXPECT_FALSE(fs::exists(folder("second")));
  };
  refused(guided, config_with_classes(3),
          "its class 2 means none, which needs training.label_dropout above 0.0");
  refused(guided, config_with_classes(2), "needs training.label_dropout above 0.0");
  const std::string no_null_class = "it has no class that means none";
  refused(three, config_with_classes(2, 0.5), no_null_class);
  refused(two, config_with_classes(2, 0.5), no_null_class);
  refused(two, config_with_classes(3), "model.num_classes is 2 there but 3");
  refused(guided, config_with_classes(3, 0.5), "model.num_classes is 2 there but 3");
  refused(two, tiny_config(), "model.num_classes is 2 there but 0");
  EXPECT_THAT(log_from(guided, config_with_classes(2, 0.1), pets), HasSubstr("1 steps done"));
}

// They are sums of gradients, and of their squares.
TEST_F(BeginFromModel, MomentsOfAnotherLossStayBehind) {
  const fs::path model = train("first", tiny_config(), {.max_steps = 3}).checkpoint;
  const auto anew_because = [](const std::string& changes) {
    return testing::AllOf(
        HasSubstr("init: the optimizer starts anew, from step 0, as its moments are those of "
                  "another loss: " +
                  changes + "\n"),
        HasSubstr(", 0 steps done"));
  };
  TrainConfig config = tiny_config();
  EXPECT_THAT(log_from(model, config),
              testing::AllOf(HasSubstr(", 3 steps done"), Not(HasSubstr("anew"))));
  config.training.loss = Loss::sum;
  config.training.min_snr_gamma = 5.0;
  EXPECT_THAT(log_from(model, config),
              anew_because("training.loss was mean and is now sum, training.min_snr_gamma was 0 "
                           "and is now 5"));
  config = tiny_config();
  config.diffusion.T = 500;
  EXPECT_THAT(log_from(model, config), anew_because("diffusion.T was 1000 and is now 500"));
  config = tiny_config();
  config.diffusion.schedule = BetaKind::cosine;
  EXPECT_THAT(log_from(model, config),
              anew_because("diffusion.schedule was linear and is now cosine"));
  config = tiny_config();
  config.diffusion.prediction = Prediction::v;
  const std::string log = log_from(model, config);
  EXPECT_THAT(log, HasSubstr("init: the network predicted eps and now learns to predict v\n"));
  EXPECT_THAT(log, anew_because("diffusion.prediction was eps and is now v"));
}

TEST_F(BeginFromModel, NothingIsMadeWhereThereIsNothingToDo) {
  const fs::path model = train("first", tiny_config(), {.max_steps = 3}).checkpoint;
  expect_error(ErrorCode::user, "has done 3 steps, and --max-steps is 3: there is nothing to do",
               [&] { train("second", tiny_config(), {.init = model, .max_steps = 3}); });
  TrainConfig config = tiny_config();
  config.training.steps = 3;
  config.training.warmup_steps = 0;
  expect_error(ErrorCode::user, "has done 3 steps, and training.steps is 3",
               [&] { train("second", config, {.init = model, .max_steps = 9}); });
  EXPECT_FALSE(fs::exists(folder("second")));
}

TEST_F(BeginFromModel, AModelThatIsNotHealthyIsTold) {
  TrainConfig config = tiny_config();
  config.output.keep_checkpoints = 9;
  train("first", config, {.max_steps = 15});
  const fs::path checkpoints = folder("first") / "checkpoints";
  const fs::path health = checkpoints / "step-00000015/health.json";
  EXPECT_THAT(model::open_model(folder("first")).notes, Not(Contains(HasSubstr("healthy"))));
  test::edit_text(health, "\"good\"", "\"its loss is high\"");
  const std::string note =
      "step-00000015 is not healthy: its loss is high; the last that is to be trusted is " +
      (checkpoints / "step-00000005").string();
  EXPECT_THAT(model::open_model(folder("first")).notes, Contains(note));
  EXPECT_THAT(model::open_model(checkpoints / "step-00000015/").notes, Contains(note));
  EXPECT_THAT(log_of("second", config, {.init = folder("first"), .max_steps = 16}),
              HasSubstr("init: " + note + "\n"));
  test::write_text(health, "{");  // who wants the weights only is not hindered
  EXPECT_THAT(model::open_model(folder("first")).notes, Not(Contains(HasSubstr("healthy"))));
}

}  // namespace
}  // namespace ddim::engine::train
