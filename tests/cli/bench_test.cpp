#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

using Json = nlohmann::json;

TEST(BenchCommand, TimesSamplingAndTraining) {
  const TemporaryFolder folder;
  write_file(folder / "small.toml", small_training_config());
  for (const std::string flags : {"", " --train"}) {
    const Outcome run =
        run_ddim("bench --batch 2 --repetitions 1 --json " + (folder / "small.toml") + flags);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const Json result = Json::parse(run.out);
    EXPECT_GT(result.at("median_ms"), 0.0);
    EXPECT_GT(result.at("gflop"), 0.0);
    EXPECT_GT(result.at("product_gflop_per_second"), 0.1);
    double sum = 0.0;
    for (const Json& op : result.at("ops")) sum += op.at("gflop").get<double>();
    EXPECT_NEAR(sum, result.at("gflop"), 1e-9 + 1e-6 * sum);
  }
  const Outcome table = run_ddim("bench --repetitions 1 " + (folder / "small.toml"));
  EXPECT_NE(table.out.find("GFLOP/s"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("conv2d"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("of peak"), std::string::npos) << table.out;
}

// Of networks that know few steps, and of those that training has no classes for.
TEST(BenchCommand, TimesWhatCanBeSampled) {
  const std::string goldens = "tests/diffusers/goldens/";
  const auto bench = [&](const std::string& flags) {
    return run_ddim("bench --batch 1 --repetitions 1 --json " + flags);
  };
  for (const char* flags : {"learned_times", "learned_times --train", "learned_times --T 1"}) {
    const Outcome run = bench(goldens + flags);
    ASSERT_EQ(run.exit_code, 0) << flags << run.err;
    EXPECT_GT(Json::parse(run.out).at("median_ms"), 0.0) << flags;
  }
  for (const char* network : {"class_as_time", "class_vectors"}) {
    EXPECT_EQ(bench(goldens + network).exit_code, 0) << network;
    const Outcome run = bench(goldens + network + " --train");
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_NE(run.err.find("--train: a network is trained with a table of classes or with none"),
              std::string::npos)
        << run.err;
  }
}

#if defined(DDIM_EMULATED_CUDA)
TEST(BenchCommand, WorksOnAGpu) {
  const TemporaryFolder folder;
  make_micro_model(folder / "micro");
  const Outcome run = run_ddim(
      "bench --model " + (folder / "micro") + " --device cuda --batch 1 --repetitions 1 --json",
      "DDIM_CUDA_LIBRARY=" DDIM_EMULATED_CUDA);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json result = Json::parse(run.out);
  EXPECT_EQ(result.at("product_gflop_per_second"), 0.0);
  double sum_ms = 0.0;
  bool has_products = false;
  for (const Json& op : result.at("ops")) {
    sum_ms += op.at("ms").get<double>();
    has_products |= op.value("algorithm", "") == "implicit_product_tiles_64x64";
  }
  EXPECT_TRUE(has_products);
  EXPECT_GT(sum_ms, 0.0);
}
#endif

}  // namespace
}  // namespace ddim::cli_test
