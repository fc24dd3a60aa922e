#include <ddim/error.h>
#include <ddim/image.h>
#include <ddim/model.h>
#include <ddim/quality.h>
#include <ddim/reproduce.h>
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
    config += "sample_every_steps = 2\nsample_count = 4\nsample_steps = 2\n";
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

  // Two rows of both classes, eight times as large, under their names and the step.
  const Image grid = read_png(folder_ / "run/samples/step-00000002.png");
  EXPECT_EQ(grid.width, 2 * (8 * 8 + 2) + 2);
  EXPECT_EQ(grid.height, 2 * (8 * 8 + 2) + 2 + 2 * (8 + 2 * 8));

  // Pictures are encoded under the classes of the frames that they become.
  const std::string cat = folder_ / "pictures/cat/0.png", dog = folder_ / "pictures/dog/0.png";
  const auto result_of = [&](const std::string& command, const std::string& name) {
    const std::string out = folder_ / (name + ".safetensors");
    const Outcome run = run_ddim(command + " --steps 2 --quiet --model " + model + " --out " + out);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return out;
  };
  const std::string codes = result_of("encode " + cat + " --class 0", "cat") + " " +
                            result_of("encode " + dog + " --class 1", "dog");
  const std::string line = " --class 0,1 --frames 4";
  EXPECT_EQ(read_tensor(result_of("interpolate " + cat + " " + dog + line, "a"), "x_0").values,
            read_tensor(result_of("interpolate " + codes + line, "b"), "x_0").values);

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
  expect_refused(
      sample(model, "--class cats " + out),
      "no class \"cats\"; did you mean cat? Choose from cat, dog, or numbers from 0 to 2");

  // By name, as training found them.
  const std::string named = folder_ / "named.png";
  EXPECT_EQ(sample(model, "--class cat,dog --out " + named).exit_code, 0);
  EXPECT_EQ(read_file(named), read_file(listed));

  // A row for each value of guidance, which the recipe knows.
  const std::string rows = folder_ / "rows.png", again = folder_ / "again.png";
  const Outcome lists = sample(model, "--class 0 --guidance 1,3 --seed 0,2 --out " + rows);
  ASSERT_EQ(lists.exit_code, 0) << lists.err;
  EXPECT_EQ(Json::parse(lists.out).at("images"), 12);
  EXPECT_EQ(Json::parse(lists.out).at("nfe"), 3);  // half of them 2, half of them 4
  EXPECT_EQ(sample(model, "--like " + rows + " --out " + again).exit_code, 0);
  EXPECT_EQ(read_file(again), read_file(rows));
  const Outcome each = run_ddim("sample --steps 3 --count 2 --class 0 --guidance 1,3 --model " +
                                model + " --out " + (folder_ / "each-of-three"));
  EXPECT_NE(each.out.find(", on average 4.5 network calls each,"), std::string::npos) << each.out;
  EXPECT_EQ(sample(model, "--class 0 --guidance 1,3 --out " + (folder_ / "each")).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "each/guidance-3/000002.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "each/guidance-1/000000.png"));

  const Outcome sweep = run_ddim(
      "sweep --steps 2 --class all --guidance 1,2 --json --count 2 "
      "--model " +
      model + " --out " + (folder_ / "sweep.png"));
  EXPECT_EQ(sweep.exit_code, 0) << sweep.err;
  expect_refused(run_ddim("sweep --class fish --model " + model + " " + out), "no class \"fish\"");

  const Outcome evaluation = run_ddim("evaluate --eps-error --json --t 900 --split train --model " +
                                      model + " --data " + (folder_ / "pictures"));
  EXPECT_EQ(evaluation.exit_code, 0) << evaluation.err;
}

// Ratings: a word that is the name of one class and the number of another is not guessed.
TEST_F(Classes, NamesThatAreNumbersOfOthersAreToldApart) {
  make_pictures(folder_ / "rated/1", 3);
  make_pictures(folder_ / "rated/2", 3);
  const Outcome training = train("rated");
  ASSERT_EQ(training.exit_code, 0) << training.err;
  const std::string model = Json::parse(training.out).at("checkpoint");
  const auto drawn = [&](const std::string& class_words, const std::string& name) {
    const std::string out = folder_ / (name + ".png");
    const Outcome run = sample(model, class_words + " --out " + out);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return read_file(out);
  };
  const std::string second = drawn("--class name:2", "second");
  EXPECT_EQ(drawn("--class number:1", "number"), second);
  EXPECT_EQ(drawn("--like " + (folder_ / "second.png"), "like"), second);
  EXPECT_EQ(drawn("--class 0", "first"), drawn("--class name:1", "named-first"));
  EXPECT_NE(drawn("--class name:1", "named-first-again"), second);
  const std::string out = "--out " + (folder_ / "a.png");
  expect_refused(sample(model, "--class 1 " + out),
                 "--class: 1 is the name of class 0 of this model and the number of another; "
                 "give name:1 or number:1");
  expect_refused(sample(model, "--class 2 " + out), "2 is the name of class 1");
  expect_refused(sample(model, "--class name:3 " + out), "no class \"3\"");
  expect_refused(sample(model, "--class number:3 " + out), "3 does not exist");
}

// A folder of some classes: the network is told the right ones.
TEST_F(Classes, OfADataSetAreThoseOfTheModelByName) {
  const Outcome training = train("pictures");
  ASSERT_EQ(training.exit_code, 0) << training.err;
  const std::string model = Json::parse(training.out).at("checkpoint");
  make_pictures(folder_ / "named/dog", 3);
  make_pictures(folder_ / "numbered", 3);
  const auto errors = [&](const std::string& data) {
    const Outcome run = run_ddim("evaluate --eps-error --json --t 900,10 --model " + model +
                                 " --data " + (folder_ / data));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return Json::parse(run.out).at("eps_error");
  };
  const auto of_number = [&](const std::string& number) {
    std::string list;
    for (const char* file : {"0.png,", "1.png,", "2.png,"}) list += file + number + "\n";
    write_file(folder_ / "numbered/labels.csv", list);
    return errors("numbered");
  };
  EXPECT_EQ(errors("named"), of_number("1"));
  EXPECT_NE(errors("named"), of_number("0"));

  make_pictures(folder_ / "named/fox", 3);
  const std::string problem =
      (folder_ / "named") + ": the network has no class fox; its classes are cat, dog";
  const std::string with = " --model " + model + " --data " + (folder_ / "named");
  expect_refused(run_ddim("evaluate --eps-error" + with), problem);
  expect_refused(run_ddim("reproduce --quick --count 4 --out " + (folder_ / "report") + with),
                 problem);
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
  expect_refused(sample(folder_ / "micro", "--class cat " + out),
                 "--class cat: this model has no classes");
  expect_refused(run_ddim("sweep --class all --model " + (folder_ / "micro") + " " + out),
                 "--class all: this model has no classes");
  expect_refused(sample(folder_ / "micro", "--null-class 0 " + out),
                 "--null-class: this model has no classes");
  make_pictures(folder_ / "flat", 3);
  expect_refused(train("flat"), "not in a sub-folder");
}

// A report's guided steps cost two calls; those of table 2 are without guidance.
TEST_F(Classes, CostAReportTwoCallsWithGuidance) {
  const Outcome training = train("pictures");
  ASSERT_EQ(training.exit_code, 0) << training.err;
  const Model model = Model::load(Json::parse(training.out).at("checkpoint").get<std::string>());
  const FeatureExtractor extractor = FeatureExtractor::load(find_extractor("resnet56-cifar10"));
  const auto calls_with = [&](double guidance) {
    ReproduceCost told;
    ReproduceOptions options{.size = {.steps = {2},
                                      .count = 4,
                                      .count_of_long = 4,
                                      .reconstruct_steps = {2},
                                      .consistency_steps = {1, 2},
                                      .figure_steps = 1},
                             .data = {.data = folder_ / "pictures"},
                             .class_choice = {.guidance = guidance}};
    options.told_cost = [&](const ReproduceCost& cost) {
      told = cost;
      throw Error(ErrorCode::interrupted, "that is all");
    };
    EXPECT_THROW(reproduce(model, extractor, options, folder_ / "report"), Error);
    return told.evaluations;
  };
  const std::int64_t of_table_2 = 2 * 2 * 6, plain = calls_with(1.0);
  EXPECT_GT(plain, of_table_2);
  EXPECT_EQ(calls_with(3.0), 2 * plain - of_table_2);
}

}  // namespace
}  // namespace ddim::cli_test
