#include <ddim/image.h>
#include <ddim/sampler.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/cli/run_program.h"
#include "tests/support/noise.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;

class Sample : public testing::Test {
 protected:
  Sample() : model_(folder_ / "micro") { make_micro_model(model_); }

  Outcome sample(const std::string& flags, const std::string& environment = "") const {
    return run_ddim("sample --model " + model_ + " --steps 4 " + flags, environment);
  }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Sample, GivesTheSameBytesForEveryBatchAndNumberOfThreads) {
  ASSERT_EQ(sample("--count 7 --eta 0.7 --seed 5 --out " + (folder_ / "first.png")).exit_code, 0);
  const std::string first = read_file(folder_ / "first.png");
  ASSERT_FALSE(first.empty());
  for (const std::string batch : {"1", "3", "16"}) {
    for (const std::string threads : {"1", "2", "4"}) {
      const std::string file = folder_ / ("b" + batch + "t" + threads + ".png");
      const Outcome run = sample("--count 7 --eta 0.7 --seed 5 --batch " + batch + " --threads " +
                                 threads + " --out " + file);
      ASSERT_EQ(run.exit_code, 0) << run.err;
      EXPECT_EQ(read_file(file), first) << "batch " << batch << ", threads " << threads;
    }
  }
  sample("--count 7 --eta 0.7 --seed 6 --out " + (folder_ / "other.png"));
  EXPECT_NE(read_file(folder_ / "other.png"), first);
}

TEST_F(Sample, WritesAFilePerPictureIntoAFolder) {
  ASSERT_EQ(sample("--count 3 --out " + (folder_ / "pictures")).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "pictures/000000.png"));
  EXPECT_TRUE(fs::exists(folder_ / "pictures/000002.png"));
  EXPECT_FALSE(fs::exists(folder_ / "pictures/000003.png"));
  const Image picture = read_png(folder_ / "pictures/000002.png");
  EXPECT_EQ(picture.width, 8);
  EXPECT_EQ(picture.channels, 3);

  // Picture 2 is picture 2, also when it is the first to be drawn; and the folder can grow.
  ASSERT_EQ(sample("--count 1 --first-image 2 --out " + (folder_ / "again")).exit_code, 0);
  EXPECT_EQ(read_png(folder_ / "again/000002.png").pixels, picture.pixels);
  EXPECT_EQ(sample("--count 1 --first-image 3 --out " + (folder_ / "pictures")).exit_code, 0);
}

/// "/000017.png"
std::string file_name(int number) {
  const std::string digits = std::to_string(number);
  return "/" + std::string(6 - digits.size(), '0') + digits + ".png";
}

// Ctrl-C, SIGTERM and a kill, then --resume: the same bytes as a run without a stop.
TEST_F(Sample, GoesOnAfterAnyStop) {
  const auto command = [&](const std::string& name) {
    return "sample --model " + model_ + " --steps 20 --count 120 --batch 8 --quiet --out " +
           (folder_ / name);
  };
  EXPECT_EQ(run_ddim(command("whole")).exit_code, 0);
  int number = 20;
  std::string resume;
  for (const int signal : {SIGINT, SIGKILL, SIGTERM}) {
    const std::string file = folder_ / ("parts" + file_name(number));
    const Outcome stopped = run_ddim_and_signal(command("parts") + resume, file, signal);
    if (signal == SIGINT) {
      EXPECT_EQ(stopped.exit_code, 130);
      EXPECT_THAT(stopped.err, HasSubstr("of 120 pictures are finished and kept in"));
      EXPECT_THAT(stopped.err, HasSubstr("add --resume to the same command to draw the rest"));
    }
    resume = " --resume";
    number += 25;
  }
  const Outcome last = run_ddim(command("parts") + resume);
  EXPECT_EQ(last.exit_code, 0) << last.err;
  EXPECT_THAT(last.out, HasSubstr("of them there already)"));
  for (int k = 0; k < 120; ++k) {
    ASSERT_EQ(read_file(folder_ / ("parts" + file_name(k))),
              read_file(folder_ / ("whole" + file_name(k))))
        << k;
  }
  EXPECT_THAT(run_ddim(command("parts") + resume).out,
              HasSubstr("all of which were there already"));
}

TEST_F(Sample, MakesTheSameFileHoweverOftenItIsKilled) {
  const auto command = [&](const std::string& name) {
    return "sample --model " + model_ + " --steps 20 --count 400 --batch 8 --quiet --out " +
           (folder_ / name);
  };
  const std::filesystem::path kept = folder_ / "a.npz.partial";
  std::string resume;
  std::uintmax_t size = 0;
  for (int kill = 0; kill < 5; ++kill) {
    // Some batches of 8 pictures of 192 bytes later.
    const Outcome killed =
        run_ddim_and_signal(command("a.npz") + resume, kept, SIGKILL, {}, size + 4000);
    EXPECT_EQ(killed.exit_code, 128 + SIGKILL);
    ASSERT_TRUE(std::filesystem::exists(kept));
    const std::uintmax_t before = size;
    size = std::filesystem::file_size(kept);
    EXPECT_GE(size, before + 4000);
    resume = " --resume";
  }
  const Outcome resumed = run_ddim(command("a.npz") + resume);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("of them there already)"));
  EXPECT_EQ(run_ddim(command("b.npz")).exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "a.npz"), read_file(folder_ / "b.npz"));
  EXPECT_FALSE(std::filesystem::exists(kept));
}

TEST_F(Sample, RefusesToOverwriteUnlessTold) {
  const std::string file = folder_ / "a.png";
  write_file(file, "precious");
  const Outcome refused = sample("--out " + file);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find(file + " exists"), std::string::npos) << refused.err;
  EXPECT_EQ(read_file(file), "precious");
  EXPECT_EQ(sample("--overwrite --out " + file).exit_code, 0);
  EXPECT_NE(read_file(file), "precious");
}

TEST_F(Sample, PrintsNothingButJsonWhenAskedTo) {
  const Outcome run = sample("--count 2 --json --out " + (folder_ / "a.png"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("images"), 2);
  EXPECT_EQ(result.at("nfe"), 4);
  EXPECT_GT(result.at("seconds"), 0.0);
  EXPECT_GT(result.at("peak_memory_bytes"), 1'000'000);
}

// Whoever starts it may have needed much more.
TEST_F(Sample, TellsOfItsOwnMemoryAlone) {
  const std::vector<char> large(std::size_t{600} << 20, 1);
  const Outcome run = sample("--count 1 --json --out " + (folder_ / "own.png"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_LT(Json::parse(run.out).at("peak_memory_bytes"), large.size() / 2);
}

TEST_F(Sample, LeavesItsRecipeInThePicture) {
  const std::string file = folder_ / "a.png";
  ASSERT_EQ(sample("--tau quadratic --sigma-hat --clip --seed 9 --count 2 --out " + file).exit_code,
            0);
  const Json recipe = Json::parse(run_ddim("info --json " + file).out);
  EXPECT_EQ(recipe.at("model"), "micro");
  EXPECT_EQ(recipe.at("steps"), "4");
  EXPECT_EQ(recipe.at("tau"), "quadratic");
  EXPECT_EQ(recipe.at("sigma_hat"), "true");
  EXPECT_FALSE(recipe.contains("eta"));
  EXPECT_EQ(recipe.at("clip"), "keep-eps");
  EXPECT_EQ(recipe.at("seed"), "9");
  EXPECT_EQ(recipe.at("count"), "2");
  EXPECT_EQ(recipe.at("Software").get<std::string>().substr(0, 5), "ddim ");
}

TEST_F(Sample, DrawsWithEverySampler) {
  for (const Named<Sampler>& named : Names<Sampler>::all()) {
    const std::string sampler(named.name);
    // Its own flags, and its own test; a network that predicts a variance, which this does not.
    if (named.value == Sampler::adaptive || named.value == Sampler::ddpm_learned) continue;
    const std::string file = folder_ / (sampler + ".png");
    const Outcome run = sample("--count 1 --sampler " + sampler + " --out " + file);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(Json::parse(run_ddim("info --json " + file).out).at("sampler"), sampler);
  }
  // With other lists, thresholds and ends, all of which the recipe names.
  const std::string file = folder_ / "list.png";
  const Outcome listed = run_ddim("sample --model " + model_ +
                                  " --count 1 --tau 3,99.5,999 --clip=threshold-rederive-eps "
                                  "--threshold 0.9 --threshold-max 3 --final-alpha first --out " +
                                  file);
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  const Json recipe = Json::parse(run_ddim("info --json " + file).out);
  EXPECT_EQ(recipe.at("tau"), "3,99.5,999");
  EXPECT_FALSE(recipe.contains("steps"));  // which the list says
  EXPECT_EQ(recipe.at("clip"), "threshold-rederive-eps");
  EXPECT_EQ(recipe.at("threshold"), "0.9");
  EXPECT_EQ(recipe.at("threshold_max"), "3");
  EXPECT_EQ(recipe.at("final_alpha"), "first");
}

TEST_F(Sample, TheAdaptiveSamplerCountsItsCalls) {
  const auto calls = [&](const std::string& tolerance) {
    const Outcome run = run_ddim("sample --model " + model_ +
                                 " --count 2 --sampler adaptive --clip=rederive-eps --json "
                                 "--tolerance " +
                                 tolerance + " --out " + (folder_ / ("t" + tolerance + ".png")));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return Json::parse(run.out).at("nfe").get<int>();
  };
  const int few = calls("0.5"), many = calls("0.05");
  EXPECT_GT(few, 4);
  EXPECT_GT(many, few);
  EXPECT_LT(many, 1000);
  const Json recipe = Json::parse(run_ddim("info --json " + (folder_ / "t0.5.png")).out);
  EXPECT_EQ(recipe.at("tolerance"), "0.5");
  EXPECT_FALSE(recipe.contains("steps"));
}

TEST_F(Sample, StartsFromGivenNoiseAndSavesTensors) {
  FloatImages noise{.count = 2, .shape = {.channels = 3, .height = 8, .width = 8}};
  noise.values = test::noise(2 * 3 * 64);
  write_tensor(folder_ / "x_T.safetensors", "x_T", noise);
  const std::string flags = "--noise " + (folder_ / "x_T.safetensors") + " --save-tensors ";
  ASSERT_EQ(sample(flags + (folder_ / "a.safetensors") + " --out " + (folder_ / "a.png")).exit_code,
            0);
  const FloatImages x_0 = read_tensor(folder_ / "a.safetensors", "x_0");
  EXPECT_EQ(x_0.count, 2);
  EXPECT_EQ(x_0.values.size(), noise.values.size());
  // With eta 0 the seed has nothing to say, which is refused on the command line alone.
  ASSERT_EQ(
      sample(flags + (folder_ / "e.safetensors") + " --out " + (folder_ / "e.png"), "DDIM_SEED=3")
          .exit_code,
      0);
  EXPECT_EQ(x_0.values, read_tensor(folder_ / "e.safetensors", "x_0").values);
  const std::string seeded =
      " --seed 3 " + flags + (folder_ / "b.safetensors") + " --out " + (folder_ / "b.png");
  EXPECT_EQ(sample(seeded).exit_code, 2);
  ASSERT_EQ(sample("--eta 0.5" + seeded).exit_code, 0);
  EXPECT_NE(x_0.values, read_tensor(folder_ / "b.safetensors", "x_0").values);
  // The picture is what the tensor says.
  ASSERT_EQ(sample(flags + (folder_ / "c.safetensors") + " --out " + (folder_ / "c")).exit_code, 0);
  EXPECT_EQ(read_png(folder_ / "c/000001.png").pixels, to_image(x_0, 1).pixels);
}

TEST_F(Sample, EveryDeviceDrawsTheSamePictures) {
  std::map<std::string, std::string> environments{{"reference", ""}, {"cpu", ""}};
#if defined(DDIM_EMULATED_CUDA)
  environments["cuda"] = "DDIM_CUDA_LIBRARY=" DDIM_EMULATED_CUDA;
#endif
  std::map<std::string, std::vector<float>> values;
  for (const auto& [device, environment] : environments) {
    const std::string file = folder_ / (device + ".safetensors");
    const Outcome run = sample("--count 2 --device " + device + " --save-tensors " + file +
                                   " --out " + (folder_ / (device + ".png")),
                               environment);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    values[device] = read_tensor(file, "x_0").values;
  }
  // A network with random weights leaves values of some hundreds.
  const std::vector<float>& reference = values.at("reference");
  const float largest = *std::ranges::max_element(reference);
  for (const auto& [device, found] : values) {
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], reference[i], 1e-4 * largest) << device << " " << i;
  }
}

TEST_F(Sample, WhereTheLibraryForGpusIsMissingALineSaysSo) {
  const auto error_with = [&](const std::string& library) {
    const Outcome run =
        sample("--device cuda --out " + (folder_ / "a.png"), "DDIM_CUDA_LIBRARY=" + library);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    return run.err;
  };
  EXPECT_THAT(error_with("/nowhere/a.so"), testing::AllOf(HasSubstr("DDIM_CUDA_LIBRARY"),
                                                          HasSubstr("/nowhere/a.so: cannot open")));
  EXPECT_THAT(error_with(DDIM_FAILING_NEW), HasSubstr("has no function"));
}

TEST_F(Sample, FlagsWinOverTheEnvironmentThatOverTheFileThatOverTheDefault) {
  write_file(folder_ / "ddim.toml", "[sample]\nseed = 11\ncount = 2\n");
  const auto seed_of = [&](const std::string& flags, const std::string& environment) {
    const std::string file = folder_ / "a.png";
    const Outcome run =
        sample("--overwrite --config " + (folder_ / "ddim.toml") + " --out " + file + " " + flags,
               environment);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const Json recipe = Json::parse(run_ddim("info --json " + file).out);
    EXPECT_EQ(recipe.at("count"), "2");
    return recipe.at("seed").get<std::string>();
  };
  EXPECT_EQ(seed_of("", ""), "11");
  EXPECT_EQ(seed_of("", "DDIM_SEED=12"), "12");
  EXPECT_EQ(seed_of("--seed 13", "DDIM_SEED=12"), "13");
}

}  // namespace
}  // namespace ddim::cli_test
