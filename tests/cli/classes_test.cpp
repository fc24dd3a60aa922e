#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;

/// A network that was trained with two classes and, now and then, with none.
class Classes : public testing::Test {
 protected:
  Classes() {
    make_pictures(folder_ / "pictures/cat", 3);
    make_pictures(folder_ / "pictures/dog", 3);
    std::string config = small_training_config();
    config.insert(config.find("channels"), "num_classes = 2\n");
    config.insert(config.find("batch"), "label_dropout = 0.25\n");
    write_file(folder_ / "classes.toml", config);
  }
  Outcome train(const std::string& data) const {
    return run_ddim("train " + (folder_ / "classes.toml") + " --data " + (folder_ / data) +
                    " --out " + (folder_ / "run") + " --max-steps 2 --json --quiet");
  }
  Outcome sample(const std::string& model, const std::string& flags) const {
    return run_ddim("sample --steps 2 --count 3 --json --model " + model + " " + flags);
  }
  static void expect_refused(const Outcome& run, const std::string& message) {
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_NE(run.err.find(message), std::string::npos) << run.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Classes, AreTrainedDrawnAndRefusedByName) {
  const Outcome training = train("pictures");
  ASSERT_EQ(training.exit_code, 0) << training.err;
  const std::string model = Json::parse(training.out).at("checkpoint");
  const Outcome info = run_ddim("info " + model);
  EXPECT_NE(info.out.find("classes     0 to 2; 2 means none"), std::string::npos) << info.out;

  const std::string cats = folder_ / "cats.png", guided = folder_ / "guided.png",
                    turns = folder_ / "turns";
  const Outcome plain = sample(model, "--class 0 --out " + cats);
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(Json::parse(plain.out).at("nfe"), 2);
  const Outcome strong = sample(model, "--class 0 --guidance 3 --out " + guided);
  ASSERT_EQ(strong.exit_code, 0) << strong.err;
  EXPECT_EQ(Json::parse(strong.out).at("nfe"), 4);
  EXPECT_NE(read_file(cats), read_file(guided));
  EXPECT_EQ(sample(model, "--class 1,0 --out " + turns).exit_code, 0);
  const Outcome recipe = run_ddim("info " + guided);
  EXPECT_NE(recipe.out.find("guidance"), std::string::npos) << recipe.out;

  // All but the one that means none.
  const std::string all = folder_ / "all.png", listed = folder_ / "listed.png";
  EXPECT_EQ(sample(model, "--class all --out " + all).exit_code, 0);
  EXPECT_EQ(sample(model, "--class 0,1 --out " + listed).exit_code, 0);
  EXPECT_EQ(read_file(all), read_file(listed));

  const std::string out = "--out " + (folder_ / "a.png");
  expect_refused(sample(model, out), "this model has classes; choose one of 0 to 2");
  expect_refused(sample(model, "--class 3 " + out), "class: 3 does not exist");
  expect_refused(sample(model, "--class 0 --guidance -1 " + out),
                 "--guidance must be 0 or greater; got -1");
  EXPECT_EQ(sample(model, "--class cat " + out).exit_code, 2);

  const Outcome evaluation = run_ddim("evaluate --eps-error --json --t 900 --split train --model " +
                                      model + " --data " + (folder_ / "pictures"));
  EXPECT_EQ(evaluation.exit_code, 0) << evaluation.err;
}

TEST_F(Classes, AreRefusedWhereThereAreNone) {
  make_micro_model(folder_ / "micro");
  const std::string out = "--out " + (folder_ / "a.png");
  expect_refused(sample(folder_ / "micro", "--class 0 " + out),
                 "--class: this model has no classes");
  expect_refused(sample(folder_ / "micro", "--guidance 2 " + out),
                 "--guidance: this model has no classes");
  expect_refused(sample(folder_ / "micro", "--class all " + out),
                 "--class all: this model has no classes");
  expect_refused(sample(folder_ / "micro", "--null-class 0 " + out),
                 "--null-class: this model has no classes");
  make_pictures(folder_ / "flat", 3);
  expect_refused(train("flat"), "not in a sub-folder");
}

}  // namespace
}  // namespace ddim::cli_test
