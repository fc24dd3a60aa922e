#include <ddim/error.h>
#include <ddim/image.h>
#include <ddim/model.h>
#include <ddim/pictures.h>
#include <ddim/quality.h>
#include <ddim/reproduce.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <stop_token>
#include <tuple>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

/// Pictures `first` to first + count - 1 of a series: random colours with random noise.
class QualityCommand : public testing::Test {
 protected:
  std::string make_set(const std::string& name, std::int64_t count, std::int64_t first,
                       std::int64_t size = 32, float contrast = 1.0F) const {
    FloatImages set{.count = count, .shape = {.channels = 3, .height = size, .width = size}};
    for (std::int64_t k = first; k < first + count; ++k) {
      std::mt19937 random(static_cast<std::uint32_t>(k));
      const auto uniform = [&] { return static_cast<float>(random() % 256) / 127.5F - 1.0F; };
      const float colour[] = {uniform(), uniform(), uniform()};
      for (std::size_t i = 0; i < set.shape.size(); ++i)
        set.values.push_back(contrast * 0.5F * (colour[i % 3] + uniform()));
    }
    write_npz(folder_ / name, set);
    return folder_ / name;
  }
  /// Mean 1/2 and variance 1 of each feature.
  static FeatureSet statistics_of(std::int64_t dimensions) {
    FeatureSet set{.dimensions = dimensions};
    set.mean.assign(static_cast<std::size_t>(dimensions), 0.5);
    set.covariance.assign(static_cast<std::size_t>(dimensions * dimensions), 0.0);
    for (std::size_t i = 0; i < set.covariance.size();
         i += static_cast<std::size_t>(dimensions) + 1)
      set.covariance[i] = 1.0;
    return set;
  }
  void expect_refused(const std::string& arguments, const std::vector<std::string>& parts) const {
    const Outcome run = run_ddim("evaluate " + arguments);
    EXPECT_NE(run.exit_code, 0) << arguments;
    for (const std::string& part : parts) EXPECT_THAT(run.err, HasSubstr(part));
  }

  TemporaryFolder folder_;
};

TEST_F(QualityCommand, FindsADistanceThatGrowsAndSaysByWhat) {
  const std::string a = make_set("a.npz", 160, 0);
  const std::string near = make_set("near.npz", 160, 2),
                    far = make_set("far.npz", 160, 2, 32, 0.5F);
  const Outcome run = run_ddim("evaluate --json " + a + " " + near);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json found = Json::parse(run.out);
  EXPECT_GE(found["inception_score"].get<double>(), 1.0);
  EXPECT_EQ(found["extractor"], "resnet56-cifar10");
  EXPECT_EQ(found["extractor_hash"].get<std::string>().size(), 64);
  EXPECT_EQ(found["first_count"], "160");
  EXPECT_EQ(found["interval"], "infinitesimal jackknife");
  EXPECT_GT(found["precision"].get<double>(), 0.9);  // 158 pictures are the same
  const Json other = Json::parse(run_ddim("evaluate --json " + a + " " + far).out);
  for (const char* measure : {"frechet_distance", "kernel_distance"}) {
    EXPECT_GT(other[measure].get<double>(), found[measure].get<double>());
    EXPECT_GT(other[std::string(measure) + "_half_width_95"].get<double>(), 0.0);
  }
}

// The other set begins two pictures later, so each picture but the last two is among the first.
TEST_F(QualityCommand, ShowsTheNearestPictures) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 2);
  const std::string file = folder_ / "near.png";
  const Outcome run = run_ddim("evaluate --neighbours " + file + " " + b + " " + a);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Image grid = read_png(file);
  const std::int64_t step = 2 * 32 + 2;
  ASSERT_EQ(grid.width, 8 * step + 2);
  const std::int64_t top = grid.height - 8 * step - 2;
  ASSERT_GT(top, 0) << "no labels above the columns";
  const auto cell = [&](std::int64_t row, std::int64_t column) {
    std::vector<std::uint8_t> pixels;
    for (std::int64_t y = 0; y < 64; ++y) {
      const auto begin =
          grid.pixels.begin() +
          ((top + row * step + 2 + y) * grid.width + column * step + 2) * grid.channels;
      pixels.insert(pixels.end(), begin, begin + 64 * grid.channels);
    }
    return pixels;
  };
  for (std::int64_t row = 0; row < 8; ++row) {
    EXPECT_EQ(cell(row, 0), cell(row, 1)) << row;
    EXPECT_NE(cell(row, 0), cell(row, 2)) << row;
  }
  expect_refused("--neighbours " + file + " " + a + " " + b, {file, "exists", "--overwrite"});
}

TEST_F(QualityCommand, WhatAFileSaysForOtherSetsIsPassedOver) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 500);
  const std::string file = folder_ / "b-statistics.npz";
  const std::string other = folder_ / "a-statistics.npz";
  ASSERT_EQ(run_ddim("evaluate --save-statistics " + file + " " + b).exit_code, 0);
  ASSERT_EQ(run_ddim("evaluate --save-statistics " + other + " " + a).exit_code, 0);
  const std::string picture = folder_ / "neighbours.png", features = folder_ / "features";
  write_file(picture, "precious");
  write_file(folder_ / "mine.toml", "[evaluate]\nneighbours = \"" + picture + "\"\nfeatures = \"" +
                                        features + "\"\njoin = true\nshrink = true\n");
  const std::string config = " --config " + (folder_ / "mine.toml");
  const Outcome run = run_ddim("evaluate " + other + " " + file + config);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_FALSE(fs::exists(features));
  EXPECT_EQ(read_file(picture), "precious");
  expect_refused("--neighbours " + picture + " " + a + " " + file, {"one set has no pictures"});
}

TEST_F(QualityCommand, TakesStatisticsInPlaceOfPictures) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 500);
  const std::string file = folder_ / "b-statistics.npz";
  // A model of the environment says nothing where the set alone is complete.
  EXPECT_EQ(run_ddim("evaluate --save-statistics " + file + " " + b,
                     "DDIM_MODEL=" + (folder_ / "nowhere"))
                .exit_code,
            0);
  const Json by_pictures = Json::parse(run_ddim("evaluate --json " + a + " " + b).out);
  const Json by_statistics = Json::parse(run_ddim("evaluate --json " + a + " " + file).out);
  EXPECT_EQ(by_statistics["frechet_distance"], by_pictures["frechet_distance"]);
  EXPECT_LT(by_statistics["frechet_distance_half_width_95"].get<double>(),
            by_pictures["frechet_distance_half_width_95"].get<double>());
  EXPECT_FALSE(by_statistics.contains("kernel_distance"));
  for (const char* part : {"second_count", "second_part", "second_pictures_hash"})
    EXPECT_EQ(by_statistics[part], by_pictures[part]) << part;
  EXPECT_EQ(by_statistics["second_count"], "80");
  EXPECT_EQ(by_statistics["second_pictures_hash"].get<std::string>().size(), 64);
  EXPECT_FALSE(by_statistics.contains("second_recipe"));
  EXPECT_EQ(read_statistics(file).width, 32);
  expect_refused("--resize " + a + " " + file, {"different resizings", "crop-resize", "none"});
  expect_refused(b + " " + file, {"same 80 pictures", b, file});
  expect_refused("--save-statistics " + file + " " + a, {file, "exists", "--overwrite"});
  expect_refused("--save-statistics " + (folder_ / "again.npz") + " " + file + " " + a,
                 {"--save-statistics", "holds statistics already"});
}

// Its labels are texts, which nothing needs.
TEST_F(QualityCommand, TakesAnArchiveWithOtherArrays) {
  expect_refused("tests/data/arrays/texts.npz " + make_set("a.npz", 80, 0),
                 {"texts.npz: pictures are 3x2", "32x32", "--resize"});
  // As published reference batches: pictures and statistics.
  const Outcome run =
      run_ddim("evaluate --json " + (folder_ / "a.npz") + " tests/data/arrays/reference_batch.npz");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out)["second_count"], "not known");
}

TEST_F(QualityCommand, TakesPublishedStatisticsWithMuAndSigmaAlone) {
  const std::string a = make_set("a.npz", 80, 0);
  const auto publish = [&](const std::string& name, std::int64_t dimensions) {
    write_statistics(folder_ / name, statistics_of(dimensions));
    return folder_ / name;
  };
  const std::string file = publish("published.npz", 64);
  struct Case {
    std::string FeatureRecipe::*part;
    std::string value, what, ours;
  };
  for (const Case& bad :
       {Case{&FeatureRecipe::extractor, "inception", "extractors", "resnet56-cifar10"},
        Case{&FeatureRecipe::extractor_hash, "abc", "extractor hashes", "5fc5c4248d5b589a"},
        Case{&FeatureRecipe::resizing, "pad", "resizings", "none"},
        Case{&FeatureRecipe::rounding, "floor", "roundings", "nearest"}}) {
    FeatureSet set = read_statistics(file);
    set.recipe.*bad.part = bad.value;
    write_statistics(folder_ / "other.npz", set, Overwrite::allow);
    expect_refused(a + " " + (folder_ / "other.npz"),
                   {"different " + bad.what, a + " has " + bad.ours, "other.npz has " + bad.value});
  }
  const Json found = Json::parse(run_ddim("evaluate --json " + a + " " + file).out);
  EXPECT_GT(found["frechet_distance"].get<double>(), 1.0);
  EXPECT_EQ(found["second_count"], "not known");
  EXPECT_THAT(found["second_recipe"].get<std::string>(), HasSubstr("not stated"));
  EXPECT_EQ(found["extractor"], "resnet56-cifar10");
  expect_refused(a + " " + publish("inception.npz", 2048),
                 {"different numbers of features", a, "64", "inception.npz", "2048"});
}

TEST_F(QualityCommand, RefusesStatisticsWhoseSigmaIsNoCovariance) {
  const std::string a = make_set("a.npz", 80, 0), file = folder_ / "sigma.npz";
  const auto with = [&](std::size_t row, std::size_t column, double value) {
    FeatureSet set = statistics_of(64);
    set.covariance[row * 64 + column] = value;
    write_statistics(file, set, Overwrite::allow);
    return run_ddim("evaluate " + a + " " + file);
  };
  EXPECT_EQ(with(3, 2, 1e-8).exit_code, 0);
  const Outcome odd = with(3, 2, 0.25), negative = with(5, 5, -1.0);
  EXPECT_EQ(odd.exit_code, 4);
  EXPECT_THAT(odd.err, HasSubstr(file + ": sigma is not symmetric: element [3,2] is 0.25, [2,3]"));
  EXPECT_EQ(negative.exit_code, 4);
  EXPECT_THAT(negative.err, HasSubstr("sigma is no covariance: element [5,5], a variance, is -1"));
}

TEST_F(QualityCommand, GoesOnWithFewPicturesWhenAsked) {
  const std::string few = make_set("few.npz", 40, 0), b = make_set("b.npz", 80, 500);
  const std::string kept = folder_ / "kept";
  for (const std::string& sets : {few + " " + b, b + " " + few}) {
    fs::remove_all(kept);
    expect_refused(sets + " --features " + kept, {few, "40 pictures", "at least 65", "--shrink"});
  }
  EXPECT_FALSE(fs::exists(kept)) << "features of a set that is refused were taken";
  const Outcome run = run_ddim("evaluate --shrink " + few + " " + b);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("covariance: oracle approximating shrinkage"));
  EXPECT_THAT(run.out, HasSubstr("subset_size: 20\n"));
  EXPECT_THAT(run_ddim("evaluate --shrink --split train --max-images 30 " + few + " " + b).out,
              HasSubstr("first_part: train, the first 30\n"));
}

TEST_F(QualityCommand, DrawsOneSetAndSaysHow) {
  const std::string reference = make_set("reference.npz", 80, 0);
  const Outcome run = run_ddim(
      "evaluate --json --quiet --shrink --count 4 --seed 7 --steps 2 --tau quadratic --resize pad "
      "--model models/fashion-mnist " +
      reference);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json found = Json::parse(run.out);
  EXPECT_EQ(found["first"], "--model fashion-mnist");
  EXPECT_EQ(found["first_count"], "4");
  EXPECT_EQ(found["seed"], "7");
  EXPECT_EQ(found["tau"], "quadratic");
  EXPECT_EQ(found["steps"], "2");
  EXPECT_EQ(found["model_hash"].get<std::string>().size(), 64);
}

TEST_F(QualityCommand, KeepsHowAModelDrewWithItsStatistics) {
  make_micro_model(folder_ / "micro");
  const std::string a = make_set("a.npz", 80, 0, 8), file = folder_ / "drawn.npz";
  const Outcome drawn =
      run_ddim("evaluate --json --quiet --count 70 --seed 7 --steps 2 --resize --save-statistics " +
               file + " --model " + (folder_ / "micro"));
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  Json said = Json::parse(drawn.out);
  EXPECT_EQ(said["seed"], "7");
  const Outcome run = run_ddim("evaluate --json --resize " + a + " " + file);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  Json found = Json::parse(run.out);
  for (const char* part : {"model", "model_hash", "size", "steps", "tau", "eta", "seed"})
    EXPECT_EQ(found[std::string("second_") + part], said[part]) << part;
  EXPECT_EQ(found["second_count"], "70");
  Json first = Json::parse(run_ddim("evaluate --json --resize " + file + " " + a).out);
  EXPECT_EQ(first["first_model_hash"], said["model_hash"]);
  EXPECT_EQ(read_statistics(file).width, 32);
}

// Pictures of 6x6 and models of 8x8: one that was trained with a border around them (or may have
// been), and one that was trained on them resized.
TEST_F(QualityCommand, SeesAReferenceAsTheModelSawIt) {
  const std::string set = make_set("set.npz", 80, 0, 6), other = make_set("other.npz", 80, 500);
  make_micro_model(folder_ / "micro");
  std::string config = small_training_config();
  config.insert(config.find("resolution"), "fit = \"crop-resize\"\n");
  write_file(folder_ / "small.toml", config);
  ASSERT_EQ(run_ddim("train " + (folder_ / "small.toml") + " --quiet --max-steps 1 --data " + set +
                     " --out " + (folder_ / "run"))
                .exit_code,
            0);
  const Model model = Model::load(folder_ / "micro");
  for (const auto& [name, fit, trained] :
       {std::tuple{"micro", Fit::pad, false}, std::tuple{"run", Fit::crop_resize, true}}) {
    const std::string drawn =
        "--json --shrink --resize --count 4 --steps 1 --model " + (folder_ / name) + " " + set;
    const Outcome run = run_ddim("evaluate " + drawn);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const Json found = Json::parse(run.out);
    EXPECT_EQ(found["second_fit"],
              std::string(to_string(fit)) + " to 8x8, the size that the model draws");
    EXPECT_EQ(found.contains("second_is"), trained);
    const std::string fitted = folder_ / (std::string(name) + "-sees.npz");
    write_npz(fitted, load_data_set(model, {.data = set}, fit));
    const Outcome as_fitted = run_ddim("evaluate --json --resize " + other + " " + fitted);
    EXPECT_EQ(found["second_pictures_hash"], Json::parse(as_fitted.out)["second_pictures_hash"]);
  }
}

TEST_F(QualityCommand, RefusesWhatCannotBeCompared) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 500);
  expect_refused(a, {"compares two sets", "got 1", "--eps-error"});
  expect_refused(a + " " + b + " " + a, {"got 3"});
  expect_refused(a + " " + folder_.path().string() + "/./a.npz", {"same 80 pictures"});
  expect_refused(a + " " + make_set("copy.npz", 80, 0), {"same 80 pictures", a, "copy.npz"});
  expect_refused(a + " " + make_set("large.npz", 70, 0, 40), {"40x40", "32x32", "--resize"});
  expect_refused(a + " README.md", {"evaluate: README.md is neither a folder nor an .npz"});
  expect_refused(a + " @nowhere", {"@nowhere", "no such file"});
  expect_refused("--extractor " + folder_.path().string() + " " + a + " " + b,
                 {"--extractor", "model.safetensors"});
  expect_refused("--extractor unknown " + a + " " + b,
                 {"--extractor unknown", "models/features", "share/ddim/models/features"});
  expect_refused("--count 64 --model models/fashion-mnist --resize " + a,
                 {"what --model draws (--count) has 64 pictures", "at least 65", "--shrink"});
  expect_refused("--shrink --count 3 --model models/fashion-mnist --resize " + a,
                 {"what --model draws (--count) has 3 pictures", "at least 4"});
  // What is wrong with the reference is found before the model's weights are looked at.
  make_micro_model(folder_ / "missing");
  std::filesystem::remove(folder_ / "missing/unet/diffusion_pytorch_model.safetensors");
  const std::string without_weights = " --count 100 --model " + (folder_ / "missing");
  expect_refused("--resize " + make_set("one.npz", 1, 0) + without_weights,
                 {"one.npz", "at least 2 pictures; got 1"});
  expect_refused("--resize " + make_set("few.npz", 3, 0) + without_weights,
                 {"few.npz has 3 pictures"});
  expect_refused(make_set("enough.npz", 70, 0) + without_weights,
                 {"what --model draws", "8x8", "--resize"});
  expect_refused("--resize " + (folder_ / "enough.npz") + without_weights,
                 {"diffusion_pytorch_model"});
  FeatureSet other = statistics_of(64);
  other.recipe.resizing = "pad";
  write_statistics(folder_ / "other.npz", other);
  expect_refused("--resize " + (folder_ / "other.npz") + without_weights,
                 {"different resizings", "crop-resize", "pad"});
  other.recipe.resizing = "";
  other.width = other.height = 299;
  write_statistics(folder_ / "other.npz", other, Overwrite::allow);
  expect_refused("--resize " + (folder_ / "other.npz") + without_weights,
                 {"different sizes of pictures", "32x32", "299x299"});
  expect_refused("--shrink " + make_set("three.npz", 3, 0) + " " + a,
                 {"three.npz has 3 pictures", "at least 4"});
}

TEST_F(QualityCommand, RefusesFlagsThatItWouldIgnore) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 500);
  const std::string sets = a + " " + b;
  const std::string statistics = folder_ / "statistics.npz";
  ASSERT_EQ(run_ddim("evaluate --save-statistics " + statistics + " " + b).exit_code, 0);
  const std::string model = " --model models/fashion-mnist ";
  struct Case {
    std::string arguments, flag;
  };
  for (const Case& bad : {
           Case{"--t 5 " + sets, "--t"},
           Case{"--data x " + sets, "--data"},
           Case{"--count 5 " + sets, "--count"},
           Case{"--steps 5 " + sets, "--steps"},
           Case{"--as diffusers " + sets, "--as"},
           Case{"--class 1 " + sets, "--class"},
           Case{"--weights raw " + sets, "--weights"},
           Case{"--overwrite " + sets, "--overwrite"},
           Case{"--split val --second-split train" + model + a, "--split"},
           Case{"--second-split train " + a + " " + statistics, "--second-split"},
           Case{"--seed 3 " + a + " " + statistics, "--seed"},
           Case{"--split train " + statistics + " " + statistics, "--split"},
           Case{"--extractor x " + statistics + " " + statistics, "--extractor"},
           Case{"--resizing clean-bicubic " + sets, "--resizing"},
           Case{"--neighbours x.png " + a + " " + statistics, "--neighbours"},
           Case{"--shrink --save-statistics " + (folder_ / "more.npz") + " " + a, "--shrink"},
           Case{"--eps-error --count 5 --data " + a + model, "--count"},
           Case{"--eps-error --tau 1,5 --data " + a + model, "--tau"},
           Case{"--eps-error --data " + a + model + b, b.substr(1)},
       }) {
    const Outcome run = run_ddim("evaluate " + bad.arguments);
    EXPECT_EQ(run.exit_code, 2) << bad.arguments;
    EXPECT_THAT(run.err, HasSubstr(bad.flag + " is not used")) << bad.arguments;
  }
}

// Kept features are found, and are those of a run without them; of other pictures, others.
TEST_F(QualityCommand, KeepsFeaturesInAFolderAndGoesOnThere) {
  make_micro_model(folder_ / "micro");
  const std::string a = make_set("a.npz", 90, 0), b = make_set("b.npz", 90, 300);
  const std::string kept = " --features " + (folder_ / "kept");
  const Json expected = Json::parse(run_ddim("evaluate --json " + a + " " + b).out);
  EXPECT_EQ(Json::parse(run_ddim("evaluate --json --batch 7 " + a + " " + b + kept).out), expected);
  const auto files = [&] {
    std::map<std::string, std::string> contents;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "kept"))
      contents[entry.path().filename().string()] = read_file(entry.path());
    return contents;
  };
  const auto all = files();
  ASSERT_EQ(all.size(), 2U);
  // As after a stop in the middle: the last records are missing, one is cut off.
  for (const auto& [name, content] : all)
    std::filesystem::resize_file(folder_ / ("kept/" + name), content.size() * 2 / 3);
  EXPECT_EQ(Json::parse(run_ddim("evaluate --json --threads 1 " + a + " " + b + kept).out),
            expected);
  for (const auto& [name, content] : files())
    EXPECT_GT(content.size(), all.at(name).size() * 9 / 10);
  const auto complete = files();
  EXPECT_EQ(Json::parse(run_ddim("evaluate --json " + a + " " + b + kept).out), expected);
  EXPECT_EQ(files(), complete);  // nothing was found anew

  const std::string drawn = "evaluate --json --shrink --count 8 --steps 2 --resize --model " +
                            (folder_ / "micro") + " " + a;
  const Json of_drawn = Json::parse(run_ddim(drawn).out);
  for (int time = 0; time < 2; ++time)
    EXPECT_EQ(Json::parse(run_ddim(drawn + kept).out)["frechet_distance"],
              of_drawn["frechet_distance"]);
  EXPECT_EQ(files().size(), 4U);  // of what was drawn, and of a, resized
}

TEST_F(QualityCommand, RefusesWhatTheNetworkOfTheFidCannotBe) {
  const std::string a = make_set("a.npz", 5, 0), b = make_set("b.npz", 5, 9);
  expect_refused("--extractor inception " + a + " " + b,
                 {"inception", "pt_inception-2015-12-05-6726825d.pth", "DDIM_EXTRACTOR"});
  expect_refused("--extractor tests/io/torch/state.pth " + a + " " + b,
                 {"state.pth", "has no tensor Conv2d_1a_3x3.conv.weight of the inception network"});
  expect_refused("--resizing bicubic " + a + " " + b, {"--resizing", "clean-bicubic"});
}

/// Reports of the micro model (3x8x8) on pictures of its size.
class ReproduceCommand : public QualityCommand {
 protected:
  ReproduceCommand() {
    make_micro_model(folder_ / "micro");
    flags_ = "reproduce --quiet --model " + (folder_ / "micro") + " --data " +
             make_set("set.npz", 80, 0, 8) + " --steps 2,3 --count 6 --out " + (folder_ / "report");
  }
  /// The finished cells of the report: name and content, the time that they took included.
  std::map<std::string, std::string> cells() const {
    std::map<std::string, std::string> cells;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "report/cells"))
      cells[entry.path().stem().string()] = read_file(entry.path());
    return cells;
  }
  std::string flags_;
};

TEST_F(ReproduceCommand, ComputesNoFinishedCellAgainAfterItWasKilled) {
  const Outcome killed = run_ddim_and_signal(
      flags_, folder_ / "report/cells/drawn-eta-0.5-steps-2-quadratic.txt", SIGKILL);
  ASSERT_NE(killed.exit_code, 0);
  const auto before = cells();
  ASSERT_GE(before.size(), 8U);
  ASSERT_LT(before.size(), 20U);
  const Outcome run = run_ddim(flags_ + " --json");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json report = Json::parse(run.out);
  EXPECT_EQ(report["found"], before.size());
  const auto after = cells();
  EXPECT_EQ(after.size(), 20U);
  for (const auto& [name, content] : before) EXPECT_EQ(after.at(name), content) << name;
  EXPECT_EQ(report["cells"].size(), after.size());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "report/unfinished"));

  const std::string page = read_file(folder_ / "report/index.html");
  for (const char* part : {"Table 1", "367.43", "Figure 3", "Figure 4", "Table 2",
                           "Figures 5 and 9", "Figure 6", "Figures 11 to 13", "Table 3", "51.56",
                           "<svg ", "src=\"data:image/png;base64,", "resnet56-cifar10"})
    EXPECT_THAT(page, HasSubstr(part));
  for (const char* part : {"src=\"http", "href=\"http", "Not finished", "nan", "<script"})
    EXPECT_THAT(page, testing::Not(HasSubstr(part)));
}

// What the cell says is what `ddim evaluate` says of the pictures that `ddim sample` draws.
TEST_F(ReproduceCommand, MeasuresWhatTheOtherCommandsDo) {
  const Outcome run = run_ddim(flags_ + " --json");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json report = Json::parse(run.out);
  const auto cell = [&](const std::string& name) {
    for (const Json& each : report["cells"])
      if (each["name"] == name) return each;
    return Json();
  };
  const auto evaluate = [&](const std::string& flags) {
    return Json::parse(run_ddim("evaluate --json --shrink --count 6 --resize --model " +
                                (folder_ / "micro") + " " + flags + " " + (folder_ / "set.npz"))
                           .out);
  };
  for (const auto& [name, flags] :
       {std::pair{"drawn-eta-0.5-steps-3-quadratic", "--steps 3 --tau quadratic --eta 0.5"},
        std::pair{"drawn-sigma-hat-steps-2-quadratic",
                  "--steps 2 --tau quadratic --sigma-hat --clip rederive-eps"},
        std::pair{"drawn-eta-1-steps-3-linear", "--steps 3 --eta 1"}}) {
    const Json found = cell(name), expected = evaluate(flags);
    for (const char* measure : {"frechet_distance", "frechet_distance_half_width_95"})
      EXPECT_EQ(found[measure], expected[measure]) << name;
    EXPECT_EQ(found["recipe"]["extractor_hash"], expected["extractor_hash"]);
    EXPECT_EQ(found["count"], 6);
  }
  EXPECT_GT(cell("table-2-steps-3")["mean_squared_error_half_width_95"].get<double>(), 0.0);
  EXPECT_GT(cell("figure-5-same-noise")["distance_2"].get<double>(), 0.0);
}

// A model of few steps has a report of no more, and a path may hold whatever a name may.
TEST_F(ReproduceCommand, GoesOnInWhateverFolder) {
  const std::string data = folder_ / "a\n\\b.npz", out = folder_ / "few";
  std::filesystem::rename(folder_ / "set.npz", data);
  const std::string command = "reproduce --quiet --json --quick --count 6 --T 12 --model " +
                              (folder_ / "micro") + " --data '" + data + "' --out " + out;
  const Outcome first = run_ddim(command);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const Outcome again = run_ddim(command);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const Json report = Json::parse(again.out);
  EXPECT_EQ(report["found"], report["cells"].size());
  EXPECT_EQ(report["cells"][0]["recipe"]["data"], data);
}

// The page of a report whose finished cells say something else.
TEST_F(ReproduceCommand, SaysWhatTheFiguresSay) {
  ASSERT_EQ(run_ddim(flags_).exit_code, 0);
  const auto set = [&](const std::string& cell, const std::string& key, const std::string& value) {
    const std::string file = folder_ / ("report/cells/" + cell + ".txt");
    std::string text = read_file(file);
    const std::size_t begin = text.find("\n" + key + "=") + 1;
    ASSERT_NE(begin, 0U) << key;
    text.replace(begin, text.find('\n', begin) - begin, key + "=" + value);
    write_file(file, text);
  };
  const std::string first = "drawn-eta-0-steps-2-quadratic", last = "drawn-eta-0-steps-3-quadratic";
  const auto page_with = [&](const std::string& value, const std::string& half_width) {
    set(first, "value.frechet_distance", "5");
    set(first, "value.frechet_distance_half_width_95", "0.5");
    set(last, "value.frechet_distance", value);
    set(last, "value.frechet_distance_half_width_95", half_width);
    EXPECT_EQ(run_ddim(flags_).exit_code, 0);
    return read_file(folder_ / "report/index.html");
  };
  const auto verdict = [](const std::string& page) {
    const std::size_t row = page.find("eta 0 draws better with more steps");
    const std::string rest = page.substr(row, page.find("</tr>", row) - row);
    for (const char* each : {"does not hold", "holds", "open"})
      if (rest.find(each) != std::string::npos) return std::string(each);
    return rest;
  };
  EXPECT_EQ(verdict(page_with("4", "0.4")), "holds");
  EXPECT_EQ(verdict(page_with("4.8", "0.4")), "open");
  EXPECT_EQ(verdict(page_with("5.3", "0.4")), "open");
  EXPECT_EQ(verdict(page_with("6", "0.4")), "does not hold");

  const auto count_in = [](const std::string& page, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1))
      ++count;
    return count;
  };
  const std::string page = page_with("4", "0.4");
  EXPECT_EQ(count_in(page, "covariances shrunk"), 10 + 4 + 1);
  EXPECT_THAT(page, HasSubstr("All pictures, as the set is not split, evenly spaced, encoded"));
  set(last, "value.count", "5");
  set(last, "recipe.device", "another machine, 3 threads");
  const std::string other = page_with("4", "0.4");
  EXPECT_EQ(count_in(other, "<polyline"), count_in(page, "<polyline") + 1);
  EXPECT_THAT(other, HasSubstr("(another machine, 3 threads; "));
  EXPECT_THAT(other, HasSubstr("device: another machine, 3 threads"));
}

// Stopped within the last cell; and with pictures that are too many for a file.
TEST_F(ReproduceCommand, CountsTheTimeOfAllRunsAndKeepsNoMoreThanAFileHolds) {
  const Model model = Model::load(folder_ / "micro");
  const FeatureExtractor extractor = FeatureExtractor::load(find_extractor("resnet56-cifar10"));
  ReproduceOptions options{.size = {.steps = {2, 4},
                                    .count = 6,
                                    .count_of_long = 6,
                                    .reconstruct_steps = {2},
                                    .num_reconstructed = 100,
                                    .consistency_steps = {1, 2},
                                    .figure_steps = 2},
                           .data = {.data = make_set("six.npz", 80, 0, 6)},
                           .tau = TauKind::linear};
  std::stop_source stop;
  options.run.stop = stop.get_token();
  options.run.progress = [&](const RunProgress& progress) {
    if (progress.evaluations_done > progress.evaluations - 6 * 4 / 2) stop.request_stop();
  };
  EXPECT_THROW(reproduce(model, extractor, options, folder_ / "kept"), Error);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "kept/unfinished"))
    if (entry.path().extension() == ".seconds") files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1U);
  EXPECT_THAT(files.front().string(), HasSubstr("drawn-sigma-hat-steps-4-linear"));
  write_file(files.front(), "1000\n0.25\n");
  options.run = {};
  const Reproduction kept = reproduce(model, extractor, options, folder_ / "kept");
  EXPECT_EQ(kept.num_found, std::ssize(kept.cells) - 1);
  EXPECT_GE(kept.cells.back().values.at("seconds"), 1000.0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "kept/unfinished"));
  for (const ReproducedCell& cell : kept.cells) {
    if (cell.name.starts_with("drawn")) {
      EXPECT_EQ(cell.recipe.at("reference"),
                "training pictures, pad to 8x8, the size that the model draws");
    } else if (cell.name.starts_with("table-2")) {
      EXPECT_EQ(cell.recipe.at("count"), "80");
    } else if (cell.name.starts_with("figure-6")) {
      EXPECT_EQ(cell.recipe.at("endpoints"),
                "the noise of pictures 0 and 1, 2 and 3, 4 and 5 of the seed");
      EXPECT_EQ(cell.recipe.at("x_T").size(), 64U);
    }
  }

  options.most_bytes_kept = 5 * 3 * 8 * 8;
  const Reproduction drawn = reproduce(model, extractor, options, folder_ / "drawn");
  ASSERT_EQ(drawn.cells.size(), kept.cells.size());
  for (std::size_t i = 0; i < drawn.cells.size(); ++i) {
    ReproducedCell a = drawn.cells[i], b = kept.cells[i];
    for (ReproducedCell* cell : {&a, &b})
      for (const char* time : {"seconds", "seconds_per_picture"}) {
        EXPECT_EQ(cell->values.erase(time),
                  cell->name.starts_with("figure-5") && time[7] == '_' ? 0U : 1U)
            << cell->name;
      }
    EXPECT_EQ(a.values, b.values) << a.name;
    EXPECT_EQ(read_file(folder_ / ("drawn/pictures/" + a.name + ".png")),
              read_file(folder_ / ("kept/pictures/" + a.name + ".png")));
  }

  // What cannot be compared is found before anything is drawn.
  options.data.max_images = 3;
  try {
    reproduce(model, extractor, options, folder_ / "few");
    ADD_FAILURE() << "was not refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("six.npz has 3 pictures"));
  }
}

// Their pictures have other bits.
TEST_F(ReproduceCommand, IsNotJoinedByAMachineOfAnotherKind) {
  run_ddim_and_signal(flags_ + " --join", folder_ / "report/unfinished/parts.blocks/run", SIGKILL);
  const Outcome other = run_ddim(flags_ + " --join", "DDIM_ISA=sse4");
  EXPECT_NE(other.exit_code, 0);
  EXPECT_THAT(other.err, HasSubstr("is of a run with other options: device cpu "));
}

TEST_F(ReproduceCommand, KeepsWhatIsFinishedAndRefusesToMixOptions) {
  const Outcome stopped =
      run_ddim_and_signal(flags_, folder_ / "report/cells/table-2-steps-2.txt", SIGINT);
  EXPECT_EQ(stopped.exit_code, 130);
  EXPECT_THAT(stopped.err, HasSubstr("of the report are finished and kept in"));
  EXPECT_THAT(stopped.err, HasSubstr("the same command goes on"));
  EXPECT_THAT(read_file(folder_ / "report/index.html"), HasSubstr("not finished"));
  const auto refused = [&](const std::string& arguments, const std::string& message) {
    const Outcome run = run_ddim(arguments);
    EXPECT_NE(run.exit_code, 0) << arguments;
    EXPECT_THAT(run.err, HasSubstr(message)) << arguments;
  };
  refused(flags_ + " --seed 3", "seed is 0 there and 3 here");
  refused(flags_ + " --quick --full", "contradict");
  refused(flags_ + " --count 3", "--count");
  refused(flags_ + " --steps 2000", "2000");
  refused(flags_ + " --extractor nothing", "--extractor nothing");
  write_file(folder_ / "report/cells/table-2-steps-2.txt", "what?\n");
  refused(flags_, "table-2-steps-2.txt: \"what?\" is no line of a cell");
}

}  // namespace
}  // namespace ddim::cli_test
