#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "io/png.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"
#include "tests/train/tiny_run.h"
#include "train/run.h"
#include "train/train_config_keys.h"

namespace ddim::engine::train {

/// Runs of a tiny network in folders of their own, on the data in data/.
class RunTest : public ::testing::Test {
 protected:
  RunTest() { write_tiny_data(temporary_.path() / "data"); }

  TrainSummary train(const std::string& run, const TrainConfig& config, TrainOptions options) {
    options.config = config;
    if (options.data.empty()) options.data = temporary_.path() / "data";
    options.out = folder(run);
    return run_training(options, make_device(DeviceKind::cpu));
  }
  static std::filesystem::path made(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    return folder;
  }
  std::filesystem::path folder(const std::string& run) const { return temporary_.path() / run; }
  /// A folder of pictures that are not those of data/.
  std::filesystem::path held_out_data(const std::string& name) const {
    write_tiny_data(folder(name));
    const std::filesystem::path file = folder(name) / "t10k-images-idx3-ubyte";
    std::filesystem::rename(folder(name) / "train-images-idx3-ubyte", file);
    test::edit_text(file, "\xe6\xe6", "\xc8\xc8");
    return folder(name);
  }
  /// A folder of four pictures of each of these classes.
  std::filesystem::path class_pictures(const std::string& name,
                                       const std::vector<std::string>& classes) const {
    for (const std::string& each : classes)
      for (int i = 0; i < 4; ++i)
        io::write_png(made(folder(name) / each) / (std::to_string(i) + ".png"),
                      {8, 8, 1, std::vector<std::uint8_t>(64, static_cast<std::uint8_t>(i))}, {},
                      Overwrite::refuse);
    return folder(name);
  }
  /// tiny_config() of a network that is told so many classes.
  static TrainConfig config_with_classes(std::int64_t num_classes, double label_dropout = 0.0) {
    TrainConfig config = tiny_config();
    config.training.label_dropout = label_dropout;
    set_classes(config.model, num_classes, label_dropout);
    return config;
  }
  TrainSummary train_and_measure(const std::string& run, const TrainConfig& config,
                                 const MeasureQuality& measure, TrainOptions options = {}) {
    options.config = config;
    options.data = temporary_.path() / "data";
    options.out = folder(run);
    return run_training(options, make_device(DeviceKind::cpu), measure);
  }
  /// What it says while it trains.
  std::string log_of(const std::string& run, const TrainConfig& config, TrainOptions options) {
    options.show_progress = ShowProgress::on_stderr;
    testing::internal::CaptureStderr();
    try {
      train(run, config, std::move(options));
    } catch (const std::exception& error) {
      return testing::internal::GetCapturedStderr() + "ended by: " + error.what();
    }
    return testing::internal::GetCapturedStderr();
  }
  static std::string state_hash(const TrainSummary& result) {
    return sha256_of_file(result.checkpoint / "state.safetensors");
  }
  std::string metrics_without_times(const std::string& run) const {
    std::istringstream csv(test::read_text(folder(run) / "metrics.csv"));
    std::string result;
    for (std::string line; std::getline(csv, line);) {
      std::istringstream columns(line);
      std::string column;
      for (int i = 0; std::getline(columns, column, ','); ++i) {
        const bool of_an_interval = i == 2 || i == 5 || i == 6;  // loss, speed, time
        if (!of_an_interval) result += column + ',';
      }
      result += '\n';
    }
    return result;
  }

  test::TemporaryFolder temporary_;
};

}  // namespace ddim::engine::train
