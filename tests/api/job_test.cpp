// Jobs, several models at the same time, and files in memory.
#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "tests/api/small_models.h"
#include "tests/support/expect_error.h"

namespace ddim::api_test {
namespace {

using std::chrono::milliseconds;
using test::expect_error;

/// A denoiser that takes its time with each call.
Model slow_model(milliseconds time) {
  return Model::from({.name = "slow",
                      .shape = {.channels = 1, .height = 2, .width = 2},
                      .process = {},
                      .predict = [time](const Denoiser::Call&, std::span<float> output) {
                        std::this_thread::sleep_for(time);
                        std::ranges::fill(output, 0.0F);
                      }});
}

class Jobs : public MicroModel {};

TEST_F(Jobs, DrawWhatSampleDraws) {
  const SampleOptions options{.plan = {.steps = 5}, .count = 3, .seed = 7};
  Samples samples;
  Job job([&](const RunOptions& run) {
    SampleOptions with_run = options;
    with_run.run = run;
    samples = sample(model_, with_run);
  });
  job.wait();
  EXPECT_EQ(samples.x_0.values, sample(model_, options).x_0.values);
  const JobStatus status = job.status();
  EXPECT_EQ(status.state, JobState::done);
  EXPECT_EQ(status.progress.evaluations_done, 15);
  EXPECT_EQ(status.progress.evaluations, 15);
  EXPECT_EQ(status.seconds_left, 0.0);
  EXPECT_EQ(status.error, "");
}

TEST_F(Jobs, AreWatchedAndCancelledFromOtherThreads) {
  const Model model = slow_model(milliseconds(5));
  std::atomic<int> told = 0;
  Job job([&](const RunOptions& run) { sample(model, {.plan = {.steps = 1000}, .run = run}); },
          {.threads = 1, .progress = [&](const RunProgress&) { ++told; }});
  EXPECT_FALSE(job.wait_for(milliseconds(1)));
  EXPECT_EQ(job.status().state, JobState::running);
  while (job.status().progress.evaluations_done < 3) std::this_thread::sleep_for(milliseconds(1));
  const JobStatus status = job.status();
  EXPECT_EQ(status.progress.evaluations, 1000);
  EXPECT_GT(status.seconds, 0.01);
  ASSERT_TRUE(status.seconds_left);
  EXPECT_GT(*status.seconds_left, 1.0);  // some 997 times 5 ms
  EXPECT_GE(told, 3);
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      job.cancel();
      job.status();
    });
  for (std::thread& other : others) other.join();
  EXPECT_TRUE(job.wait_for(milliseconds(10'000)));
  EXPECT_EQ(job.status().state, JobState::cancelled);
  EXPECT_LT(job.status().progress.evaluations_done, 1000);
  expect_error(ErrorCode::interrupted, "", [&] { job.wait(); });
}

TEST_F(Jobs, ListenToTheStopThatTheyAreGiven) {
  const Model model = slow_model(milliseconds(1));
  std::stop_source stop;
  const Job job(
      [&](const RunOptions& run) { sample(model, {.plan = {.steps = 1000}, .run = run}); },
      {.stop = stop.get_token()});
  stop.request_stop();
  EXPECT_TRUE(job.wait_for(milliseconds(10'000)));
  EXPECT_EQ(job.status().state, JobState::cancelled);
}

TEST_F(Jobs, SayWhatWentWrong) {
  const Job job([&](const RunOptions& run) {
    sample(model_, {.plan = {.steps = 5}, .count = 0, .run = run});
  });
  expect_error(ErrorCode::user, "count must be 1 or greater", [&] { job.wait(); });
  EXPECT_EQ(job.status().state, JobState::failed);
  EXPECT_EQ(job.status().code, ErrorCode::user);
  EXPECT_NE(job.status().error.find("count must be"), std::string::npos);

  const Job strange([](const RunOptions&) { throw std::logic_error("of its own"); });
  EXPECT_THROW(strange.wait(), std::logic_error);
  EXPECT_EQ(strange.status().code, ErrorCode::internal);
  const Job unreadable([](const RunOptions&) {
    throw std::filesystem::filesystem_error("status", "sub/folder",
                                            std::make_error_code(std::errc::permission_denied));
  });
  EXPECT_THROW(unreadable.wait(), std::filesystem::filesystem_error);
  EXPECT_EQ(unreadable.status().code, ErrorCode::io);
  EXPECT_EQ(unreadable.status().error, "sub/folder: Permission denied");
  EXPECT_EQ(strange.status().error, "internal error: of its own; please report it");
}

// Several models and several calls of one of them at the same time draw what each draws alone.
TEST_F(Jobs, OfSeveralModelsAtTheSameTimeDoNotDisturbEachOther) {
  const Model other = Model::load(folder_ / "micro");
  const auto drawn = [](const Model& model, std::uint64_t seed) {
    return sample(model, {.plan = {.steps = 20}, .count = 2, .seed = seed, .run = {.threads = 2}})
        .x_0.values;
  };
  constexpr std::uint64_t kNumJobs = 6;
  std::vector<std::vector<float>> results(kNumJobs);
  {
    std::vector<std::unique_ptr<Job>> jobs;
    for (std::uint64_t k = 0; k < kNumJobs; ++k)
      jobs.push_back(std::make_unique<Job>(
          [&, k](const RunOptions&) { results[k] = drawn(k % 2 == 0 ? model_ : other, k); }));
    for (const auto& job : jobs) job->wait();
  }
  for (std::uint64_t k = 0; k < kNumJobs; ++k) EXPECT_EQ(results[k], drawn(model_, k)) << k;
}

Bytes bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

class FileBytes : public MicroModel {};

TEST_F(FileBytes, AreThoseOfTheFiles) {
  const Samples samples = sample(model_, {.plan = {.steps = 3}, .count = 3});
  const GridOptions grid{.columns = 2, .scale = 2};
  write_png_grid(folder_ / "grid.png", samples, Overwrite::refuse, grid);
  EXPECT_EQ(png_grid_bytes(samples, grid), bytes_of(folder_ / "grid.png"));
  const Image image = to_image(samples.x_0, 1);
  write_png(folder_ / "one.png", image, {.text = samples.recipe});
  EXPECT_EQ(png_bytes(image, samples.recipe), bytes_of(folder_ / "one.png"));
  const std::vector<std::int64_t> labels = {1, 2, 3};
  write_npz(folder_ / "all.npz", samples.x_0, labels);
  EXPECT_EQ(npz_bytes(samples.x_0, labels), bytes_of(folder_ / "all.npz"));
  write_tensor(folder_ / "all.safetensors", "x_0", samples.x_0);
  EXPECT_EQ(tensor_bytes("x_0", samples.x_0), bytes_of(folder_ / "all.safetensors"));
}

TEST_F(FileBytes, AreReadAsFilesAre) {
  const Samples samples = sample(model_, {.plan = {.steps = 3}});
  const Bytes png = png_bytes(to_image(samples.x_0, 0));
  write_png(folder_ / "one.png", to_image(samples.x_0, 0));
  EXPECT_EQ(picture_from_bytes(model_, png, "one").values,
            load_pictures(model_, {folder_ / "one.png"}).values);
  EXPECT_EQ(mask_from_bytes(model_, png, "one").values,
            load_mask(model_, folder_ / "one.png").values);
  const Codes codes{.x_T = samples.x_0, .tau = {1, 2.5, 999}};
  write_codes(folder_ / "codes.safetensors", codes);
  const Bytes file = codes_bytes(codes);
  EXPECT_EQ(file, bytes_of(folder_ / "codes.safetensors"));
  const Codes read = codes_from_bytes(file, "codes");
  EXPECT_EQ(read.x_T.values, codes.x_T.values);
  EXPECT_EQ(read.tau, codes.tau);
}

TEST_F(FileBytes, ThatAreDamagedAreNamed) {
  const Bytes nothing(20);
  for (const char* what : {"picture", "mask", "codes"})
    expect_error(ErrorCode::corrupt, "mine", [&] {
      if (*what == 'p') picture_from_bytes(model_, nothing, "mine");
      if (*what == 'm') mask_from_bytes(model_, nothing, "mine");
      if (*what == 'c') codes_from_bytes(nothing, "mine");
    });
}

}  // namespace
}  // namespace ddim::api_test
