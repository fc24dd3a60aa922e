#include <ddim/image.h>
#include <ddim/quality.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

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
  ASSERT_EQ(grid.height, 8 * step + 2);
  const auto cell = [&](std::int64_t row, std::int64_t column) {
    std::vector<std::uint8_t> pixels;
    for (std::int64_t y = 0; y < 64; ++y) {
      const auto begin = grid.pixels.begin() +
                         ((row * step + 2 + y) * grid.width + column * step + 2) * grid.channels;
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

TEST_F(QualityCommand, TakesStatisticsInPlaceOfPictures) {
  const std::string a = make_set("a.npz", 80, 0), b = make_set("b.npz", 80, 500);
  const std::string file = folder_ / "b-statistics.npz";
  EXPECT_EQ(run_ddim("evaluate --save-statistics " + file + " " + b).exit_code, 0);
  const Json by_pictures = Json::parse(run_ddim("evaluate --json " + a + " " + b).out);
  const Json by_statistics = Json::parse(run_ddim("evaluate --json " + a + " " + file).out);
  EXPECT_EQ(by_statistics["frechet_distance"], by_pictures["frechet_distance"]);
  EXPECT_LT(by_statistics["frechet_distance_half_width_95"].get<double>(),
            by_pictures["frechet_distance_half_width_95"].get<double>());
  EXPECT_FALSE(by_statistics.contains("kernel_distance"));
  EXPECT_EQ(by_statistics["second_count"], "80");
  EXPECT_FALSE(by_statistics.contains("second_recipe"));
  expect_refused("--resize " + a + " " + file, {"different resizings", "crop-resize", "none"});
  expect_refused(b + " " + file, {"same 80 pictures", b, file});
  expect_refused("--save-statistics " + file + " " + a, {file, "exists", "--overwrite"});
  expect_refused("--save-statistics " + (folder_ / "again.npz") + " " + file + " " + a,
                 {"--save-statistics", "holds statistics already"});
}

TEST_F(QualityCommand, TakesPublishedStatisticsWithMuAndSigmaAlone) {
  const std::string a = make_set("a.npz", 80, 0);
  const auto publish = [&](const std::string& name, std::int64_t dimensions) {
    FeatureSet set{.dimensions = dimensions};
    set.mean.assign(static_cast<std::size_t>(dimensions), 0.5);
    set.covariance.assign(static_cast<std::size_t>(dimensions * dimensions), 0.0);
    for (std::size_t i = 0; i < set.covariance.size();
         i += static_cast<std::size_t>(dimensions) + 1)
      set.covariance[i] = 1.0;
    write_statistics(folder_ / name, set);
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

TEST_F(QualityCommand, GoesOnWithFewPicturesWhenAsked) {
  const std::string few = make_set("few.npz", 40, 0), b = make_set("b.npz", 80, 500);
  expect_refused(few + " " + b, {few, "40 pictures", "at least 65", "--shrink"});
  const Outcome run = run_ddim("evaluate --shrink " + few + " " + b);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("covariance: oracle approximating shrinkage"));
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
  expect_refused(make_set("one.npz", 1, 0) + without_weights,
                 {"one.npz", "at least 2 pictures; got 1"});
  expect_refused(make_set("few.npz", 3, 0) + without_weights, {"few.npz has 3 pictures"});
  expect_refused(make_set("small.npz", 70, 0, 8) + without_weights, {"small.npz", "8x8"});
  expect_refused(make_set("enough.npz", 70, 0) + without_weights, {"diffusion_pytorch_model"});
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
           Case{"--neighbours x.png " + a + " " + statistics, "--neighbours"},
           Case{"--shrink --save-statistics " + (folder_ / "more.npz") + " " + a, "--shrink"},
           Case{"--eps-error --count 5 --data " + a + model, "--count"},
           Case{"--eps-error --tau 1,5 --data " + a + model, "--tau"},
           Case{"--eps-error --resize pad --data " + a + model, "--resize"},
           Case{"--eps-error --data " + a + model + b, "set"},
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
