#pragma once

#include <ddim/ddim.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>

#include "tests/api/small_models.h"
#include "tests/support/text_files.h"

namespace ddim::api_test {

namespace fs = std::filesystem;

inline constexpr std::int64_t kCount = 23;

class SampleFilesTest : public MicroModel {
 protected:
  static SampleOptions options() {
    return {.plan = {.steps = 3},
            .count = kCount,
            .seed = 5,
            .first_image = 100,
            .run = {.batch = 4, .threads = 2}};
  }
  DrawnFiles draw(const SampleFiles& files, SampleOptions options = SampleFilesTest::options()) {
    return sample_to_files(model_, make_plan(model_, options.plan), options, files);
  }
  /// Stops after `num_evaluations` of the network.
  void draw_and_stop(const SampleFiles& files, std::int64_t num_evaluations) {
    std::stop_source source;
    SampleOptions stopped = options();
    stopped.run.stop = source.get_token();
    stopped.run.progress = [&, left = num_evaluations](const RunProgress&) mutable {
      if (--left <= 0) source.request_stop();
    };
    try {
      draw(files, stopped);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::interrupted) << error.what();
    }
  }
  /// A file for each picture; bare ones do not say how they were drawn.
  SampleFiles into_folder(bool bare) const {
    SampleFiles files{.out = folder_ / (bare ? "bare" : "d")};
    if (bare) files.recipe = Recipe{};
    return files;
  }
  /// Everything in the folder, by name.
  std::map<std::string, std::string> contents(const fs::path& folder) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        files[fs::relative(entry.path(), folder).generic_string()] = test::read_text(entry.path());
    return files;
  }
};

}  // namespace ddim::api_test
